"""`bifseg robot compare`: compares the robot's strokes with people's."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.options import OutFolder, Seed
from bifseg.cli.progress import tracked


def compare(
    path: Annotated[
        Path,
        typer.Argument(help="folder of people's scribbles in the layout of MedScribble", show_default=False),
    ],
    out: OutFolder,
    draws: Annotated[int, typer.Option(min=1, help="drawings of every policy in every image")] = 5,
    strokes_per_label: Annotated[
        int | None,
        typer.Option(min=1, help="most strokes on either label; default: what each policy is made for"),
    ] = None,
    box_margin: Annotated[
        int, typer.Option(min=0, help="margin of the box in voxels, as in a cohort card")
    ] = 10,
    fit: Annotated[
        bool, typer.Option("--fit", help="also fit the parameters of centre-line, leaving one person out")
    ] = False,
    seed: Seed = 2018,
) -> None:
    """Compare people's scribbles with those of every policy by the same statistics.

    Each folder in PATH with label.png and human_scribble_0.png, ... is an image. A PNG has no spacing, so that sizes
    are in pixels. Writes OUT/comparison.csv, comparison.md, people.png and a picture of every image.
    """
    import pandas as pd

    from bifseg.reports.people_page import write_comparison
    from bifseg.robot.people.pages import read_pages, without_copies
    from bifseg.robot.people.robot_drawings import (
        PolicyParameters,
        fit_centre_line,
        people_drawings,
        robot_drawings,
        robot_map,
    )
    from bifseg.robot.people.stroke_statistics import compare as compare_drawings
    from bifseg.robot.policies.registry import POLICIES, policy

    pages, copies = without_copies(read_pages(path))
    parameters = PolicyParameters(seed, draws, strokes_per_label, box_margin)
    drawings = [people_drawings(pages)]
    drawings += [
        robot_drawings(pages, name, policy(name), parameters) for name in tracked("drawing")(POLICIES)
    ]
    comparison = compare_drawings(pd.concat(drawings, ignore_index=True))
    robots = {
        name: partial(robot_map, robot=policy(name), parameters=parameters, draw=0) for name in POLICIES
    }
    fitted = fit_centre_line(pages, parameters, tracked("fitting")) if fit else None
    write_comparison(out, comparison, pages, robots, copies, fitted)
    typer.echo(f"comparison: {out / 'comparison.md'}")
