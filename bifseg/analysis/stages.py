"""From tidy scores to the numbers of the tables and figures: per structure and method, pure functions.

A failed session counts with its worst-case score in every mean and is counted under `failed`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

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
    in_reading_order,
)
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.statistics import variance_components


def in_step_order(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores by session, and within a session initial, unsupervised, round-1, round-2, ..."""
    turn = scores["round"] + (scores["step"] != "initial")
    return scores.assign(turn=turn).sort_values([*SESSION, "turn"], ignore_index=True).drop(columns="turn")


def stage_rows(scores: pd.DataFrame, stage: str, shared: str = SHARED_SCRIBBLES) -> pd.DataFrame:
    """One row per session: its result at a stage.

    `initial`: the first result. `unsupervised`: the last result before any scribbles, which is the initial one
    for a method without an unsupervised step. `supervised`: the last result under the `shared` protocol.
    The first two come before any scribbles and are the same under every protocol with the same box and user: a
    method's sessions are taken from the first protocol by `_turns` that it plays.
    An entry whose sessions all begin with nothing, as nothing was drawn yet, has no such result and no row.
    A session that failed at or before the stage shows its failed row.
    """
    rows = in_step_order(scores)
    if stage == "supervised":
        rows = rows[rows["protocol"] == shared]
    else:
        turn = rows["protocol"].map(_turns(rows, shared))
        best = turn.groupby([rows[key] for key in ENTRY]).transform("min")
        rows = started(rows[(turn == best) & (rows["round"] == 0)])
    if stage == "initial":
        rows = rows[rows["step"] == "initial"]
    return rows.groupby(SESSION).tail(1)


def _turns(rows: pd.DataFrame, shared: str) -> dict[str, int]:
    """The protocols' turns: `shared`, OWN_SCRIBBLES, then by name; last those with another box or user."""
    known = rows[["protocol", "box", "user"]].drop_duplicates("protocol").to_numpy()
    drawn = {protocol: tuple(how) for protocol, *how in known}
    names = sorted(drawn, key=lambda name: (name != shared, name != OWN_SCRIBBLES, name))
    alike = sorted(names, key=lambda name: drawn[name] != drawn[names[0]])
    return {name: turn for turn, name in enumerate(alike)}


def started(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows before any scribbles without the entries that start from scribbles: no volume, no user time."""
    nothing = (rows["volume_ml"] == 0) & (rows["user_s"] == 0)
    waits = nothing | (rows["step"] != "initial")
    return rows[~waits.groupby([rows[key] for key in ENTRY]).transform("all")]


def final_rows(
    scores: pd.DataFrame, protocol: str = OWN_SCRIBBLES, rule: StoppingRule | None = None
) -> pd.DataFrame:
    """One row per session: the last one under a protocol, with all effort that was spent.

    Args:
        scores: of a run.
        protocol: name.
        rule: of the protocol. With it, a failed session costs the rule's `limits`: to stop early is no merit. Of what
            has no limit there (machine time, voxels), and of everything without a rule, it has the most of any
            session on its structure.
    """
    rows = in_step_order(scores[scores["protocol"] == protocol]).groupby(SESSION).tail(1)
    failed, effort = rows["status"].isin(FAILED), list(EFFORT)
    most = rows.groupby(["cohort", "structure"])[effort].transform("max")
    if rule:
        most = most.assign(**rule.limits(rows))
    return rows.assign(**{name: rows[name].where(~failed, most[name]) for name in effort})


def results(rows: pd.DataFrame, measures: Sequence[str] = ("dice", "assd_mm")) -> pd.DataFrame:
    """Mean and standard deviation of columns of the scores, per structure and entry over rows of sessions."""

    def measure(group: pd.DataFrame) -> dict[str, float]:
        parts = [count_sessions(group), *(mean_std(group[name], name) for name in measures)]
        return {key: value for part in parts for key, value in part.items()}

    return per_group(rows, measure)


def initial_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the stage `initial` without the methods whose every result scores as their base net's."""
    base = rows.loc[rows["method"] == BASE_NET, [*PAIR, "dice", "assd_px"]]
    both = rows.merge(base, on=PAIR, how="left", suffixes=("", "_base"))
    differs = (both["dice"] != both["dice_base"]) | (both["assd_px"] != both["assd_px_base"])
    own = differs.groupby([both["method"], both["network"]]).transform("any") | (both["method"] == BASE_NET)
    return both[own]


def adapted_rows(rows: pd.DataFrame, stage: str) -> pd.DataFrame:
    """Rows of a stage, `unsupervised` or `supervised`, beside those of the base nets that were adapted.

    Left out is whoever only repeats an initial result: the base net of a network with which nothing else plays
    at this stage, and at `unsupervised` a method without a network that has no such step.
    """
    adapted = set(rows.loc[rows["method"] != BASE_NET, "network"])
    keep = rows["network"].isin(adapted)
    if stage == "unsupervised":
        step = rows["step"].eq("unsupervised").groupby([rows["method"], rows["network"]]).transform("any")
        keep &= (rows["network"] != "") | step
    return rows[keep]


def replicates(scores: pd.DataFrame, measures: Sequence[str] = ("dice", "assd_mm")) -> pd.DataFrame:
    """Spread between replicates apart from spread between cases, of the last results under each protocol.

    Returns:
        A row per protocol, structure, entry and measure: `replicate_std` and `case_std` by
        `statistics.variance_components`, and `replicate_share` of the sum of both variances. No rows in a run
        without replicates.
    """
    last = in_step_order(scores).groupby(SESSION).tail(1)
    if last["replicate"].nunique() < 2:
        return pd.DataFrame()
    parts = [
        per_group(rows, partial(_spread, measure=name)).assign(protocol=protocol, measure=name)
        for protocol, rows in last.groupby("protocol", sort=True)
        for name in measures
        if rows[name].notna().any()  # images without a spacing have no mm
    ]
    return pd.concat(parts, ignore_index=True)


def _spread(sessions: pd.DataFrame, measure: str) -> dict[str, float]:
    found = variance_components(sessions[measure], sessions["case"], sessions["object"])
    things = {"objects": sessions["object"].nunique(), "cases": sessions["case"].nunique()}
    whole = found.replicates + found.cases
    return (
        count_sessions(sessions)
        | things
        | {
            "replicate_std": found.replicates**0.5,
            "case_std": found.cases**0.5,
            "replicate_share": found.replicates / whole if whole > 0 else np.nan,
        }
    )


def per_group(rows: pd.DataFrame, measure: Callable[[pd.DataFrame], dict[str, float]]) -> pd.DataFrame:
    """One row of measures per structure and entry, sorted for reading."""
    found = [
        dict(zip(GROUP, key, strict=True)) | measure(group) for key, group in rows.groupby(GROUP, sort=True)
    ]
    return in_reading_order(pd.DataFrame(found)) if found else pd.DataFrame()


def count_sessions(sessions: pd.DataFrame) -> dict[str, float]:
    """`n` rows of sessions, `failed` of which have no result."""
    return {"n": len(sessions), "failed": int(sessions["status"].isin(FAILED).sum())}


def count_failed(scores: pd.DataFrame) -> int:
    """Sessions without a result, of all."""
    return int(scores["status"].isin(FAILED).sum())  # each has one such row


def mean_std(values: pd.Series, name: str) -> dict[str, float]:
    """NAME_mean and NAME_std of values; NaN for the mean of none and the spread of fewer than two."""
    # numpy, not pandas: pandas would leave a NaN out of the mean without a word.
    numbers = values.to_numpy(float)
    spread = np.std(numbers, ddof=1) if len(numbers) > 1 else np.nan
    return {f"{name}_mean": numbers.mean() if len(numbers) else np.nan, f"{name}_std": spread}
