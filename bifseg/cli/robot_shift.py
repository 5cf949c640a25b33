"""`bifseg robot shift`: how far policies are from recorded people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bifseg.cli.options import OutFolder, Seed
from bifseg.cli.progress import tracked

if TYPE_CHECKING:
    from bifseg.robot.policies.policy import Policy

Recordings = Annotated[Path, typer.Argument(help="file of `bifseg robot record`", show_default=False)]
Draws = Annotated[int, typer.Option(min=1, help="drawings of every policy on every image")]
BoxMargin = Annotated[int, typer.Option(min=0, help="margin of the box in voxels, as in a cohort card")]
WholeImage = Annotated[
    bool,
    typer.Option(
        "--whole-image", help="draw on the whole image, as people without a box; default: in the box"
    ),
]


def shift(
    policies: Annotated[
        str,
        typer.Argument(metavar="POLICY", help="policy or policies, with commas, or all", show_default=False),
    ],
    recordings: Recordings,
    out: OutFolder,
    draws: Draws = 5,
    box_margin: BoxMargin = 10,
    whole_image: WholeImage = False,
    seed: Seed = 2018,
) -> None:
    """Measure how far a policy's first strokes are from people's, by set of images.

    The yardstick is the distance between people on the same image. Writes OUT/shift.csv and OUT/shift.md. A run whose
    configuration names the CSV (`shift`) states the figures of the policies that it played.
    """
    import pandas as pd

    from bifseg.analysis.user_shift import shift_line, shift_table
    from bifseg.core.errors import InputError
    from bifseg.reports.user_shift_page import write_shift
    from bifseg.robot.people.recordings import persons, read_recordings
    from bifseg.robot.people.robot_drawings import PolicyParameters
    from bifseg.robot.people.shift import image_shifts

    robots = chosen_policies(policies)
    recorded = read_recordings(recordings)
    if not persons(recorded):
        raise InputError(f"{recordings}: holds no strokes; import them with `bifseg robot record`")
    pages = [item.page() for item in recorded]
    parameters = PolicyParameters(seed, draws, None, box_margin, whole_image)
    rows = [
        image_shifts(pages, name, robot, parameters) for name, robot in tracked("drawing")(robots.items())
    ]
    table = shift_table(pd.concat(rows, ignore_index=True))
    write_shift(out, table)
    if len(persons(recorded)) == 1:
        typer.echo(
            "one person only: the spread between people is unknown, so there is no ratio and no interval"
        )
    for name in robots:
        typer.echo(shift_line(name, table))
    typer.echo(f"shift: {out / 'shift.md'}, {out / 'shift.csv'}")


def chosen_policies(names: str) -> dict[str, Policy]:
    """The policies that a command names.

    Args:
        names: names with versions and commas between, or `all`.

    Returns:
        Policies by name.

    Raises:
        InputError: a policy is unknown.
    """
    from bifseg.robot.policies.registry import POLICIES, policy

    chosen = POLICIES if names == "all" else [name.strip() for name in names.split(",")]
    return {name: policy(name) for name in chosen}
