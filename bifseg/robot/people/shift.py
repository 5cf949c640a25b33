"""User shift: how far a policy's first strokes are from those of people who drew on the same image.

Marinov et al. (arXiv 2404.01816) call the difference between real and simulated annotators the user shift. They measure
clicks. For strokes we take the statistics of `stroke_statistics` and the overlap of the painted voxels, and divide the
distance of the policy to each person by the distance of the persons to each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, combinations, product

import numpy as np
import pandas as pd

from bifseg.core.overlap import dice
from bifseg.robot.people.pages import Page, ScribbleMap
from bifseg.robot.people.pooled import ALL_LABELS, ALL_MEASURES
from bifseg.robot.people.robot_drawings import PolicyParameters, robot_map
from bifseg.robot.people.stroke_statistics import LABELS, STATISTICS, measure
from bifseg.robot.policies.policy import Policy

OVERLAP = "overlap"
MEASURES = {
    **STATISTICS,
    "relative_length": "length of all strokes, relative to the diameter of a disc (ball) as large as the object",
    OVERLAP: "Dice of the painted voxels of two drawings",
}
"""Descriptions of the measures, by name."""


def image_shifts(
    pages: Iterable[Page], who: str, robot: Policy, parameters: PolicyParameters
) -> pd.DataFrame:
    """The distances of a policy to people, and between people, on every image.

    The distance of two drawings is the absolute difference of ln(1 + value), so that twice as long and half as long
    are about equally far; the coverage is in %. For the share outside it is the difference itself, for the overlap
    1 - Dice. The policy draws the opening of a session, as in `robot_map`. A measure that a drawing lacks is left out,
    such as the thickness of no strokes.

    Args:
        pages: images with people's strokes; images without any are left out.
        who: name of the policy in the rows.
        robot: the policy.
        parameters: how the robot draws.

    Returns:
        A row for each image, label and measure, and for `ALL_LABELS` and `ALL_MEASURES`: `policy`, `window` (where it
        drew: `box` or `image`), `group`, `image`, `label`, `measure`, `n_people`, `people` and `robot` (means of the
        measure), `shift` (mean distance of the policy to each person), `spread` (mean distance between persons; NaN
        for one person).
    """
    drawn = [
        (page, [robot_map(page, robot, parameters, k) for k in range(parameters.draws)])
        for page in pages
        if page.people
    ]
    rows = pd.DataFrame([row for page, maps in drawn for row in _image_rows(page, maps)])
    window = "image" if parameters.whole_image else "box"
    return _with_pooled(rows).assign(policy=who, window=window) if len(rows) else rows


def drawing_values(drawn: ScribbleMap, truth: np.ndarray, spacing: tuple[float, ...]) -> pd.DataFrame:
    """The measures of one drawing.

    Args:
        drawn: map: 0 nothing, 1 foreground, 2 background.
        truth: mask of the object, of the same shape.
        spacing: mm, in the same order.

    Returns:
        A row for each label (the index), with a column for each of `MEASURES` but the overlap.
    """
    values = measure(drawn, truth, spacing).set_index("label")
    size = float(truth.sum() * np.prod(spacing))
    diameter = 2 * np.sqrt(size / np.pi) if truth.ndim == 2 else np.cbrt(6 * size / np.pi)
    return values.assign(relative_length=values.total_mm / diameter)


def _image_rows(page: Page, maps: list[ScribbleMap]) -> Iterable[dict[str, object]]:
    """The rows of one image; `values` holds the people's values, from which the pooled scale is computed."""
    people = list(page.people.values())
    values = [[drawing_values(m, page.truth, page.spacing) for m in side] for side in (people, maps)]
    for (number, label), name in product(LABELS.items(), MEASURES):
        scaled: list[list[float]] = [[], []]
        if name == OVERLAP:
            own = [[m == number for m in side] for side in (people, maps)]
            near = [dice(a, b) for a, b in product(*own) if a.any() or b.any()]
            among = [dice(a, b) for a, b in combinations(own[0], 2) if a.any() or b.any()]
            means, distances, between = [among, near], 1 - np.array(near), 1 - np.array(among)
        else:
            means = [[float(v[name][label]) for v in side] for side in values]
            scaled = [[on_scale(name, value) for value in side] for side in means]
            distances = np.array([abs(a - b) for a, b in product(*scaled)])
            between = np.array([abs(a - b) for a, b in combinations(scaled[0], 2)])
        yield {
            "group": page.group,
            "image": page.name,
            "label": label,
            "measure": name,
            "n_people": len(people),
            "people": _mean(means[0]),
            "robot": _mean(means[1]),
            "shift": _mean(distances),
            "spread": _mean(between),
            "values": scaled[0],
        }


def on_scale(name: str, value: float) -> float:
    """A measure's value on the scale of its distance.

    Args:
        name: name of the measure.
        value: the measure of a drawing; NaN stays NaN.

    Returns:
        ln(1 + value), with the coverage in %; for the share outside, the value itself.
    """
    if name == "outside":
        return value
    return float(np.log1p(100 * value if name == "coverage" else value))


def _with_pooled(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, and one for each image that pools labels and measures in units of people's standard deviation."""
    scale = {
        key: _deviation(chain.from_iterable(part["values"]))
        for key, part in rows.groupby(["label", "measure"], sort=False)
    }
    units = np.array([scale[key] for key in zip(rows.label, rows.measure, strict=True)])
    scaled = rows.assign(shift=rows["shift"] / units, spread=rows["spread"] / units)
    pooled: pd.DataFrame = (
        scaled[np.isfinite(units)]
        .groupby(["group", "image"], sort=False, as_index=False)
        .agg({"n_people": "first", "shift": "mean", "spread": "mean"})
        .assign(label=ALL_LABELS, measure=ALL_MEASURES)
    )
    return pd.concat([rows.drop(columns="values"), pooled], ignore_index=True)


def _deviation(values: Iterable[float]) -> float:
    known = np.array(list(values), float)
    known = known[np.isfinite(known)]
    deviation = float(known.std()) if known.size else 0.0
    return deviation if deviation > 0 else np.nan


def _mean(values: Iterable[float]) -> float:
    """The mean of the values that are not NaN; NaN without any."""
    known = np.array([v for v in values if np.isfinite(v)])
    return float(known.mean()) if known.size else np.nan
