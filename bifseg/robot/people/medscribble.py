"""Scribbles that people drew, and what the robot draws in their place.

Laid out as our copy of MedScribble (Wong et al., ECCV 2024): anywhere below a folder, one folder an image with
`label.png` and `human_scribble_0.png`, `human_scribble_1.png`, ..., a file a person, maybe `image.png`. People saw an
image without a result and were asked for scribbles on the object and on the background. So the robot is asked as in
the opening of a session, inside its box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.core.errors import InputError
from bifseg.core.geometry import Mask
from bifseg.core.images import read_array
from bifseg.core.scribbles import Scribbles
from bifseg.core.seeds import generator
from bifseg.robot.box import draw_box
from bifseg.robot.opening import opening_strokes
from bifseg.robot.people.stroke_statistics import leave_one_out, measure
from bifseg.robot.policies.centre_line import CentreLine, CentreLineParams
from bifseg.robot.policies.policy import Policy

ScribbleMap = NDArray[np.uint8]

LENGTHS_MM = (40.0, 80.0, 120.0, 160.0, 240.0, 320.0)
SHARES = ((0.4, 0.7), (0.6, 0.9), (0.8, 1.0))
BRUSHES_MM = (1.5, 1.75, 2.0, 2.25)
"""What is tried in place of the defaults of `centre-line`: longest stroke, share kept, radius of the brush."""


@dataclass(frozen=True)
class Page:
    """An image that people scribbled on.

    Attributes:
        name: of its folder.
        group: of the folder above: images of one kind.
        truth: (y, x) the object.
        spacing: mm, in the same order; 1 mm where a file such as PNG has no size, so that mm are pixels.
        people: map of scribbles by person, `person 1`, ...: 0 nothing, 1 foreground, 2 background.
        image: (y, x) the grey values, where the folder has them.
    """

    name: str
    group: str
    truth: Mask
    spacing: tuple[float, float]
    people: dict[str, ScribbleMap]
    image: NDArray[np.generic] | None


def read_pages(folder: Path) -> list[Page]:
    """All images below `folder`, by name; raises InputError for none, or for a file that does not fit its label."""
    labels = sorted(folder.rglob("label.png"))
    pages = [_read_page(path) for path in labels if any(path.parent.glob("human_scribble_*.png"))]
    if not pages:
        raise InputError(f"{folder}: no folder with label.png and human_scribble_0.png, _1.png, ... below it")
    return pages


def _read_page(label: Path) -> Page:
    truth, grid = read_array(label)
    if truth.ndim != 2 or not truth.any() or truth.all():
        raise InputError(f"{label}: must be a 2D image with an object and background")
    paths = sorted(label.parent.glob("human_scribble_*.png"))
    image = label.with_name("image.png")
    return Page(
        label.parent.name,
        label.parent.parent.name,
        truth > 0,
        (grid.spacing[0], grid.spacing[1]),
        {f"person {_number(path) + 1}": _read_scribbles(path, truth.shape) for path in paths},
        read_array(image)[0] if image.is_file() else None,
    )


def _number(path: Path) -> int:
    number = path.stem.removeprefix("human_scribble_")
    if not number.isdigit():
        raise InputError(f"{path}: name it human_scribble_NUMBER.png, a number a person, from 0")
    return int(number)


def _read_scribbles(path: Path, shape: tuple[int, ...]) -> ScribbleMap:
    drawn, _ = read_array(path)
    if drawn.shape != shape:
        raise InputError(f"{path}: has shape {drawn.shape}, its label {shape}; save them on one grid")
    strange = np.setdiff1d(drawn, (0, 1, 2))
    if strange.size:
        raise InputError(f"{path}: has the value {strange[0]}; use 0 nothing, 1 foreground, 2 background")
    return drawn.astype(np.uint8)


def without_copies(pages: list[Page]) -> tuple[list[Page], list[str]]:
    """The pages without drawings that stand in several images alike, and a line for each that was left out.

    Nobody draws the same twice to the voxel: one of the files is a copy, and nothing tells which.
    """
    places: dict[bytes, list[str]] = {}
    for page in pages:
        for who, drawn in page.people.items():
            places.setdefault(_key(drawn), []).append(f"{page.group}/{page.name} {who}")
    kept = [
        replace(page, people={who: d for who, d in page.people.items() if len(places[_key(d)]) == 1})
        for page in pages
    ]
    return kept, [" = ".join(same) for same in places.values() if len(same) > 1]


def _key(drawn: ScribbleMap) -> bytes:
    return repr(drawn.shape).encode() + drawn.tobytes()


@dataclass(frozen=True)
class PolicyParameters:
    """How the robot is asked to draw.

    Attributes:
        seed: run seed.
        draws: drawings of every image.
        strokes_per_label: as in a protocol card: most strokes of each label on each side of the opening.
        box_margin: as in a cohort card: most voxels between the object and a side of the robot's box.
    """

    seed: int = 2018
    draws: int = 5
    strokes_per_label: int = 1
    box_margin: int = 10


def robot_map(page: Page, robot: Policy, asked: PolicyParameters, draw: int) -> ScribbleMap:
    """What a policy draws in the opening of a session: on the object, then on either side of it, in its box.

    Other numbers `draw` give other boxes and strokes.
    """
    names = ("people", page.group, page.name, draw)
    box = draw_box(page.truth, asked.box_margin, generator(asked.seed, *names, "box/1"))
    drawn = opening_strokes(
        robot,
        page.truth[box.slices],
        page.spacing,
        lambda side: generator(asked.seed, *names, side, f"{robot.name}/{robot.version}"),
        asked.strokes_per_label,
    )
    return box.paste(Scribbles(box.shape).add(drawn).label_map(), page.truth.shape)


def people_drawings(pages: Iterable[Page]) -> pd.DataFrame:
    """`measure` of every person's scribbles, with `group`, `image`, `who` and `person`."""
    found = [_measured(page, who, True, drawn) for page in pages for who, drawn in page.people.items()]
    return pd.concat(found, ignore_index=True).sort_values("who", kind="stable")


def robot_drawings(pages: Iterable[Page], who: str, robot: Policy, asked: PolicyParameters) -> pd.DataFrame:
    """`measure` of the drawings of a policy in every image, with the columns of `people_drawings`."""
    found = [
        _measured(page, who, False, robot_map(page, robot, asked, draw))
        for page in pages
        for draw in range(asked.draws)
    ]
    return pd.concat(found, ignore_index=True)


def candidates() -> dict[str, CentreLineParams]:
    """The parameters of `centre-line` that are tried, by their text; its defaults first."""
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
    asked: PolicyParameters,
    progress: Callable[
        [Iterable[tuple[str, CentreLineParams]]], Iterable[tuple[str, CentreLineParams]]
    ] = iter,
) -> pd.DataFrame:
    """`leave_one_out` over the `candidates` of `centre-line`."""
    tried = {
        name: robot_drawings(pages, name, CentreLine(params), asked)
        for name, params in progress(candidates().items())
    }
    return leave_one_out(people_drawings(pages), tried, _text(CentreLineParams()))


def _measured(page: Page, who: str, person: bool, drawn: ScribbleMap) -> pd.DataFrame:
    rows = measure(drawn, page.truth, page.spacing)
    return rows.assign(group=page.group, image=page.name, who=who, person=person)
