"""Results at each stage of a session, and their means per structure and entry.

A failed session counts with its worst-case score in every mean and is counted under `failed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.names import (
    BASE_NET,
    EFFORT,
    ENTRY,
    FAILED,
    GROUP,
    OWN_SCRIBBLES,
    PAIR,
    SESSION,
    SHARED_SCRIBBLES,
    STAGES,
    in_reading_order,
)
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.statistics import Variances, variance_components

OF_STAGE = ("box", "user", "volume_ml", "user_s")
"""Columns that the stages are found by, beside those of the order."""


def in_step_order(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores sorted by session and step.

    Args:
        scores: table of scores.

    Returns:
        The same rows; within a session initial, unsupervised, round-1, round-2, ...
    """
    turn = scores["round"] + (scores["step"] != "initial")
    return scores.assign(turn=turn).sort_values([*SESSION, "turn"], ignore_index=True).drop(columns="turn")


def session_numbers(rows: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The sessions of scores in step order.

    Args:
        rows: of `in_step_order`, or a part of them.

    Returns:
        (rows,) number of each row's session, from 0 in their order; and whether the row is its session's last.
    """
    starts = np.arange(len(rows)) == 0
    for name in SESSION:
        starts[1:] |= np.diff(pd.factorize(rows[name])[0]) != 0
    return np.cumsum(starts) - 1, np.append(starts[1:], True)[: len(rows)]


def last_rows(scores: pd.DataFrame) -> pd.DataFrame:
    """The last step of each session.

    Args:
        scores: table of scores.

    Returns:
        A row of scores a session, sorted by session.
    """
    rows = _ordered(scores)
    return _whole(scores, rows[session_numbers(rows)[1]])


def stage_rows(scores: pd.DataFrame, stage: str, shared: str = SHARED_SCRIBBLES) -> pd.DataFrame:
    """The result of each session at a stage.

    `initial` is the first result. `unsupervised` is the last result before any scribbles: the initial one for a method
    without an unsupervised step. `supervised` is the last result under the `shared` protocol. The first two are the
    same under all protocols with the same box and user; each entry's sessions are taken from one protocol, the first
    in the order of `shared`, `own-scribbles`, then by name.

    Args:
        scores: scores of one cohort.
        stage: `initial`, `unsupervised` or `supervised`.
        shared: name of the protocol under which the methods of a network get the same scribbles.

    Returns:
        A row of scores a session. A session that failed at the stage or earlier has its failed row. An entry that
        starts from scribbles has no row at the first two stages.
    """
    return _whole(scores, _at_stage(_ordered(scores, *OF_STAGE), stage, shared))


def rows_by_stage(scores: pd.DataFrame, shared: str = SHARED_SCRIBBLES) -> dict[str, pd.DataFrame]:
    """The results at every stage; the scores are sorted once.

    Args:
        scores: scores of one cohort.
        shared: as in `stage_rows`.

    Returns:
        Rows of `stage_rows` by stage.
    """
    rows = _ordered(scores, *OF_STAGE)
    return {stage: _whole(scores, _at_stage(rows, stage, shared)) for stage in STAGES}


def _ordered(scores: pd.DataFrame, *more: str) -> pd.DataFrame:
    """Scores in step order with few columns and the `place` of each row: a million whole rows need much memory."""
    few = scores[[*SESSION, "round", "step", *more]]
    return in_step_order(few.assign(place=np.arange(len(scores))))


def _whole(scores: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """All columns of some rows of `_ordered`, in their order."""
    return scores.iloc[rows["place"]].set_axis(rows.index)


def _at_stage(rows: pd.DataFrame, stage: str, shared: str) -> pd.DataFrame:
    """The rows of `stage_rows`, from those of `_ordered` with the columns `OF_STAGE`."""
    if stage == "supervised":
        rows = rows[rows["protocol"] == shared]
    else:
        turn = rows["protocol"].map(_turns(rows, shared)).astype(int)
        best = turn.groupby([rows[key] for key in ENTRY]).transform("min")
        rows = started(rows[(turn == best) & (rows["round"] == 0)])
    if stage == "initial":
        rows = rows[rows["step"] == "initial"]
    return rows[session_numbers(rows)[1]]


def _turns(rows: pd.DataFrame, shared: str) -> dict[str, int]:
    """The protocols' priority: `shared`, `own-scribbles`, then by name; last those with another box or user."""
    known = rows[["protocol", "box", "user"]].drop_duplicates("protocol").to_numpy()
    drawn = {protocol: tuple(how) for protocol, *how in known}
    names = sorted(drawn, key=lambda name: (name != shared, name != OWN_SCRIBBLES, name))
    alike = sorted(names, key=lambda name: drawn[name] != drawn[names[0]])
    return {name: turn for turn, name in enumerate(alike)}


def started(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of entries that have an initial result, without those that start from scribbles.

    Args:
        rows: scores of the steps before any scribbles.

    Returns:
        Rows without the entries whose initial results all have neither volume nor user time.
    """
    empty = (rows["volume_ml"] == 0) & (rows["user_s"] == 0)
    waiting = empty | (rows["step"] != "initial")
    return rows[~waiting.groupby([rows[key] for key in ENTRY]).transform("all")]


def final_rows(
    scores: pd.DataFrame, protocol: str = OWN_SCRIBBLES, rule: StoppingRule | None = None
) -> pd.DataFrame:
    """The final result of each session under a protocol, with the effort of the whole session.

    Args:
        scores: scores of a run.
        protocol: name of the protocol.
        rule: the protocol's rule, whose `limits` a failed session costs, so that an early failure does not look
            cheap. Effort without a limit (machine time, voxels), and all effort if the rule is None, is the highest of
            any session on the structure.

    Returns:
        A row of scores a session; no rows without sessions.
    """
    steps = _ordered(scores)
    steps = steps[steps["protocol"] == protocol].reset_index(drop=True)
    rows = _whole(scores, steps[session_numbers(steps)[1]])
    failed, effort = rows["status"].isin(FAILED), list(EFFORT)
    most = rows.groupby(["cohort", "structure"])[effort].transform("max")
    if rule:
        most = most.assign(**rule.limits(rows))
    return rows.assign(**{name: rows[name].where(~failed, most[name]) for name in effort})


def results(rows: pd.DataFrame, measures: Sequence[str] = ("dice", "assd_mm")) -> pd.DataFrame:
    """Mean and standard deviation of measures, per structure and entry.

    Args:
        rows: scores, one row a session.
        measures: columns of the scores.

    Returns:
        A row per structure and entry: `seen`, `structure`, `method`, `network`, `n`, `failed`, and MEASURE_mean and
        MEASURE_std over sessions. No rows without sessions.
    """

    def measure(group: pd.DataFrame) -> dict[str, float]:
        parts = [count_sessions(group), *(mean_std(group[name], name) for name in measures)]
        return {key: value for part in parts for key, value in part.items()}

    return per_group(rows[[*GROUP, "status", *measures]], measure)


def initial_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The initial results without methods whose results all equal those of their base net.

    Args:
        rows: rows of the stage `initial`.

    Returns:
        The rows of base nets and of methods with initial results of their own.
    """
    base = rows.loc[rows["method"] == BASE_NET, [*PAIR, "dice", "assd_px"]]
    both = rows.merge(base, on=PAIR, how="left", suffixes=("", "_base"))
    differs = (both["dice"] != both["dice_base"]) | (both["assd_px"] != both["assd_px_base"])
    own = differs.groupby([both["method"], both["network"]]).transform("any") | (both["method"] == BASE_NET)
    return both[own]


def adapted_rows(rows: pd.DataFrame, stage: str) -> pd.DataFrame:
    """The results of a stage without entries that only repeat an initial result.

    These are the base net of a network that no other method uses at this stage and, at the stage `unsupervised`, a
    method without a network and without an unsupervised step.

    Args:
        rows: rows of the stage.
        stage: `unsupervised` or `supervised`.

    Returns:
        The other rows, those of adapted base nets included.
    """
    adapted = set(rows.loc[rows["method"] != BASE_NET, "network"])
    keep = rows["network"].isin(adapted)
    if stage == "unsupervised":
        step = rows["step"].eq("unsupervised").groupby([rows["method"], rows["network"]]).transform("any")
        keep &= (rows["network"] != "") | step
    return rows[keep]


def replicates(scores: pd.DataFrame, measures: Sequence[str] = ("dice", "assd_mm")) -> pd.DataFrame:
    """Spread of the final results between replicates and between cases, under each protocol.

    Args:
        scores: scores of one cohort.
        measures: columns of the scores; one that is NaN in all rows is left out.

    Returns:
        A row per `protocol`, structure, entry and `measure`: `n`, `failed`, `objects`, `cases`, `replicate_std` and
        `case_std` from `statistics.variance_components`, and `replicate_share`, the replicates' share of the sum of
        both variances. No rows in a run without replicates.
    """
    last = last_rows(scores)
    if last["replicate"].nunique() < 2:
        return pd.DataFrame()
    parts = [
        per_group(rows, partial(_spread, measure=name)).assign(protocol=protocol, measure=name)
        for protocol, rows in last.groupby("protocol", sort=True)
        for name in measures
        if rows[name].notna().any()  # images without a spacing have no mm
    ]
    return pd.concat(parts, ignore_index=True)


def training_seeds(scores: pd.DataFrame, measures: Sequence[str] = ("dice", "assd_mm")) -> pd.DataFrame:
    """Spread of the final results between training seeds apart from that between patients, under each protocol.

    Args:
        scores: scores of one cohort.
        measures: columns of the scores; one that is NaN in all rows is left out.

    Returns:
        A row per `protocol`, structure, entry whose network was trained from several seeds, and `measure`: `n`,
        `failed`, `seeds`, `objects`, `patients`; `headline_std`, the standard deviation between the seeds' means;
        `seed_std` and `patient_std` from `statistics.variance_components` with seeds as replicates of an object, of
        which `patient_std` is without the seeds' means; and `seed_share`, the seeds' share of the sum of both
        variances. No rows if every network was trained once.
    """
    last = last_rows(scores)
    seeds = last.groupby(["method", "network"])["training_seed"].transform("nunique")
    last = last[seeds > 1]
    if last.empty:
        return pd.DataFrame()
    parts = [
        per_group(rows, partial(_seed_spread, measure=name)).assign(protocol=protocol, measure=name)
        for protocol, rows in last.groupby("protocol", sort=True)
        for name in measures
        if rows[name].notna().any()
    ]
    return pd.concat(parts, ignore_index=True)


def _seed_spread(sessions: pd.DataFrame, measure: str) -> dict[str, float]:
    keys = ["training_seed", "patient", "object"]
    each = sessions.groupby(keys, as_index=False)[measure].mean()  # over replicates
    # A seed's mean shifts all patients alike: it is no part of the variance between them.
    shifts = each.groupby("training_seed")[measure].transform("mean")
    seeds, patients = (
        variance_components(values, each["patient"], each["object"])
        for values in (each[measure], each[measure] - shifts)
    )
    both = Variances(seeds.replicates, patients.cases)
    return count_sessions(sessions) | {
        "seeds": each["training_seed"].nunique(),
        "objects": each["object"].nunique(),
        "patients": each["patient"].nunique(),
        "headline_std": float(each.groupby("training_seed")[measure].mean().std(ddof=1)),
        "seed_std": both.replicates**0.5,
        "patient_std": both.cases**0.5,
        "seed_share": both.replicates_share,
    }


def _spread(sessions: pd.DataFrame, measure: str) -> dict[str, float]:
    trained = sessions.groupby(["object", "training_seed"]).ngroup()
    variances = variance_components(sessions[measure], sessions["case"], trained)
    return count_sessions(sessions) | {
        "objects": sessions["object"].nunique(),
        "cases": sessions["case"].nunique(),
        "replicate_std": variances.replicates**0.5,
        "case_std": variances.cases**0.5,
        "replicate_share": variances.replicates_share,
    }


def per_group(rows: pd.DataFrame, measure: Callable[[pd.DataFrame], dict[str, float]]) -> pd.DataFrame:
    """A table of measures per structure and entry.

    Args:
        rows: scores of sessions.
        measure: gives the measures of one group of rows, by column.

    Returns:
        A row a group: `seen`, `structure`, `method`, `network`, then the measures, in the order for readers; an empty
        table without rows.
    """
    lines = [
        dict(zip(GROUP, key, strict=True)) | measure(group) for key, group in rows.groupby(GROUP, sort=True)
    ]
    return in_reading_order(pd.DataFrame(lines)) if lines else pd.DataFrame()


def count_sessions(sessions: pd.DataFrame) -> dict[str, float]:
    """Number of sessions.

    Args:
        sessions: scores, one row a session.

    Returns:
        `n` sessions, and how many of them `failed`: have no result.
    """
    return {"n": len(sessions), "failed": int(sessions["status"].isin(FAILED).sum())}


def count_failed(scores: pd.DataFrame) -> int:
    """Number of sessions without a result.

    Args:
        scores: scores with all steps of each session.

    Returns:
        How many sessions failed or ran out of time.
    """
    return int(scores["status"].isin(FAILED).sum())  # each such session has one such row


def mean_std(values: pd.Series, name: str) -> dict[str, float]:
    """Mean and standard deviation of values.

    Args:
        values: numbers; a NaN among them makes both NaN.
        name: start of the columns' names.

    Returns:
        NAME_mean, NaN without values, and NAME_std, NaN for fewer than two.
    """
    # numpy, since the mean of pandas leaves out a NaN.
    numbers = values.to_numpy(float)
    spread = np.std(numbers, ddof=1) if len(numbers) > 1 else np.nan
    return {f"{name}_mean": numbers.mean() if len(numbers) else np.nan, f"{name}_std": spread}
