"""User shift by set of images, with intervals over images; the file that a run's configuration may name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from bifseg.analysis.intervals import ratio_interval
from bifseg.core.errors import InputError
from bifseg.robot.people.pooled import ALL_LABELS, ALL_MEASURES

EVERYWHERE = "all"
"""Name of the rows over all sets of images."""
_WHERE = {"box": "in the robot's box", "image": "on the whole image"}
_NEEDED = ("policy", "window", "set", "label", "measure", "n_images", "n_people", "ratio", "low", "high")


def shift_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The user shift of each policy in each set of images, and over all images.

    `ratio` is the mean distance of the policy to people over the mean distance between people: 1 for a policy that is
    as far from a person as another person is. Its 95% interval resamples images (`ratio_interval`).

    Args:
        rows: those of `image_shifts`, of one or several policies.

    Returns:
        Rows by `policy`, `set` (`all` first), `label` and `measure`, with `window`, `n_images`, `n_people` (most on an
        image), `people`, `robot`, `shift`, `spread`, `ratio`, `low` and `high`, over the images on which several people
        drew, or over all if there is none. The ratio is NaN if people do not differ or only one drew, the limits also
        with one image.
    """
    return pd.DataFrame([row for policy in rows.policy.unique() for row in _rows(rows, policy)])


def _rows(rows: pd.DataFrame, policy: str) -> Iterator[dict[str, object]]:
    own = rows[rows.policy == policy]
    for name in (EVERYWHERE, *own.group.unique()):
        part = own if name == EVERYWHERE else own[own.group == name]
        for (label, measure), values in part.groupby(["label", "measure"], sort=False):
            first = {"policy": policy, "set": name, "label": label, "measure": measure}
            first["window"] = str(values["window"].iloc[0])
            yield first | _summary(values)


def _summary(values: pd.DataFrame) -> dict[str, float]:
    complete = values.dropna(subset=["shift", "spread"])
    # An image on which one person drew has no spread: it must not count for the shift alone.
    values = complete if len(complete) else values
    columns = ("people", "robot", "shift", "spread")
    means = {name: float(values[name].mean()) for name in columns}
    ratio, low, high = np.nan, np.nan, np.nan
    if complete["spread"].sum() > 0:
        images = complete.group + "/" + complete.image
        interval = ratio_interval(complete["shift"], complete["spread"], images)
        ratio, low, high = interval.mean, max(interval.low, 0.0), interval.high
    counts = {"n_images": len(values), "n_people": int(values.n_people.max())}
    return counts | means | {"ratio": ratio, "low": low, "high": high}


def read_shift(path: Path) -> pd.DataFrame:
    """The table of a file that `bifseg robot shift` wrote.

    Args:
        path: `shift.csv`.

    Returns:
        The rows of `shift_table`.

    Raises:
        InputError: the file is missing or lacks a column.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as CSV; write it with `bifseg robot shift`") from error
    lacking = [name for name in _NEEDED if name not in table]
    if lacking:
        raise InputError(f"{path}: lacks the column {lacking[0]}; write it with `bifseg robot shift`")
    return table


def shift_line(policy: str, table: pd.DataFrame | None) -> str:
    """What a report says of the policy that was played.

    Args:
        policy: name and version.
        table: the rows of `shift_table`; None if the configuration names no file.

    Returns:
        One sentence.
    """
    if table is None:
        return f"How far the strokes of {policy} are from people's is unknown (`shift` in the configuration)."
    pooled = table[
        (table.policy == policy)
        & (table.set == EVERYWHERE)
        & (table.label == ALL_LABELS)
        & (table.measure == ALL_MEASURES)
    ]
    if pooled.empty or not np.isfinite(pooled.ratio.iloc[0]):
        return f"How far the strokes of {policy} are from people's is unknown: the shift file has no ratio of it."
    row = pooled.iloc[0]
    return (
        f"User shift of {policy}: its first strokes, drawn {_WHERE[row.window]}, are {row.ratio:.1f}"
        f"{interval_text(row)} times as far from a person's as people's are from each other ({row.n_people} people, "
        f"{row.n_images} images)."
    )


def interval_text(row: pd.Series) -> str:
    """The limits of a row.

    Args:
        row: of `shift_table`.

    Returns:
        ` [low, high]`; empty if there is no interval.
    """
    return f" [{row.low:.1f}, {row.high:.1f}]" if np.isfinite(row.low) and np.isfinite(row.high) else ""
