"""Compare settings of the traditional tools on seen structures: a run of its own, and its table.

    python benchmarks/choose_tools.py write IMAGES/manifest.tsv --out tools --dimension 2
    snakemake --workflow-profile workflow/profiles/default --configfile tools/config.yaml --cores 2
    python benchmarks/choose_tools.py table tools/results/tools --out tools.csv

`IMAGES/manifest.tsv` is a table as `real_folds.py` takes it. The tools learn nothing from other images, so that every
object of a seen structure counts, but no object of the demo: the simulated cohorts have a seed of their own. The table
has the mean prompts to a Dice of 0.90 of each setting and cohort. Choose by the mean over cohorts; a difference counts
only if the interval of the paired differences, drawn over patients, leaves 0 out, and not by the
simulated cohort alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

import bifseg
from bifseg.analysis.interactions import cost_to_target
from bifseg.analysis.rules import StoppingRule

TARGET, DRAWS = 0.9, 2000
REAL = {
    2: {"uwm_gi": ["stomach", "large_bowel"], "oasis_trt_2d": ["thalamus", "putamen"]},
    3: {"brats18": ["tumour_core"]},
}
SIMULATED = {
    2: {
        "simulator": "fetal2d",
        "seen": ["placenta", "fetal_brain"],
        "unseen": ["fetal_lungs", "maternal_kidneys"],
    },
    3: {"simulator": "tumour3d", "seen": ["tumour_core"], "unseen": ["whole_tumour"]},
}
CASES = {2: 20, 3: 8}
# The first of each, without settings, is the one that ships.
SETTINGS = {
    "grabcut": [
        {},
        *({"surround": surround, "strength": 10} for surround in (1, 2)),
        *({"surround": 0.5, "strength": strength} for strength in (5, 20)),
        *({"surround": 1, "strength": strength} for strength in (5, 20)),
    ],
    "grabcut-opencv": [{}],
    "geos": [
        {},
        *(
            {"gamma": 300, "strength": strength, "sigma": sigma}
            for strength, sigma in ((1, 0.1), (2.5, 0.05), (10, 0.05), (5, 0.1))
        ),
        *({"gamma": gamma, "strength": 5, "sigma": 0.05} for gamma in (100, 1000)),
    ],
    "growcut": [{}, {"full_neighbourhood": False}, {"full_neighbourhood": True}],
    "random-walks": [{}, {"beta": 90}, {"beta": 1000}],
    "slic-seg": [
        {},
        *({"strength": strength, "sigma": 0.07} for strength in (5, 30)),
        *({"strength": 10, "sigma": sigma} for sigma in (0.03, 0.15)),
    ],
}
ONLY_2D = ("grabcut-opencv", "slic-seg")


def main() -> None:
    """Write the run's cards, or the table of the finished run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("write", "table"))
    parser.add_argument("source", type=Path, help="the table of images, or the folder of the finished run")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dimension", type=int, choices=(2, 3), default=2)
    parser.add_argument("--tools", nargs="+", default=list(SETTINGS), help="only these")
    options = parser.parse_args()
    if options.stage == "write":
        write(options.source, options.out, options.dimension, options.tools)
    else:
        run = bifseg.read_run(options.source)
        rule = StoppingRule.of(run.protocols["own-scribbles"].model_dump())
        table(run.scores, rule).to_csv(options.out)


def write(images: Path, out: Path, dimension: int, tools: list[str]) -> None:
    """The cards and the configuration of the run."""
    for kind in ("cohorts", "methods", "protocols", "networks"):
        (out / "cards" / kind).mkdir(parents=True, exist_ok=True)
    cases = {"train": 1, "validation": CASES[dimension], "test": 1}
    _card(out / "cards/cohorts/simulated.yaml", dimension=dimension, cases=cases, **SIMULATED[dimension])
    for name, structures in REAL[dimension].items():
        _real_cohort(images, out, name, structures, dimension)
    entries = []
    for tool in tools:
        for number, settings in enumerate(SETTINGS[tool], start=1):
            if dimension == 2 or tool not in ONLY_2D:
                entries.append(f"{tool}-{number}")
                _card(out / f"cards/methods/{entries[-1]}.yaml", method=tool, settings=settings)
    protocol = yaml.safe_load(Path("config/protocols/own-scribbles.yaml").read_text(encoding="utf-8"))
    _card(out / "cards/protocols/own-scribbles.yaml", **protocol | {"rounds": 10 if dimension == 2 else 6})
    cohorts = {
        name: {"networks": [], "protocols": {"own-scribbles": entries}}
        for name in (*REAL[dimension], "simulated")
    }
    place = {"results": str(out / "results"), "cards": str(out / "cards")}
    _card(out / "config.yaml", run="tools", seed=7, **place, split="validation", shards=2, cohorts=cohorts)


def _real_cohort(images: Path, out: Path, name: str, structures: list[str], dimension: int) -> None:
    """A cohort of all images of a set, in the split that the run plays."""
    folds = [sys.executable, "benchmarks/real_folds.py", images, "--out", out / "folds"]
    subprocess.run([*map(str, folds), "--set", name, "--seen", *structures], check=True)
    rows = pd.read_csv(out / f"folds/{name}/fold-0/{name}-0.tsv", sep="\t", dtype=str, keep_default_na=False)
    rows.assign(split="validation").to_csv(out / f"cards/cohorts/{name}.tsv", sep="\t", index=False)
    source = {"manifest": f"{name}.tsv", "root": str(images.parent.resolve())}
    _card(out / f"cards/cohorts/{name}.yaml", dimension=dimension, seen=structures, **source)


def _card(path: Path, **content: object) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def table(scores: pd.DataFrame, rule: StoppingRule) -> pd.DataFrame:
    """Mean prompts to the target by setting and cohort, and the mean difference to the first setting of the tool."""
    prompts = _prompts(scores[scores["seen"]], rule)
    means = prompts.groupby("cohort").mean().T
    means["mean"] = means.mean(axis=1)
    for entry in means.index:
        first = f"{entry.rpartition('-')[0]}-1"
        means.loc[entry, ["difference", "low", "high"]] = _difference(prompts[entry] - prompts[first])
    return means.round(2)


def _prompts(scores: pd.DataFrame, rule: StoppingRule) -> pd.DataFrame:
    """Prompts of each session until the target, by setting; sessions that miss it cost what the run's tables charge."""
    costs = [cost_to_target(rows, TARGET, rule) for _, rows in scores.groupby("cohort")]
    return (
        pd.concat(costs).set_index(["cohort", "patient", "object", "method"])["n_prompts"].unstack("method")
    )


def _difference(differences: pd.Series) -> tuple[float, float, float]:
    """Mean over cohorts of the mean over objects, and its interval from draws of patients."""
    cohorts = [
        rows.groupby("patient").agg(["sum", "size"]).to_numpy() for _, rows in differences.groupby("cohort")
    ]
    rng = np.random.default_rng(0)

    def mean(chosen: list[np.ndarray]) -> float:
        return float(np.mean([rows[:, 0].sum() / rows[:, 1].sum() for rows in chosen]))

    draws = [mean([rng.choice(rows, len(rows)) for rows in cohorts]) for _ in range(DRAWS)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return mean(cohorts), float(low), float(high)


if __name__ == "__main__":
    main()
