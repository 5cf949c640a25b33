"""From tidy scores to the numbers of the tables and figures: per structure and method, pure functions.

A failed session counts with its worst-case score in every mean and is counted under `failed`; a session that
never reached the target is never counted as one that did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from bifseg.seeds import generator
from bifseg.statistics import bootstrap_mean
from bifseg.store import read_json

SHARED, OWN = "shared-scribbles", "own-scribbles"
STAGES = ("initial", "unsupervised", "supervised")
METHODS = ("base-net", "base-crf", "bifseg-w", "bifseg")  # the paper's ablation, in its order
SESSION = ["cohort", "protocol", "method", "network", "object", "replicate"]
GROUP = ["seen", "structure", "method", "network"]
EFFORT = ("round", "n_strokes", "n_scribble_voxels", "user_s", "machine_s")
PAIR = ["cohort", "network", "object", "replicate"]
FAILURES = "A failed session counts with the worst score."
"""The sentence on failures of every caption."""


def in_step_order(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores by session, and within a session initial, unsupervised, round-1, round-2, ..."""
    turn = scores["round"] + (scores["step"] != "initial")
    return scores.assign(turn=turn).sort_values([*SESSION, "turn"], ignore_index=True).drop(columns="turn")


def stage_rows(scores: pd.DataFrame, stage: str, shared: str = SHARED) -> pd.DataFrame:
    """One row per session: its result at a stage.

    `initial`: the first result. `unsupervised`: the last result before any scribbles, which is the initial one
    for a method without an unsupervised step. `supervised`: the last result under the `shared` protocol.
    The first two come before any scribbles and are the same under every protocol: a method's sessions are
    taken from `shared` where there are any, else from its first other protocol.
    A session that failed at or before the stage shows its failed row.
    """
    rows = in_step_order(scores)
    if stage == "supervised":
        rows = rows[rows["protocol"] == shared]
    else:
        rank = rows["protocol"].where(rows["protocol"] != shared, "")  # sorts before every name
        best = rank.groupby([rows["cohort"], rows["method"], rows["network"]]).transform("min")
        rows = rows[(rank == best) & (rows["round"] == 0)]
    if stage == "initial":
        rows = rows[rows["step"] == "initial"]
    return rows.groupby(SESSION).tail(1)


def results(rows: pd.DataFrame) -> pd.DataFrame:
    """Dice and ASSD (mm), mean and standard deviation, per structure and method over rows of sessions."""
    return _per_group(
        rows,
        lambda group: (
            _count(group) | _mean_std(group["dice"], "dice") | _mean_std(group["assd_mm"], "assd_mm")
        ),
    )


def initial_results(scores: pd.DataFrame, shared: str = SHARED) -> pd.DataFrame:
    """Initial results; a method whose every initial result scores as its base net's is not repeated."""
    rows = stage_rows(scores, "initial", shared)
    base = rows.loc[rows["method"] == "base-net", [*PAIR, "dice", "assd_mm"]]
    both = rows.merge(base, on=PAIR, how="left", suffixes=("", "_base"))
    differs = (both["dice"] != both["dice_base"]) | (both["assd_mm"] != both["assd_mm_base"])
    own = differs.groupby([both["method"], both["network"]]).transform("any") | (both["method"] == "base-net")
    return results(both[own])


def gains(scores: pd.DataFrame, shared: str = SHARED) -> pd.DataFrame:
    """Mean paired difference in Dice to the base net's initial result, with its 95% bootstrap interval.

    Pairs are sessions on the same object with the same network; cases are resampled. Methods without a
    network, or whose network has no base-net sessions, have no pair and no row.
    """
    base = stage_rows(scores[scores["method"] == "base-net"], "initial", shared)[[*PAIR, "dice"]]
    parts = []
    for stage in STAGES[1:]:
        rows = stage_rows(scores[scores["method"] != "base-net"], stage, shared)
        pairs = rows.merge(base, on=PAIR, suffixes=("", "_base"))
        pairs["gain"] = pairs["dice"] - pairs["dice_base"]
        parts.append(_per_group(pairs, _gain).assign(stage=stage))
    return _sorted(pd.concat(parts, ignore_index=True)) if any(map(len, parts)) else pd.DataFrame()


def interactions(scores: pd.DataFrame, target: float, own: str = OWN) -> pd.DataFrame:
    """Effort until Dice first is at least `target`, per structure and method, under the `own` protocol.

    Means are over the sessions that reached it. `round_median` is over all sessions, with infinity for those
    that never did; `rounds_played` is the most rounds of any session, the limit beyond which nothing is known.
    """
    rows = in_step_order(scores[scores["protocol"] == own])
    there = rows[rows["dice"] >= target].groupby(SESSION).head(1)
    sessions = rows.groupby(SESSION).tail(1).drop(columns=list(EFFORT))
    sessions = sessions.merge(there[[*SESSION, *EFFORT]], on=SESSION, how="left")
    frame = _per_group(sessions, _to_target)
    return frame.assign(rounds_played=rows["round"].max()) if len(frame) else frame


def _gain(pairs: pd.DataFrame) -> dict[str, float]:
    first = pairs.iloc[0]
    rng = generator(0, "gain", *(str(first[key]) for key in ("cohort", "structure", "method", "network")))
    found = bootstrap_mean(pairs["gain"], pairs["case"], rng)
    limits = {"gain_mean": found.mean, "gain_low": found.low, "gain_high": found.high}
    return _count(pairs) | {"cases": pairs["case"].nunique()} | {k: float(v) for k, v in limits.items()}


def _to_target(sessions: pd.DataFrame) -> dict[str, float]:
    reached = sessions[sessions["round"].notna()]
    counts = _count(sessions) | {"reached": len(reached), "reached_share": len(reached) / len(sessions)}
    median = {"round_median": float(np.median(sessions["round"].fillna(np.inf)))}
    effort = [_mean_std(reached[name], name) for name in EFFORT]
    return counts | median | {key: value for part in effort for key, value in part.items()}


def _per_group(rows: pd.DataFrame, measure: Callable[[pd.DataFrame], dict[str, float]]) -> pd.DataFrame:
    """One row of measures per structure and method, sorted for reading."""
    found = [
        dict(zip(GROUP, key, strict=True)) | measure(group) for key, group in rows.groupby(GROUP, sort=True)
    ]
    return _sorted(pd.DataFrame(found)) if found else pd.DataFrame()


def _count(sessions: pd.DataFrame) -> dict[str, float]:
    return {"n": len(sessions), "failed": int(sessions["status"].isin(["failed", "timeout"]).sum())}


def _mean_std(values: pd.Series, name: str) -> dict[str, float]:
    # numpy, not pandas: pandas would leave a NaN out of the mean without a word.
    numbers = values.to_numpy(float)
    spread = np.std(numbers, ddof=1) if len(numbers) > 1 else np.nan
    return {f"{name}_mean": numbers.mean() if len(numbers) else np.nan, f"{name}_std": spread}


def method_rank(method: str) -> tuple[int, str]:
    """Sorting key of methods: the paper's ablation in its order, then all others by name."""
    return (METHODS.index(method) if method in METHODS else len(METHODS), method)


def method_label(method: str, network: str, networks: Iterable[str]) -> str:
    """What a reader calls the method: METHOD, or METHOD@NETWORK where several networks are compared."""
    several = len({name for name in networks if name}) > 1
    return f"{method}@{network}" if several and network else method


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    """Seen before unseen, then structure, stage, method and network."""
    keys = pd.DataFrame(
        {
            "unseen": ~frame["seen"].astype(bool),
            "structure": frame["structure"],
            "stage": frame.get("stage", pd.Series("initial", frame.index)).map(STAGES.index),
            "rank": frame["method"].map(lambda method: method_rank(method)[0]),
            "method": frame["method"],
            "network": frame["network"],
        }
    )
    return frame.loc[keys.sort_values(keys.columns.tolist()).index].reset_index(drop=True)


def data_note(scores: pd.DataFrame, cohort: str, simulated: bool) -> str:
    """The sentence on the data that ends every caption."""
    splits = ", ".join(sorted(scores["split"].unique()))
    kind = "Simulated cohort" if simulated else "Cohort"
    objects, cases = scores["object"].nunique(), scores["case"].nunique()
    return (
        f"{kind} {cohort}, {splits} split: {objects} object{'s' * (objects != 1)} of "
        f"{cases} case{'s' * (cases != 1)}."
    )


def simulated_cohorts(run: Path) -> set[str]:
    """Names of the run's cohorts whose images a simulator made."""
    return {path.parent.name for path in run.glob("cohorts/*/cohort.json") if read_json(path)["simulated"]}
