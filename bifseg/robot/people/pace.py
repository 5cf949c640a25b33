"""Seconds per stroke, fitted to time stamps: a fixed part, a part for each cm, and the pause between two strokes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd

from bifseg.core.errors import InputError
from bifseg.core.seeds import generator
from bifseg.robot.people.recordings import Recorded, Timed

PACE = {
    "draw_s": "seconds to draw a stroke of any length",
    "draw_s_cm": "further seconds for each cm of the stroke on the object",
    "pause_s": "median seconds from the end of a stroke to the start of the next",
    "stroke_s": "median seconds per stroke",
}
"""Descriptions of the fitted numbers, by name."""
_DRAWS = 1000


def fit_pace(recorded: list[Recorded], seed: int = 2018) -> pd.DataFrame:
    """The pace of all people together, by least squares over their timed strokes.

    The interval is the percentile bootstrap over drawings (a person on an image).

    Args:
        recorded: images with people's strokes.
        seed: seed of the bootstrap.

    Returns:
        A row for each number of `PACE`: `name`, `value`, `low`, `high` (NaN with one drawing), `n_strokes` and
        `n_drawings`.

    Raises:
        InputError: fewer than three strokes of different lengths have time stamps.
    """
    drawings = [
        list(_timed(strokes, item.grid.spacing)) for item in recorded for strokes in item.people.values()
    ]
    drawings = [drawing for drawing in drawings if drawing]
    strokes = [stroke for drawing in drawings for stroke in drawing]
    if len(strokes) < 3 or len({length for length, _, _ in strokes}) < 2:
        raise InputError(
            f"{len(strokes)} strokes have time stamps: seconds per stroke cannot be fitted; record logs with times_s"
        )
    point, rng = _fit(strokes), generator(seed, "pace")
    draws = np.array(
        [
            _fit([s for k in rng.integers(0, len(drawings), len(drawings)) for s in drawings[k]])
            for _ in range(_DRAWS if len(drawings) > 1 else 0)
        ]
    )
    rows = []
    for k, name in enumerate(PACE):
        known = draws[np.isfinite(draws[:, k]), k] if len(draws) else np.zeros(0)
        low, high = np.quantile(known, [0.025, 0.975]) if known.size else (np.nan, np.nan)
        rows.append({"name": name, "value": point[k], "low": low, "high": high})
    return pd.DataFrame(rows).assign(n_strokes=len(strokes), n_drawings=len(drawings))


def _timed(strokes: tuple[Timed, ...], spacing: tuple[float, ...]) -> Iterator[tuple[float, float, float]]:
    """Length in cm, seconds, and seconds until the next stroke (NaN for the last) of each timed stroke."""
    timed = [(s.stroke.length_mm(spacing) / 10, s.start_s, s.end_s) for s in strokes]
    known = sorted((a, b, cm) for cm, a, b in timed if a is not None and b is not None)
    pauses = [max(after[0] - before[1], 0.0) for before, after in pairwise(known)]
    for (start, end, cm), pause in zip(known, [*pauses, np.nan], strict=False):
        yield cm, end - start, pause


def _fit(strokes: list[tuple[float, float, float]]) -> tuple[float, float, float, float]:
    """The numbers of `PACE` in their order."""
    cm, seconds, pauses = np.array(strokes, float).T
    slope, fixed = np.polyfit(cm, seconds, 1) if np.ptp(cm) > 0 else (np.nan, np.nan)
    known = pauses[np.isfinite(pauses)]
    pause = float(np.median(known)) if known.size else np.nan
    return float(fixed), float(slope), pause, float(np.median(seconds))
