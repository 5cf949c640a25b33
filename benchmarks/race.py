"""Errors and savings of `bifseg race`, by simulation (seconds).

    python benchmarks/race.py [RACES]

Prints a Markdown table: for each kind of differences between two methods and each true mean difference, the shares of
races that end in each decision and the mean number of patients, out of 400, beside the number that a test at a fixed
number of patients needs for a difference of one point with a power of 0.9. Differences are in points of Dice with a
standard deviation of 3. docs/benchmark.md has the table of 2,000 races.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bifseg.analysis.race import ALIKE, BETTER, OPEN, WORSE, decide, fixed_patients

Array = NDArray[np.float64]
SPREAD, PATIENTS = 3.0, 400
DECISIONS = (BETTER, WORSE, ALIKE, OPEN)
# Standardised differences. Those of a method against itself, with other random draws, are symmetric.
KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "heavy tails (t, 3 degrees)": lambda rng, size: rng.standard_t(3, size) / np.sqrt(3),
    "one patient in ten far off": lambda rng, size: np.where(
        rng.random(size) < 0.1, rng.normal(0, 3.02, size), rng.normal(0, 0.3, size)
    ),
    "skewed (exponential)": lambda rng, size: 1 - rng.exponential(size=size),
    "one failure in twenty": lambda rng, size: np.where(rng.random(size) < 0.05, -4.36, 0.23),
}


def main() -> None:
    """Print the table."""
    races = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    fixed = fixed_patients(SPREAD, 1, 0.9)
    print(f"{races} races a row; a test at a fixed number of patients needs {fixed}\n")
    print("| differences | true mean | " + " | ".join(DECISIONS) + " | patients | saved |")
    print("|---|---|" + "---|" * (len(DECISIONS) + 2))
    for name, draw in KINDS.items():
        for mean in (0.0, 1.0, 2.0, 4.0):
            rng = np.random.default_rng(0)
            states = [decide(mean + SPREAD * row, 1) for row in draw(rng, (races, PATIENTS))]
            shares = [np.mean([state.decision == one for state in states]) for one in DECISIONS]
            patients = float(np.mean([state.patients for state in states]))
            numbers = " | ".join(f"{100 * share:.1f} %" for share in shares)
            print(
                f"| {name} | {mean:g} | {numbers} | {patients:.0f} | {100 * (1 - patients / fixed):.0f} % |"
            )


if __name__ == "__main__":
    main()
