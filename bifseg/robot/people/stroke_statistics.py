"""Statistics of scribbles. They use only the painted voxels, so that people and the robot are measured alike.

A map of scribbles keeps no order and no paths. So the strokes of a label are its connected components, for people
and for the robot: two strokes that cross count as one longer stroke. In a volume they are split into slices
(`drawing.tracing`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.stats import wasserstein_distance
from skimage.graph import pixel_graph
from skimage.morphology import thin

from bifseg.core.geometry import Box, Mask
from bifseg.robot.drawing.tracing import painted_patches

STATISTICS = {
    "strokes": "strokes (connected components)",
    "total_mm": "length of all strokes, mm",
    "stroke_mm": "mean length of a stroke, mm",
    "thickness_mm": "thickness, mm",
    "coverage": "share of the object's (background's) area that is painted",
    "border_mm": "median distance of the painted voxels to the object's border, mm",
    "outside": "share of the foreground strokes on background, and the reverse",
}
"""Descriptions of the statistics of the strokes of a label in an image, by column."""
FITTED = ("stroke_mm", "thickness_mm", "border_mm", "outside")
"""The statistics that a policy's parameters determine; the others depend on the protocol's number of strokes."""
LABELS = {1: "foreground", 2: "background"}
PEOPLE, EVERYWHERE = "people", "all"
"""Names of the pooled rows: all persons, and all groups of images."""


def measure(scribbles: NDArray[np.uint8], truth: Mask, spacing: tuple[float, ...]) -> pd.DataFrame:
    """The `STATISTICS` of both labels of a map of scribbles.

    The length is that of the skeleton. Its steps are straight or diagonal, so it is up to 8 % longer than a straight
    line, and up to half a brush longer or shorter at each end. The thickness w is the width of n strokes with round
    ends that have the same area A and length L: A = w L + n pi w^2 / 4. A dot has length 0 and the diameter of its
    disc as thickness.

    Args:
        scribbles: map (y, x) or (z, y, x): 0 nothing, 1 foreground, 2 background.
        truth: mask of the object, of the same shape, neither empty nor all True.
        spacing: mm, in the same order.

    Returns:
        A row for each label, with its name in `label`. A label without strokes has 0 for strokes, total length and
        coverage, and NaN for all others.

    Raises:
        ValueError: the shapes differ, or the truth has no border.
    """
    if scribbles.shape != truth.shape:
        raise ValueError(f"scribbles {scribbles.shape} and truth {truth.shape} are not one image")
    if truth.all() or not truth.any():
        raise ValueError("the truth is empty or fills the image: it has no border")
    border_mm = sum(ndimage.distance_transform_edt(side, sampling=spacing) for side in (truth, ~truth))
    rows = [
        {"label": name, **_measure_label(scribbles == value, truth == (value == 1), spacing, border_mm)}
        for value, name in LABELS.items()
    ]
    return pd.DataFrame(rows)


def _measure_label(
    painted: Mask, side: Mask, spacing: tuple[float, ...], border_mm: NDArray[np.float64]
) -> dict[str, float]:
    """The statistics of one label; `side` is the side of the truth's border on which its strokes belong."""
    strokes = list(painted_patches(painted, spacing))
    n_strokes = len(strokes)
    length = float(sum(_skeleton_mm(stroke.mask, stroke.spacing) for stroke in strokes))
    area_mm2 = sum(stroke.area_mm2 for stroke in strokes)
    return {
        "strokes": n_strokes,
        "total_mm": length,
        "stroke_mm": length / n_strokes if n_strokes else np.nan,
        "thickness_mm": _thickness_mm(area_mm2, length, n_strokes),
        "coverage": (painted & side).sum() / side.sum(),
        "border_mm": float(np.median(border_mm[painted])) if n_strokes else np.nan,
        "outside": (painted & ~side).sum() / painted.sum() if n_strokes else np.nan,
    }


def _skeleton_mm(painted: Mask, spacing: tuple[float, float]) -> float:
    """Length of the skeleton: its minimum spanning forest, so that a corner counts once."""
    # the only one of skimage's skeletons that keeps diagonal strokes whole
    skeleton = thin(painted[Box.around(painted).slices])
    graph, _ = pixel_graph(skeleton, connectivity=2, spacing=spacing)
    return float(minimum_spanning_tree(graph).sum())


def _thickness_mm(area_mm2: float, length_mm: float, n_strokes: int) -> float:
    """The width w of n strokes with round ends: area = w length + n pi w^2 / 4."""
    if not n_strokes:
        return np.nan
    ends = np.pi * n_strokes
    return float(2 * (np.sqrt(length_mm**2 + ends * area_mm2) - length_mm) / ends)


def compare(drawings: pd.DataFrame) -> pd.DataFrame:
    """Quartiles of every statistic, and its distances: each person to the other persons, each policy to people.

    The distance of two samples is the Wasserstein distance, in the statistic's unit. `normalised` divides it by the
    standard deviation over all people's drawings of the same group and label. NaN values (labels without strokes) are
    left out of both.

    Args:
        drawings: rows of `measure` with `group` (a set of images), `who` and `person` (True for people).

    Returns:
        Rows by `group` (each, and `all`), `label`, `who` (persons, `people`, policies) and `statistic`, with
        `person`, `n`, `q25`, `median`, `q75`, `distance` and `normalised` (NaN if people do not vary).
    """
    groups = [(EVERYWHERE, drawings), *drawings.groupby("group", sort=False)]
    return pd.concat([_compare_group(part).assign(group=group) for group, part in groups], ignore_index=True)


def _compare_group(drawings: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {"label": label, "statistic": name} | row
        for label, part in drawings.groupby("label", sort=False)
        for name in STATISTICS
        for row in _compare_statistic(part, name)
    ]
    return pd.DataFrame(rows)


def _compare_statistic(part: pd.DataFrame, name: str) -> list[dict[str, object]]:
    """A row for each person, then one for all people, then one for each policy."""
    known = part[["who", "person", name]].dropna()
    people = known[known.person]
    spread = float(people[name].std(ddof=0)) if len(people) else np.nan
    rows: list[dict[str, object]] = []
    for is_person in (True, False):
        for who in part.who[part.person == is_person].unique():
            own, others = known[name][known.who == who], people[name][people.who != who]
            rows.append({"who": who, "person": is_person, **_summary(own, others, spread)})
        if is_person:
            rows.append({"who": PEOPLE, "person": True, **_summary(people[name], people[name][:0], spread)})
    return rows


def _summary(values: pd.Series, others: pd.Series, spread: float) -> dict[str, float]:
    """Quartiles of values, and their distance to others, also in units of the spread."""
    q25, median, q75 = values.quantile([0.25, 0.5, 0.75])
    distance = wasserstein_distance(values, others) if len(values) and len(others) else np.nan
    normalised = distance / spread if spread > 0 else np.nan
    return {
        "n": len(values),
        "q25": q25,
        "median": median,
        "q75": q75,
        "distance": distance,
        "normalised": normalised,
    }


def mean_distance(comparison: pd.DataFrame, statistics: Sequence[str] = tuple(STATISTICS)) -> pd.Series:
    """The mean normalised distance over statistics and both labels; NaN values are left out.

    Args:
        comparison: rows of `compare`.
        statistics: columns of `STATISTICS` that count.

    Returns:
        Means by `group` and `who`, without the pooled `people`.
    """
    chosen = comparison[comparison.statistic.isin(statistics) & (comparison.who != PEOPLE)]
    return chosen.groupby(["group", "who"], sort=False)["normalised"].mean()


def leave_one_out(people: pd.DataFrame, robots: dict[str, pd.DataFrame], default: str) -> pd.DataFrame:
    """For each person, the candidate nearest to all other persons, and its distance to the person left out.

    The nearest has the smallest `mean_distance` over `FITTED`; of equal candidates we take the first.

    Args:
        people: rows of `measure` with `group`, `who` and `person`.
        robots: the same rows of the robot, a frame for each candidate.
        default: name of the candidate with the default parameters.

    Returns:
        A row for each person left out (`held_out`), and a last one with `held_out` empty, fitted to all: `chosen`, and
        for it and the default the distance to the persons it was fitted to (`fitted_chosen`, `fitted_default`) and to
        the one left out (`held_out_chosen`, `held_out_default`; NaN in the last row).
    """
    rows = []
    for held_out in [*people.who.unique(), ""]:
        others = people[people.who != held_out]
        distances = {name: _distance_to(others, robot) for name, robot in robots.items()}
        chosen, person = min(distances, key=distances.__getitem__), people[people.who == held_out]
        row: dict[str, object] = {"held_out": held_out, "chosen": chosen}
        for kind, name in (("chosen", chosen), ("default", default)):
            row[f"fitted_{kind}"] = distances[name]
            row[f"held_out_{kind}"] = _distance_to(person, robots[name]) if held_out else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _distance_to(people: pd.DataFrame, robot: pd.DataFrame) -> float:
    comparison = _compare_group(pd.concat([people, robot])).assign(group=EVERYWHERE)
    return float(mean_distance(comparison[~comparison.person], FITTED).iloc[0])
