"""A comparison of two runs or entries, as people and machines read it: Markdown, CSV and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.names import method_label
from bifseg.cards.entries import entry_name
from bifseg.core.errors import InputError
from bifseg.core.files import write_json, write_text
from bifseg.core.wording import counted
from bifseg.reports.benchmark.changes import changes
from bifseg.reports.benchmark.gate import REGRESSION, UNCLEAR, Limits, judge
from bifseg.reports.benchmark.outcomes import MEASURES
from bifseg.reports.benchmark.pairing import Pairing, RunView, pair, read_view
from bifseg.reports.formats import plain, with_limits
from bifseg.reports.pipe_table import pipe_table

_KNOWN = {measure.name: measure for measure in MEASURES}
_LEFT = ("Cohort", "Protocol", "Structure", "Method", "Measure")
FORMATS = (".md", ".csv", ".json")


@dataclass(frozen=True)
class Comparison:
    """Two sides, what changed between them by `gate.judge`, and the limits it was held to."""

    sides: Pairing
    frame: pd.DataFrame
    limits: Limits
    target: float

    @property
    def regressions(self) -> int:
        """How many comparisons are worse by more than their limit."""
        return int((self.frame["verdict"] == REGRESSION).sum())


def compare(base: str, new: str, limits: Limits, target: float) -> Comparison:
    """Compare two runs, RUN, or two entries, RUN:METHOD@NETWORK.

    Args:
        base: the side before.
        new: the side after.
        limits: how much worse NEW may be.
        target: Dice that rounds are counted to.

    Returns:
        Every comparison with its verdict.

    Raises:
        InputError: a side does not exist, or the sides have no session in common.
    """
    sides = pair(read_view(base), read_view(new))
    return Comparison(sides, judge(changes(sides, target), limits), limits, target)


def check_format(path: Path) -> None:
    """Check that `write` can write a file.

    Args:
        path: of the file.

    Raises:
        InputError: the file's ending is not one of `FORMATS`.
    """
    if path.suffix not in FORMATS:
        raise InputError(f"--out {path}: write to a file that ends in {', '.join(FORMATS)}")


def write(comparison: Comparison, path: Path) -> None:
    """Write a comparison: `.md` for readers; `.csv` and `.json` with every comparison and raw numbers.

    Args:
        comparison: of `compare`.
        path: of the file.

    Raises:
        InputError: the file's ending is not one of `FORMATS`.
    """
    check_format(path)
    if path.suffix == ".md":
        write_text(path, to_markdown(comparison))
    elif path.suffix == ".csv":
        write_text(path, comparison.frame.to_csv(index=False, lineterminator="\n"))
    else:
        write_json(path, _to_json(comparison))


def to_markdown(comparison: Comparison) -> str:
    """The comparison for readers: verdict, sides, notes, and tables of regressions, unclear and other changes.

    Args:
        comparison: of `compare`.

    Returns:
        A page in Markdown.
    """
    sides, frame = comparison.sides, comparison.frame
    worse, unclear = (frame["verdict"] == kind for kind in (REGRESSION, UNCLEAR))
    none = frame["measure"].map(lambda name: 1.0 if _KNOWN[name].per else 0.0)  # no change at all
    slow = frame[["base", "new"]].max(axis=1) >= comparison.limits.noticeable
    mended = (frame["measure"] == "failed") & (frame["new"] < frame["base"])  # counts have no interval
    moved = (
        ((frame["low"] > none) | (frame["high"] < none) | mended) & ~worse & ~unclear & (slow | (none == 0))
    )
    blocks = [
        f"# {_headline(comparison)}",
        f"- BASE: {_origin(sides.base)}\n- NEW: {_origin(sides.new)}",
        "\n".join(f"- **Note.** {note}" for note in sides.notes),
        _simulated(sides),
    ]
    for title, rows in (
        ("Regressions", frame[worse]),
        ("Unclear: a regression can neither be shown nor excluded", frame[unclear]),
        ("Other changes: the interval excludes none, or fewer sessions failed", frame[moved]),
    ):
        if len(rows):
            blocks += [f"## {title}", _table(rows, comparison)]
    rest = len(frame) - worse.sum() - unclear.sum() - moved.sum()
    blocks += [
        _times(frame),
        f"{rest} of {len(frame)} comparisons are in none of these tables: they show no change, or times are below "
        f"{comparison.limits.noticeable:g} s.",
        _rule(comparison),
    ]
    if power := _power(comparison):
        blocks += [
            "## What these patients could have shown",
            power,
            "Detectable: the smallest true change of final Dice that these patients show with a power of 0.8 (paired "
            "t-test over patients, two-sided, 0.05). More patients: to show a change of 1 point; ∞ is more than "
            "10,000. Entries without any change are left out.",
        ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _headline(comparison: Comparison) -> str:
    count, frame = comparison.regressions, comparison.frame
    unclear = int((frame["verdict"] == UNCLEAR).sum())
    verdict = counted(count, "regression") if count else "No regression shown"
    return f"{verdict} in {len(frame)} comparisons ({unclear} unclear)"


def _origin(side: RunView) -> str:
    facts = side.facts
    facts_shown = [
        f"bifseg {facts['bifseg']}" if facts.get("bifseg") else "",
        f"commit {facts['commit']}" if facts.get("commit") else "",
        facts.get("written", "")[:16].replace("T", " "),
    ]
    return ", ".join(filter(None, [f"`{side.name}`", *facts_shown]))


def _simulated(sides: Pairing) -> str:
    simulated = sorted((sides.base.simulated | sides.new.simulated) & set(sides.base.scores["cohort"]))
    return f"The images of {' and '.join(simulated)} are **simulated**." if simulated else ""


def _table(rows: pd.DataFrame, comparison: Comparison) -> str:
    return _markdown(pd.DataFrame([_cells(row, comparison) for row in rows.to_dict("records")]))


def _power(comparison: Comparison) -> str:
    """A table of the smallest change of final Dice that the patients show; empty if nothing has changed."""
    rows = comparison.frame[(comparison.frame["measure"] == "dice") & (comparison.frame["detectable"] > 0)]
    lines = []
    for row in rows.to_dict("records"):
        cells = _cells(row, comparison)
        about = {name: cells[name] for name in ("Cohort", "Protocol", "Structure", "Method")}
        detectable, more = plain(100 * row["detectable"], ".1f"), plain(row["more_patients"], ".0f")
        numbers = {"Detectable (points)": detectable, "More patients for 1 point": more}
        lines.append(about | {"Patients": str(row["patients"]), "Change": cells["Change"]} | numbers)
    return _markdown(pd.DataFrame(lines)) if lines else ""


def _markdown(shown: pd.DataFrame) -> str:
    return pipe_table(list(shown.columns), shown.to_numpy().tolist(), _LEFT)


def _cells(row: dict[Any, Any], comparison: Comparison) -> dict[str, str]:
    measure, sides = _KNOWN[row["measure"]], comparison.sides
    values = [measure.factor * row[name] for name in ("base", "new")]
    base, new = (plain(value, f".{measure.digits}f") for value in values)
    label = method_label(row["method"], row["network"], comparison.frame["network"])
    if sides.new.entry and sides.new.entry != sides.base.entry:
        label = " → ".join(entry_name(*side.entry) if side.entry else "" for side in (sides.base, sides.new))
    return {
        "Cohort": row["cohort"],
        "Protocol": row["protocol"],
        "Structure": f"{row['structure'].replace('_', ' ')} ({'seen' if row['seen'] else 'unseen'})",
        "Method": label,
        "Measure": measure.label.format(goal=f"{100 * row['goal']:g}%"),
        "n": f"{row['n']} ({row['patients']})",
        "BASE": base,
        "NEW": new,
        "Change": _change_text(row),
    }


def _change_text(row: dict[Any, Any]) -> str:
    """`−2.1 [−3.3, −1.0]`, `×1.31 [1.22, 1.40]`, or the number of new failures: `+3`."""
    measure = _KNOWN[row["measure"]]
    change, low, high = (measure.factor * row[name] for name in ("change", "low", "high"))
    if measure.per:
        return f"×{with_limits(change, low, high, '.2f')}" if np.isfinite(change) else "–"
    return with_limits(change, low, high, f"+.{measure.digits}f")


def _times(frame: pd.DataFrame) -> str:
    """A sentence on all times together, which shows a difference between machines."""
    ratios = frame.loc[frame["measure"].map(lambda name: _KNOWN[name].per != ""), "change"].dropna()
    if ratios.empty:
        return ""
    low, middle, high = ratios.quantile([0.05, 0.5, 0.95])
    return (
        f"All times together: ×{middle:.2f} in the median, nine in ten between ×{low:.2f} and ×{high:.2f}. Where "
        "entries whose code is the same are far from ×1, the machines differ."
    )


def _rule(comparison: Comparison) -> str:
    limits, frame = comparison.limits, comparison.frame
    goals = sorted({f"{100 * goal:g}%" for goal in frame.loc[frame["measure"] == "rounds", "goal"]})
    rounds = limits.rounds if goals else np.inf  # no protocol counts them
    gates = {
        f"mean Dice (initial, without scribbles, final) lower by more than {limits.dice:g} points": limits.dice,
        f"rounds to {' or '.join(goals)} higher by more than {rounds:g}": rounds,
        f"machine time more than {limits.slowdown:g} times as long and at least {limits.noticeable:g} s": (
            limits.slowdown
        ),
    }
    closed = [text for text, limit in gates.items() if np.isfinite(limit)]
    worse = f"{', '.join(closed)}, each only if the interval excludes no change; " if closed else ""
    return (
        "Change: NEW minus BASE on the same objects (times: NEW over BASE; failures: the new ones), with its 95% "
        "interval over patients; n objects, of patients in brackets. A failed session counts with the "
        f"worst score, and in no time. Regression: {worse}a session that failed in NEW and not in BASE. Unclear: "
        "the interval reaches beyond the limit."
    )


def _to_json(comparison: Comparison) -> dict[str, Any]:
    sides = comparison.sides
    rows = json.loads(comparison.frame.to_json(orient="records", double_precision=12))  # NaN becomes null
    about = {
        which: {"name": side.name, **{key: side.facts.get(key) for key in ("bifseg", "commit", "written")}}
        for which, side in (("base", sides.base), ("new", sides.new))
    }
    return about | {
        "notes": list(sides.notes),
        "simulated": sorted(sides.base.simulated | sides.new.simulated),
        # JSON knows no infinity
        "limits": {
            name: limit if np.isfinite(limit) else None for name, limit in asdict(comparison.limits).items()
        },
        "target": comparison.target,
        "regressions": comparison.regressions,
        "comparisons": rows,
    }
