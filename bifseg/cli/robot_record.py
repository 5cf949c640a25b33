"""`bifseg robot record`: people's strokes as one recordings file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.options import OutFile
from bifseg.core.errors import InputError


def record(
    source: Annotated[
        Path,
        typer.Argument(
            help="table (TSV) of drawings, or folder in the layout of MedScribble", show_default=False
        ),
    ],
    out: OutFile,
) -> None:
    """Import people's strokes into one file, from maps of scribbles or from a viewer's logs.

    A table has the columns set, image, truth, person, drawn and perhaps label. `drawn` is a map of scribbles on the
    truth's grid (0 nothing, 1 object, 2 background) or a log (docs/robot.md). --out is a JSON file for `bifseg robot
    shift`, `ranking` and `effort`.
    """
    from bifseg.robot.people.importing import imported, listed_drawings
    from bifseg.robot.people.recordings import is_timed, persons, write_recordings

    if out.suffix != ".json":
        raise InputError(f"--out {out}: recordings are JSON; write to a file that ends in .json")
    recorded, copies = imported(listed_drawings(source))
    write_recordings(out, recorded)
    people = persons(recorded)
    drawings = sum(len(item.people) for item in recorded)
    typer.echo(f"{out}: {drawings} drawings of {len(people)} people on {len(recorded)} images")
    for line in copies:
        typer.echo(f"left out, because these drawings are equal in every voxel: {line}")
    if not is_timed(recorded):
        typer.echo("no time stamps: seconds per stroke cannot be fitted")
    if len(people) == 1:
        typer.echo("one person only: the spread between people, and so an interval, cannot be computed")
