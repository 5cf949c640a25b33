"""How often the gate of `bifseg compare` detects a drop of mean Dice, by simulation (a minute).

    python benchmarks/gate.py [COMPARISONS]

Prints a Markdown table: for each number of patients and each standard deviation of their differences, the share of
comparisons that are a regression at the default limits, by the true drop in points of Dice. Differences are normal.
docs/benchmark.md has the table of 1,500 comparisons.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from bifseg.analysis.intervals import mean_interval
from bifseg.reports.benchmark.gate import REGRESSION, Limits, judge

PATIENTS, SPREADS, DROPS = (10, 30), (1.0, 2.0, 4.0), (0.0, 1.0, 2.0, 3.0)


def detected(patients: int, spread: float, drop: float, comparisons: int) -> float:
    """The share of simulated comparisons that are a regression; spread and drop in points."""
    rng = np.random.default_rng(0)
    draws = rng.normal(-drop / 100, spread / 100, (comparisons, patients))
    changes = [mean_interval(row, np.arange(patients)) for row in draws]
    frame = pd.DataFrame({"change": c.mean, "low": c.low, "high": c.high} for c in changes)
    frame = frame.assign(measure="dice", new=0.9)
    return float((judge(frame, Limits())["verdict"] == REGRESSION).mean())


def main() -> None:
    """Print the table."""
    comparisons = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    print("| patients | spread | " + " | ".join(f"{drop:g} points" for drop in DROPS) + " |")
    print("|---|---|" + "---|" * len(DROPS))
    for patients in PATIENTS:
        for spread in SPREADS:
            shares = [detected(patients, spread, drop, comparisons) for drop in DROPS]
            numbers = " | ".join(f"{100 * share:.0f} %" for share in shares)
            print(f"| {patients} | {spread:g} | {numbers} |")


if __name__ == "__main__":
    main()
