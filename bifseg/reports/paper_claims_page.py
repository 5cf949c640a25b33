"""The page of claims: verdicts, the comparisons behind them, and the check that base networks did not change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.names import FAILURES, method_label
from bifseg.analysis.paired import main_network
from bifseg.analysis.paper_claims import (
    AS_GOOD,
    BETTER,
    BY_FOUR,
    COMPARISON,
    FAILS,
    GAIN,
    MARGIN,
    ROW,
    SHOWN,
    UNKNOWN,
    Claim,
)
from bifseg.analysis.run_files import session_folders
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.statistics import LEVEL
from bifseg.core.errors import InputError
from bifseg.core.files import check_hash, file_hash, read_needed, read_record, write_record, write_text
from bifseg.core.wording import counted
from bifseg.reports.formats import p_value
from bifseg.reports.pipe_table import pipe_table

# column: header, factor, digits
_MEASURES = {
    "dice": ("Dice (%)", 100, 1),
    "spread": ("Spread of Dice (points)", 100, 1),
    "round": ("Rounds", 1, 1),
    "n_prompts": ("Prompts", 1, 1),
    "user_s": ("User time (s)", 1, 1),
}
_READING = f"""Differences are the method minus what it is compared with, on the same objects, with the 95%
interval over patients (bootstrap-t; Student's t with fewer than 5 or more than 200). p is Wilcoxon's signed-rank test,
two-sided, over the patients' mean differences, corrected by Holm over the family: all comparisons of one claim by one
measure on one structure. There is no correction over structures, measures or claims. The paper's Student t-test, over
objects, is in `claims.csv`. {FAILURES}

- `{BETTER}` (more Dice; less spread, prompts or time) holds if the interval of the difference is on that side and
  p < {LEVEL}; `{BY_FOUR}` if the mean is also at least {100 * GAIN:g} Dice points; `{SHOWN}` is judged as `{BETTER}`
  and does not count.
- `{AS_GOOD}` holds if Dice is not significantly worse and its interval stays above −{100 * MARGIN:g} points, a
  margin of ours: half of the least gain of claim 3.
- `{FAILS}` is all else: *the opposite* is significant and the interval lies on the other side, or there is *no
  difference shown*, which does not prove equality.
- `{UNKNOWN}`: sessions are missing, or patients are too few for p < {LEVEL} in a family of that size (6 patients are
  needed for one comparison, 7 for two or three).
- A claim holds if all its comparisons hold, and does not hold if one does not.
"""


@dataclass(frozen=True)
class Check:
    """The check of one entry's sessions in a job: its base network before and after.

    Attributes:
        job: COHORT/PROTOCOL/ENTRY/FILE, below the run's sessions.
        network: name.
        objects: names of the validation objects whose Dice was compared; none if the weights' hash was.
        equal: whether the hash, or every Dice of at least one object, is equal to the last bit.
    """

    job: str
    network: str
    objects: tuple[str, ...]
    equal: bool

    @property
    def cohort(self) -> str:
        """Name of the cohort that was played."""
        return self.job.split("/")[0]


def read_checks(run: Path, scores: pd.DataFrame) -> list[Check]:
    """The forgetting checks of the sessions of the scores.

    Args:
        run: RESULTS/RUN.
        scores: of the run.

    Returns:
        A check for each session job that has one, by job.

    Raises:
        InputError: a file is no forgetting check.
    """
    folders = session_folders(run, scores)
    return [_read_check(run, path) for folder in folders for path in sorted(folder.glob("forgetting-*.json"))]


def _read_check(run: Path, path: Path) -> Check:
    try:
        record = read_record(path)
        equal = bool(record["before"]) and record["before"] == record["after"]
        job = path.relative_to(run / "sessions").with_suffix("").as_posix()
        return Check(job, record["network"], tuple(record["objects"]), equal)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a forgetting check; delete it and play its sessions again") from error


def forgetting_line(checks: Sequence[Check]) -> str:
    """A sentence on whether image-specific fine-tuning left the base networks unchanged.

    Args:
        checks: of `read_checks`.

    Returns:
        The sentence; it names the jobs whose Dice changed.
    """
    if not checks:
        return "Unchanged networks: no check of the sessions' jobs exists."
    networks = {(check.cohort, check.network) for check in checks}
    objects = {(check.cohort, name) for check in checks for name in check.objects}
    by_hash = sum(not check.objects for check in checks)
    compared = ["the hash of all weights"] if by_hash else []
    compared += [f"Dice on {counted(len(objects), 'validation object')}"] if by_hash < len(checks) else []
    changed = [check.job for check in checks if not check.equal]
    verdict = f"not shown to be equal in {', '.join(changed)}" if changed else "equal in all"
    where = f"{counted(len(checks), 'check')} of {counted(len(networks), 'network')}"
    return (
        f"Unchanged networks: in {where}, {' or '.join(compared)} before and after the sessions is {verdict}."
    )


def present_claim(claim: Claim) -> pd.DataFrame:
    """The rows of a claim as text for readers.

    Args:
        claim: with its comparisons.

    Returns:
        Texts, a row a comparison.
    """
    rows = claim.rows.to_dict("records")
    networks = [*claim.rows["network"], *claim.rows["against_network"]]
    shown = {
        "Seen": ["seen" if row["seen"] else "unseen" for row in rows],
        "Structure": [row["structure"].replace("_", " ") for row in rows],
        "Method": [method_label(row["method"], row["network"], networks) for row in rows],
        "Compared with": [
            method_label(row["against_method"], row["against_network"], networks) for row in rows
        ],
        "Measure": [_MEASURES[row["measure"]][0] for row in rows],
        "Method's": [_mean(row, "") for row in rows],
        "Other's": [_mean(row, "against_") for row in rows],
        "Difference": [_difference(row) for row in rows],
        "p (Holm)": [p_value(row["holm_p"]) for row in rows],
        **{name: [str(row[name]) for row in rows] for name in ("n", "patients", "failed")},
        "Expected": [row["rule"] for row in rows],
        "Verdict": [row["verdict"] + (f" ({row['note']})" if row["note"] else "") for row in rows],
    }
    if claim.joined:
        whole = claim.rows.merge(claim.comparisons, on=COMPARISON, suffixes=("", "_joined"))["verdict_joined"]
        shown["Comparison"] = whole.tolist()
    return pd.DataFrame(shown)


def _mean(row: dict[Any, Any], side: str) -> str:
    _, factor, digits = _MEASURES[row["measure"]]
    mean, std = row[f"{side}mean"] * factor, row[f"{side}std"] * factor
    if np.isnan(mean):
        return "–"
    spread = np.isfinite(std) and row["measure"] != "spread"  # the spread of a spread would only confuse
    return f"{mean:.{digits}f}" + (f" ± {std:.{digits}f}" if spread else "")


def _difference(row: dict[Any, Any]) -> str:
    _, factor, digits = _MEASURES[row["measure"]]
    if np.isnan(row["difference_mean"]):
        return "–"
    numbers = [factor * row[f"difference_{name}"] for name in ("mean", "low", "high")]
    mean, low, high = (f"{number:+.{digits}f}".replace("-", "−") for number in numbers)
    return mean if np.isnan(row["difference_low"]) else f"{mean} [{low}, {high}]"


def write_claims(claims: Sequence[Claim], run: RunScores, checks: Sequence[Check], folder: Path) -> None:
    """Write claims.md for readers, claims.csv with raw numbers, and claims.json for `read_claims`.

    Args:
        claims: of all cohorts.
        run: its scores.
        checks: of `read_checks`.
        folder: where the files go.
    """
    write_text(folder / "claims.md", _page(claims, run, checks))
    parts = [claim.rows.assign(cohort=claim.cohort, claim=claim.number) for claim in claims]
    columns = ["cohort", "claim", *ROW]
    frame = pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)
    write_text(folder / "claims.csv", frame.to_csv(index=False, lineterminator="\n"))
    words = [
        {name: getattr(claim, name) for name in ("cohort", "number", "statement", "rule", "joined")}
        for claim in claims
    ]
    write_record(folder / "claims.json", {"sha256": file_hash(folder / "claims.csv"), "claims": words})


def read_claims(folder: Path) -> list[Claim]:
    """The claims that `write_claims` wrote.

    Args:
        folder: RESULTS/RUN/tables.

    Returns:
        The claims of all cohorts.

    Raises:
        InputError: claims.csv differs from the one that was written.
    """
    about, path = read_needed(folder / "claims.json", "sha256", "claims"), folder / "claims.csv"
    check_hash(path, about["sha256"], f"delete {folder} and write the tables again")
    texts = dict.fromkeys(("cohort", *COMPARISON[1:], "measure", "rule", "verdict", "note"), str)
    # An entry may be named "none" or "nan": only an empty cell is missing.
    frame = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])
    frame = frame.fillna(dict.fromkeys(texts, ""))
    return [
        Claim(
            **words,
            rows=frame[(frame["cohort"] == words["cohort"]) & (frame["claim"] == words["number"])][ROW],
        )
        for words in about["claims"]
    ]


def _page(claims: Sequence[Claim], run: RunScores, checks: Sequence[Check]) -> str:
    shown = [f"{c.name} (simulated)" if c.name in run.simulated else c.name for c in run.cohorts]
    parts = ["# The paper's claims in this run", f"Cohorts: {', '.join(shown) or 'none'}.", _READING.rstrip()]
    for cohort in run.cohorts:
        about = [claim for claim in claims if claim.cohort == cohort.name]
        network = main_network(cohort.frame) or "none"
        parts += [f"## {cohort.name}", f"{cohort.note} Main network: {network}.", _verdicts(about)]
        for claim in about:
            parts += [
                f"**Claim {claim.number}: {claim.statement}** {claim.rule}",
                _pipe(present_claim(claim)),
            ]
    return "\n\n".join([*parts, forgetting_line(checks)]) + "\n"


def _verdicts(claims: Sequence[Claim]) -> str:
    lines = [
        {
            "Claim": f"{claim.number}. {claim.statement}",
            "Verdict": f"**{claim.verdict}**",
            "Seen: comparisons that hold": claim.count(True),
            "Unseen: comparisons that hold": claim.count(False),
        }
        for claim in claims
    ]
    return _pipe(pd.DataFrame(lines))


_RIGHT = ("Method's", "Other's", "Difference", "p (Holm)", "n", "patients", "failed")


def _pipe(shown: pd.DataFrame) -> str:
    left = [name for name in shown.columns if name not in _RIGHT]
    return pipe_table(list(shown.columns), shown.to_numpy().tolist(), left)
