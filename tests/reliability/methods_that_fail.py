"""Methods that raise, hang, die or return an invalid mask, in one run with a good method."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from place import Place, stub
from verdict import Row, compare

GOOD = "good"
BAD = {
    "raises": (stub(do="raise"), "failed", "RuntimeError: two lines"),
    "hangs": (stub(do="hang"), "timeout", "the session's 3 s are over"),
    "leaves": (stub(do="leave"), "failed", "exit code 7: last words"),
    "is-killed": (stub(do="die"), "failed", "signal SIGKILL"),
    "wrong-shape": (stub("odd_methods:Answers", do="shape"), "failed", "is bool (3, 3)"),
    "not-finite": (stub("odd_methods:Answers", do="nan"), "failed", "ContractError"),
    "no-mask": (stub("odd_methods:Answers", do="none"), "failed", "ContractError"),
    "outside": (stub("odd_methods:Answers", do="outside"), "failed", "outside the box"),
    "empty": (stub("odd_methods:Answers", do="empty"), "ok", ""),
}
"""By name: the card, the status of its last row, and a part of the reason."""


def failing_methods(folder: Path) -> list[Row]:
    """One run with all of them; each row of the table is one method."""
    place = Place(
        folder,
        {GOOD: stub(), **{name: card for name, (card, _, _) in BAD.items()}},
        1,
        rules={"time_limit_s": 3},
    )
    place.snakemake("--", "results/r/scores.parquet").check()
    calm = Place(folder / "calm", {GOOD: stub()}, 1, rules={"time_limit_s": 3})
    calm.snakemake("--", "results/r/scores.parquet").check()
    scores = pd.read_parquet(place.run / "scores.parquet")
    undisturbed = pd.read_parquet(calm.run / "scores.parquet")
    good_verdict = compare(scores[scores["method"] == GOOD], undisturbed)
    assert good_verdict.good, good_verdict
    table = []
    for name, (_, status, reason) in BAD.items():
        rows = scores[scores["method"] == name]
        last = rows.groupby("object", sort=False).tail(1)
        assert set(last["status"]) == {status}, (name, last["status"])
        assert last["object"].nunique() == len(last) == undisturbed["object"].nunique()
        assert last["error"].str.contains(reason, regex=False).all(), (name, set(last["error"]))
        reason_shown = f"`{last['error'].iloc[0]}`" if reason else "an empty mask is a result: Dice 0"
        n = len(last)
        outcome = (
            f"{n} of {n} sessions have their row: `{status}`, {reason_shown}; the good method: {good_verdict}"
        )
        table.append(
            (
                f"a method: {name.replace('-', ' ')}",
                "one run with all of these",
                outcome,
                "mends the method; only it is played again",
            )
        )
    return table
