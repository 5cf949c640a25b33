"""`bifseg robot ranking`: whether methods rank alike by people's strokes and by a policy's."""

from __future__ import annotations

from typing import Annotated

import typer

from bifseg.cli.options import OutFolder, Seed
from bifseg.cli.progress import tracked
from bifseg.cli.robot_shift import BoxMargin, Draws, Recordings, WholeImage, chosen_policies

_TOOLS = "geos,random-walks,growcut,slic-seg,grabcut,grabcut-opencv"


def ranking(
    recordings: Recordings,
    out: OutFolder,
    methods: Annotated[
        str, typer.Option(help="methods without a network: registered names or module:Class, with commas")
    ] = _TOOLS,
    policies: Annotated[str, typer.Option(help="policies, with commas, or all")] = (
        "centre-line/1,person/1,contour/1,centre-click/1"
    ),
    draws: Draws = 1,
    box_margin: BoxMargin = 10,
    whole_image: WholeImage = False,
    seed: Seed = 2018,
) -> None:
    """Rank methods by people's strokes and by each policy's, and say how well the ranks agree.

    Every method gets all strokes of a drawing at once. Writes OUT/scores.csv, agreement.csv and ranking.md.
    """
    import pandas as pd

    from bifseg.analysis.rank_agreement import rank_agreement
    from bifseg.core.errors import InputError
    from bifseg.reports.ranking_page import write_ranking
    from bifseg.robot.people.recordings import persons, read_recordings
    from bifseg.robot.people.robot_drawings import PolicyParameters
    from bifseg.runs.stroke_ranking import built_methods, stroke_scores

    robots, names = chosen_policies(policies), [name.strip() for name in methods.split(",")]
    if len(set(names)) < 3:
        raise InputError(f"--methods {methods}: a rank correlation needs at least 3 methods")
    recorded = [item for item in read_recordings(recordings) if item.people]
    if not recorded:
        raise InputError(f"{recordings}: holds no strokes; import them with `bifseg robot record`")
    built = built_methods(names, recorded)
    parameters = PolicyParameters(seed, draws, None, box_margin, whole_image)
    parts = [next(stroke_scores([item], built, robots, parameters)) for item in tracked("playing")(recorded)]
    scores = pd.concat(parts, ignore_index=True)
    write_ranking(out, scores, rank_agreement(scores, seed))
    if len(persons(recorded)) == 1:
        typer.echo("one person only: nobody to compare this person's ranking with")
    typer.echo(f"ranking: {out / 'ranking.md'}")
