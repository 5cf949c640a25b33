"""What the robot draws on the images that people scribbled on, measured as people's scribbles are.

People saw an image without a result and scribbled on the object and on the background. So the robot draws the opening
of a session, inside its box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

import pandas as pd

from bifseg.core.geometry import Box
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.core.seeds import generator
from bifseg.robot.box import draw_box
from bifseg.robot.opening import opening_strokes
from bifseg.robot.people.pages import Page, ScribbleMap
from bifseg.robot.people.stroke_statistics import leave_one_out, measure
from bifseg.robot.policies.centre_line import CentreLine, CentreLineParams
from bifseg.robot.policies.policy import Policy

LENGTHS_MM = (40.0, 80.0, 120.0, 160.0, 240.0, 320.0)
SHARES = ((0.4, 0.7), (0.6, 0.9), (0.8, 1.0))
BRUSHES_MM = (1.5, 1.75, 2.0, 2.25)
"""Values that the fit tries instead of the defaults of `centre-line`: longest stroke, share kept, brush radius."""


@dataclass(frozen=True)
class PolicyParameters:
    """How the robot draws in the comparison with people.

    Attributes:
        seed: run seed.
        draws: number of the robot's drawings of every image.
        strokes_per_label: as in a protocol card: most strokes of each label on each side of the opening; None: the
            number that the policy is made for.
        box_margin: as in a cohort card: most voxels between the object and a side of the robot's box.
        whole_image: whether the robot draws on the whole image, as people without a box do, or in its box.
    """

    seed: int = 2018
    draws: int = 5
    strokes_per_label: int | None = None
    box_margin: int = 10
    whole_image: bool = False


def robot_map(page: Page, robot: Policy, parameters: PolicyParameters, draw: int) -> ScribbleMap:
    """The scribbles of a policy in the opening of a session: on the object and on its background.

    Args:
        page: the image to draw on.
        robot: the policy.
        parameters: how the robot draws; `draws` is not used.
        draw: number of the drawing; each number gives another box and other strokes.

    Returns:
        Map of the image's shape: 0 nothing, 1 foreground, 2 background.
    """
    _, strokes = robot_strokes(page, robot, parameters, draw)
    return Scribbles(page.truth.shape).add(strokes).label_map()


def robot_strokes(
    page: Page, robot: Policy, parameters: PolicyParameters, draw: int
) -> tuple[Box, list[Stroke]]:
    """The box and the strokes of `robot_map`.

    Args:
        page: the image to draw on.
        robot: the policy.
        parameters: as in `robot_map`.
        draw: number of the drawing.

    Returns:
        The box of `robot_box`, and the strokes on the image's voxels.
    """
    names, box = ("people", page.group, page.name, draw), robot_box(page, parameters, draw)
    window = Box.whole(page.truth.shape) if parameters.whole_image else box
    drawn = opening_strokes(
        robot,
        page.truth[window.slices],
        page.spacing,
        lambda side: generator(parameters.seed, *names, side, f"{robot.name}/{robot.version}"),
        parameters.strokes_per_label or robot.strokes_per_label,
    )
    return box, [stroke.shifted(window.lower) for stroke in drawn]


def robot_box(page: Page, parameters: PolicyParameters, draw: int) -> Box:
    """The box that the robot draws; it does not depend on the policy of the strokes.

    Args:
        page: the image to draw on.
        parameters: as in `robot_map`.
        draw: number of the drawing.

    Returns:
        A box around the object.
    """
    names = ("people", page.group, page.name, draw)
    return draw_box(page.truth, parameters.box_margin, generator(parameters.seed, *names, "box/1"))


def people_drawings(pages: Iterable[Page]) -> pd.DataFrame:
    """The statistics of every person's scribbles.

    Args:
        pages: at least one with a drawing.

    Returns:
        The rows of `measure` with `group`, `image`, `who` (the person) and `person` (True), sorted by `who`.
    """
    rows = [_measured(page, who, True, drawn) for page in pages for who, drawn in page.people.items()]
    return pd.concat(rows, ignore_index=True).sort_values("who", kind="stable")


def robot_drawings(
    pages: Iterable[Page], who: str, robot: Policy, parameters: PolicyParameters
) -> pd.DataFrame:
    """The statistics of a policy's drawings of every image.

    Args:
        pages: at least one.
        who: name of the policy in the rows.
        robot: the policy.
        parameters: how the robot draws.

    Returns:
        The columns of `people_drawings`, with `person` False; `draws` rows for each image and label.
    """
    rows = [
        _measured(page, who, False, robot_map(page, robot, parameters, draw))
        for page in pages
        for draw in range(parameters.draws)
    ]
    return pd.concat(rows, ignore_index=True)


def candidates() -> dict[str, CentreLineParams]:
    """The parameters of `centre-line` that the fit tries.

    Returns:
        Parameters by their text, the defaults first.
    """
    grid = [
        CentreLineParams(max_length_mm=length, share_kept=share, brush_radius_mm=brush)
        for length, share, brush in product(LENGTHS_MM, SHARES, BRUSHES_MM)
    ]
    return {_text(params): params for params in (CentreLineParams(), *grid)}


def _text(params: CentreLineParams) -> str:
    least, most = params.share_kept
    return f"length {params.max_length_mm:g}, share {least:g}-{most:g}, brush {params.brush_radius_mm:g}"


def fit_centre_line(
    pages: list[Page],
    parameters: PolicyParameters,
    progress: Callable[
        [Iterable[tuple[str, CentreLineParams]]], Iterable[tuple[str, CentreLineParams]]
    ] = iter,
) -> pd.DataFrame:
    """The parameters of `centre-line` that come nearest to people, with each person left out in turn.

    Args:
        pages: images with the scribbles of at least two persons.
        parameters: how the robot draws.
        progress: wraps the candidates to show progress.

    Returns:
        The rows of `leave_one_out` over the `candidates`.
    """
    drawings = {
        name: robot_drawings(pages, name, CentreLine(params), parameters)
        for name, params in progress(candidates().items())
    }
    return leave_one_out(people_drawings(pages), drawings, _text(CentreLineParams()))


def _measured(page: Page, who: str, person: bool, drawn: ScribbleMap) -> pd.DataFrame:
    rows = measure(drawn, page.truth, page.spacing)
    return rows.assign(group=page.group, image=page.name, who=who, person=person)
