"""Tidy scores from stored sessions and truth, so that a new metric needs no new session.

One row a step, with the columns of `COLUMNS`. Effort and seconds are cumulative: from the start to the end of the
step. The row of a completed step has status `ok`. A session that failed or ran out of time has one more row, for the
step without a result: it scores as an empty result (the metrics' edge cases) and holds the session's status and error.
A stuck session has a final result: its last row holds the status.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.effort import effort
from bifseg.analysis.words import with_categories
from bifseg.cards.entries import split_seed
from bifseg.core.errors import InputError, short
from bifseg.core.files import writing
from bifseg.core.geometry import Box, Mask
from bifseg.core.metrics import DEFAULT_TOLERANCE_MM, Metric, Worst, built_in, edge_scores, score
from bifseg.core.parquet import read_parquet, write_parquet
from bifseg.core.run_place import run_place
from bifseg.sessions.record import Session, Step

_TEXT, _FLAG, _COUNT, _NUMBER = "str", "bool", "int64", "float64"
ORIGIN = ("seed", "commit", "weights_sha256")
"""Columns that say where a row comes from; `bifseg collect` fills them."""
COLUMNS: dict[str, str] = {
    **dict.fromkeys(("run", "cohort", "case", "patient", "object", "structure"), _TEXT),
    "seen": _FLAG,
    "dimension": _COUNT,
    **dict.fromkeys(("split", "method", "network"), _TEXT),
    "training_seed": _COUNT,
    **dict.fromkeys(("protocol", "policy", "box", "user"), _TEXT),
    "replicate": _COUNT,
    "disturbance": _TEXT,
    "level": _COUNT,
    "step": _TEXT,
    **dict.fromkeys(("round", "n_prompts", "n_strokes", "n_scribble_voxels", "n_slices"), _COUNT),
    "stroke_mm": _NUMBER,
    **dict.fromkeys(("box_slices", "box_mm"), _NUMBER),
    **{metric.column: _NUMBER for metric in built_in()},
    "volume_ml": _NUMBER,
    "obeyed": _NUMBER,
    "n_undos": _COUNT,
    **dict.fromkeys(("robot_s", "network_s", "label_update_s", "machine_s", "method_s", "user_s"), _NUMBER),
    **dict.fromkeys(("peak_rss_mb", "peak_gpu_mb"), _NUMBER),
    **dict.fromkeys(("confinement", "adaptation", "exposure"), _TEXT),
    **dict.fromkeys(("status", "error", "fingerprint", *ORIGIN), _TEXT),
}
"""Name and dtype of every column of the scores, in order; metrics that a run's configuration names come after them."""

_SECONDS = ("robot", "network", "label_update", "machine")
_ADDED = {
    "training_seed": 1,
    "disturbance": "",
    "level": 0,
    "exposure": "unknown",
    "method_s": np.nan,
    "confinement": "",
    "adaptation": "",
    "obeyed": np.nan,
    "n_undos": 0,
    "box_slices": np.nan,
    "box_mm": np.nan,
    **dict.fromkeys(("fingerprint", *ORIGIN), ""),
}
"""Columns that tables of older versions lack, with their default."""
_SESSION_KEY = [
    "run",
    "cohort",
    "case",
    "object",
    "protocol",
    "method",
    "network",
    "training_seed",
    "policy",
    "replicate",
]
# `initial` and `unsupervised` are both round 0; the alphabet orders them.
_KEY = [*_SESSION_KEY, "round", "step"]


def score_session(
    session: Session,
    truth: Mask,
    patient: str,
    tolerance_mm: float = DEFAULT_TOLERANCE_MM,
    metrics: Sequence[Metric] | None = None,
) -> list[dict[str, Any]]:
    """One row per step of a session, and one for the failure if it failed or ran out of time.

    The worst distance is the diagonal of the smallest box that holds the robot's box and the truth (usually the
    robot's box itself), so that a failure never scores better than a result.

    Lengths and volumes of an image without a spacing are in pixels, so that the columns in mm and ml are empty (NaN);
    0 ml stays 0. The predicted user time is empty from round 1 on: how long a stroke takes depends on its mm.

    Args:
        session: a session with masks inside its box.
        truth: the object's mask on its grid, (z, y, x) or (y, x); voxels outside the box count too.
        patient: the patient of the session's case.
        tolerance_mm: distance in mm that counts as no error for this structure, for `nsd`.
        metrics: metrics, a column each; None: those of bifseg.

    Returns:
        Rows in the order of the steps, with the keys of `columns_with(metrics)`.

    Raises:
        ValueError: the truth is not on the object's grid.
    """
    if truth.shape != session.grid.shape:
        raise ValueError(f"truth {truth.shape} is not on the object's grid {session.grid.shape}")
    window = _hold(session.box, truth)
    worst = Worst.diagonal(window.shape, session.grid.spacing)
    inner = Box(_minus(session.box.lower, window.lower), _minus(session.box.upper, window.lower))
    rows = []
    for k, step in enumerate(session.steps):
        result = inner.paste(step.mask, window.shape)
        measured = score(result, truth[window.slices], session.grid.spacing, worst, tolerance_mm, metrics)
        volume = np.count_nonzero(result) * session.grid.voxel_ml
        rows.append(_row(session, step.name, session.steps[: k + 1], {**measured, "volume_ml": volume}))
    if session.status == "stuck" and rows:
        rows[-1] |= {"status": session.status, "error": session.error}
    elif session.status != "ok":
        spacing, empty = session.grid.spacing, np.zeros(window.shape, bool)
        inside = truth[window.slices]
        scored = score(empty, inside, spacing, worst, tolerance_mm, metrics) if inside.any() else None
        nothing = {**(scored or edge_scores("empty result", worst, metrics)), "volume_ml": 0.0}
        row = _row(session, failed_step(session), session.steps, nothing)
        rows.append(row | {"status": session.status, "error": session.error})
    if not session.grid.in_mm:
        rows = [row | _without_mm(row, metrics) for row in rows]
    return [row | {"patient": patient} for row in rows]


def _without_mm(row: dict[str, Any], metrics: Sequence[Metric] | None) -> dict[str, float]:
    """The columns of a row that have no value without a spacing."""
    columns = ["stroke_mm", "box_mm", *(metric.column for metric in metrics or built_in() if metric.is_in_mm)]
    known = {"volume_ml": row["volume_ml"] == 0, "user_s": row["round"] == 0}
    others = {name: row[name] if is_known else math.nan for name, is_known in known.items()}
    return dict.fromkeys(columns, math.nan) | others


def failed_step(session: Session) -> str:
    """Name of the step at which a session failed.

    Args:
        session: a session with status `failed` or `timeout`.

    Returns:
        The step named at the start of the error (`round-2: out of memory`) if it has no result; otherwise the step
        after the last result in the order `initial`, `unsupervised`, `round-1`, `round-2`, ...
    """
    done = [step.name for step in session.steps]
    named = re.match(r"(initial|unsupervised|round-[1-9]\d*): ", session.error)
    if named and named[1] not in done:
        return named[1]
    if not done:
        return "initial"
    return "unsupervised" if done[-1] == "initial" else f"round-{session.steps[-1].round + 1}"


def to_frame(rows: Iterable[dict[str, Any]], metrics: Sequence[Metric] | None = None) -> pd.DataFrame:
    """Rows as a table, sorted by session and step.

    Args:
        rows: rows of `score_session`.
        metrics: the metrics of the rows; None: those of bifseg.

    Returns:
        Table with the columns and dtypes of `columns_with(metrics)`, also without rows.

    Raises:
        ValueError: a row has missing or additional columns, or two rows are the same step of the same session.
        InputError: a metric has the name of another column.
    """
    rows, columns = list(rows), columns_with(metrics or ())
    for row in rows:
        if set(row) != set(columns):
            raise ValueError(f"a row of scores has wrong columns: {sorted(set(row) ^ set(columns))}")
    return _in_order(pd.DataFrame(rows, columns=list(columns)).astype(columns))


def columns_with(metrics: Iterable[Metric]) -> dict[str, str]:
    """The columns of scores with additional metrics.

    Args:
        metrics: metrics of the scores.

    Returns:
        dtype by name: `COLUMNS`, then a column for each metric that is not one of bifseg's.

    Raises:
        InputError: a metric has the name of another column.
    """
    own = [metric for metric in metrics if metric not in built_in()]
    for metric in own:
        if metric.column in COLUMNS:
            raise InputError(f"metric {metric.column}: scores have a column of this name; give it another")
    return {**COLUMNS, **{metric.column: _NUMBER for metric in own}}


def concatenate(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Several tables of scores as one.

    Args:
        parts: tables with the same columns, in any order.

    Returns:
        All rows, sorted by session and step; an empty table with `COLUMNS` if there are none.

    Raises:
        ValueError: two tables hold the same step of the same session.
    """
    filled = [part for part in parts if len(part)]
    return _in_order(pd.concat(filled, ignore_index=True)) if filled else to_frame([])


def write_scores(frame: pd.DataFrame, path: Path) -> None:
    """Write scores as PATH.parquet and PATH.csv.

    Args:
        frame: table of scores.
        path: path of both files, with or without the ending `.parquet`.
    """
    with writing(_file(path, ".parquet")) as part:
        write_parquet(frame, part, place=run_place(part))
    with writing(_file(path, ".csv")) as part:
        frame.to_csv(part, index=False, lineterminator="\n")


def read_scores(path: Path, categorical: bool = False) -> pd.DataFrame:
    """The table that `write_scores` wrote.

    Args:
        path: path of the file, with or without the ending `.parquet`.
        categorical: whether words are categorical, as of `with_categories`.

    Returns:
        Table with the columns and dtypes of `COLUMNS`, then those of additional metrics. A column that an older
        version did not write is NaN or empty.

    Raises:
        InputError: the file is missing, is no table of scores, or was written for another place or run.
    """
    file = _file(path, ".parquet")
    try:
        frame = read_parquet(file, run_place(file), categorical)
        younger = dict.fromkeys((metric.column for metric in built_in()), np.nan) | _ADDED
        lacking: dict[str, Any] = {name: value for name, value in younger.items() if name not in frame}
        frame = frame.assign(**lacking)
        if "n_prompts" not in frame:  # before any scribbles, user time is that of the box alone
            box = frame.groupby(_SESSION_KEY)["user_s"].transform("min") > 0
            frame["n_prompts"] = frame["n_strokes"] + box
        ordered = [*COLUMNS, *(column for column in frame if column not in COLUMNS)]
        if categorical:
            numbers = {name: kind for name, kind in COLUMNS.items() if kind != _TEXT}
            return with_categories(frame[ordered].astype(numbers))
        return frame[ordered].astype(COLUMNS)
    except FileNotFoundError as error:
        raise InputError(f"{file}: no such scores; run `bifseg score` or `bifseg collect` first") from error
    except (OSError, ValueError, KeyError) as error:  # errors of pyarrow are ValueError and OSError
        reason = short(str(error), 120)
        raise InputError(
            f"{file}: not its table of scores ({reason}); delete it and run `bifseg score` or `collect` again"
        ) from error


def without_mm(scores: pd.DataFrame) -> bool:
    """Whether lengths are in pixels, because no image states a spacing.

    Args:
        scores: table of scores.

    Returns:
        False without rows.
    """
    return len(scores) > 0 and bool(scores["stroke_mm"].isna().all())


def unequal_scribbles(frame: pd.DataFrame) -> list[str]:
    """Objects on which methods with the same network got different scribbles in round 1.

    Under protocols with `scribbles_on: initial` this happens if a method's initial result is not that of its base
    net. Number of strokes, voxels and mm are compared. Rows without a result are left out, since their strokes are not
    kept; so are methods without a network, which share no initial result.

    Args:
        frame: scores under such protocols.

    Returns:
        Sorted names of objects; empty if all scribbles agree.
    """
    given = frame[(frame["step"] == "round-1") & ~frame["status"].isin(["failed", "timeout"])]
    drawn = ["n_strokes", "n_scribble_voxels", "stroke_mm"]
    key = ["run", "cohort", "object", "protocol", "network", "training_seed", "replicate"]
    kinds = given[given["network"] != ""].groupby(key)[drawn].nunique().max(axis=1)
    return sorted(set(kinds.index[kinds > 1].get_level_values("object")))


def _file(path: Path, suffix: str) -> Path:
    # `with_suffix` would cut a method's name at its dot.
    return path.with_name(path.name.removesuffix(".parquet") + suffix)


def _row(session: Session, name: str, steps: Sequence[Step], measured: dict[str, float]) -> dict[str, Any]:
    return {
        **asdict(session.identity),
        **dict(zip(("network", "training_seed"), split_seed(session.identity.network), strict=True)),
        "step": name,
        "round": int(name.removeprefix("round-")) if name.startswith("round-") else 0,
        **effort(session, steps),
        **{f"{what}_s": float(sum(step.seconds.get(what, 0.0) for step in steps)) for what in _SECONDS},
        **measured,
        "method_s": _stated(step.seconds.get("method") for step in steps),
        "confinement": session.confinement,
        "adaptation": session.adaptation,
        **{f"peak_{where}_mb": session.peak_mb.get(where, np.nan) for where in ("rss", "gpu")},
        "exposure": "unknown",
        "status": "ok",
        "error": "",
        "fingerprint": session.fingerprint,
        **dict.fromkeys(ORIGIN, ""),
    }


def _stated(seconds: Iterable[float | None]) -> float:
    """The sum of the seconds that a method stated for its steps; NaN if it stated none for a step."""
    values = list(seconds)
    return np.nan if None in values else float(sum(value for value in values if value is not None))


def _hold(box: Box, truth: Mask) -> Box:
    if not truth.any():
        return box
    need = Box.around(truth)
    return Box(tuple(map(min, box.lower, need.lower)), tuple(map(max, box.upper, need.upper)))


def _minus(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    twice = frame[frame.duplicated(_KEY)]
    if len(twice):
        first = twice.iloc[0]
        raise ValueError(f"scores hold step {first['step']} of {first['object']} by {first['method']} twice")
    return frame.sort_values(_KEY, ignore_index=True)
