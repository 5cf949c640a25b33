"""Methods that raise, hang, die, or return what is no mask, side by side with one that does not."""

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
    "not-finite": (stub("odd_methods:Answers", do="nan"), "failed", "BrokenContract"),
    "no-mask": (stub("odd_methods:Answers", do="none"), "failed", "BrokenContract"),
    "outside": (stub("odd_methods:Answers", do="outside"), "failed", "outside the box"),
    "empty": (stub("odd_methods:Answers", do="empty"), "ok", ""),
}
"""By name: the card, the status of its last row, and what the reason holds."""


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
    found = pd.read_parquet(place.run / "scores.parquet")
    wanted = pd.read_parquet(calm.run / "scores.parquet")
    beside = compare(found[found["method"] == GOOD], wanted)
    assert beside.good, beside
    table = []
    for name, (_, status, reason) in BAD.items():
        mine = found[found["method"] == name]
        last = mine.groupby("object", sort=False).tail(1)
        assert set(last["status"]) == {status}, (name, last["status"])
        assert last["object"].nunique() == len(last) == wanted["object"].nunique()
        assert last["error"].str.contains(reason, regex=False).all(), (name, set(last["error"]))
        told = f"`{last['error'].iloc[0]}`" if reason else "an empty mask is a result: Dice 0"
        seen = f"{len(last)} of {len(last)} sessions have their row: `{status}`, {told}; the good method: {beside}"
        table.append(
            (
                f"a method: {name.replace('-', ' ')}",
                "one run with all of these",
                seen,
                "mends the method; only it is played again",
            )
        )
    return table
