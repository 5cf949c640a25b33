"""The cost of a run against the size of its cohort: six stub methods on 100 to 10,000 objects, with the real workflow.

    python benchmarks/scale.py            100, 1,000 and 10,000 objects: 40 minutes on two cores
    python benchmarks/scale.py 100 300    other sizes

The stubs take no time, so that the figures show what bifseg and Snakemake add to any method: starting jobs, reading
images, the robot, storing, scoring, tables. Expected: the time is proportional to the number of sessions, plus a fixed
cost per job; neither the memory of a job grows with the cohort nor the number of files with the sessions.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import matplotlib
import numpy as np
import pandas as pd
import yaml

from bifseg.cohorts.manifest import COLUMNS
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
STUB = """
class Stub:
    dimensions, prompts = frozenset({2}), frozenset({"box", "scribbles"})

    def start(self, image, box):
        self.box, self.shape = box, image.voxels.shape
        inside = image.voxels[box.slices] > 0.5
        inside[:, inside.shape[1] // 2 :] = False
        self.result = box.paste(inside, self.shape)
        return self.result

    def refine(self, scribbles):
        return self.result & ~scribbles.background | scribbles.foreground
"""
FILES = 50
PER_SHARD = 500


def lay_out(folder: Path, objects: int) -> Path:
    """The path of a configuration with six stub methods and a cohort of discs whose cases share a few images."""
    rng = np.random.default_rng(0)
    y, x = np.indices((96, 96))
    grid = Grid.plain((96, 96), (1.0, 1.0))
    for k in range(FILES):
        disc = np.hypot(y - rng.integers(35, 60), x - rng.integers(35, 60)) < rng.integers(12, 25)
        write_array(
            folder / f"data/{k}.nii.gz", (disc + rng.normal(0, 0.4, disc.shape)).astype(np.float32), grid
        )
        write_array(folder / f"data/{k}-label.nii.gz", disc.astype(np.uint8), grid)
    header = "\t".join(COLUMNS) + "\n"
    rows = [
        f"c{k}\t{k % FILES}.nii.gz\t{k % FILES}-label.nii.gz\t1\tdisc\tt2\ttest\t\n" for k in range(objects)
    ]
    (folder / "data/discs.tsv").write_text(header + "".join(rows))
    cards = {
        "cohorts/discs": {"dimension": 2, "manifest": "../../data/discs.tsv", "seen": ["disc"]},
        "protocols/own-scribbles": {"rounds": 1, "target": None},
        **{f"methods/stub-{k}": {"method": "stubs:Stub"} for k in range(1, 7)},
    }
    for name, card in cards.items():
        (folder / f"cards/{name}.yaml").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"cards/{name}.yaml").write_text(yaml.safe_dump(card))
    (folder / "code").mkdir()
    (folder / "code/stubs.py").write_text(STUB)
    entries = [f"stub-{k}" for k in range(1, 7)]
    config = {"run": "scale", "cards": "cards", "shards": -(-objects // PER_SHARD)}
    config["cohorts"] = {"discs": {"protocols": {"own-scribbles": entries}}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder / "config.yaml"


def timed(folder: Path, *command: str) -> tuple[str, float, float]:
    """The output of a command, its seconds, and the highest memory of its processes in MB."""
    environment = os.environ | {"PYTHONPATH": str(folder / "code"), "OMP_NUM_THREADS": "1"}
    started = perf_counter()
    done = subprocess.run(
        ["/usr/bin/time", "-f", "peak %M", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    peak = int(re.findall(r"peak (\d+)", done.stderr)[-1]) / 1024
    return done.stdout + done.stderr, perf_counter() - started, peak


def snakemake(folder: Path, *words: str) -> tuple[str, float, float]:
    """The output, seconds and memory of the workflow on two cores."""
    command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2"]
    command += ["--workflow-profile", str(ROOT / "workflow/profiles/default"), *words]
    return timed(folder, *command, "--configfile", "config.yaml")


def job(folder: Path, objects: int) -> float:
    """The memory in MB of a job of sessions on a hundred objects of the cohort."""
    command = ["bifseg", "run", "cards/methods/stub-1.yaml", "--out", "job", "--shard", f"1/{objects // 100}"]
    command += ["--cohort", "results/scale/cohorts/discs", "--protocol", "cards/protocols/own-scribbles.yaml"]
    return timed(folder, *command)[2]


def measure(objects: int) -> dict[str, float]:
    """The figures of one run with this number of objects."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder, objects)
        _, prepare_s, _ = snakemake(folder, "results/scale/cohorts/discs/objects.tsv")
        _, dag_s, dag_mb = snakemake(folder, "--dry-run", "--quiet")
        _, run_s, run_mb = snakemake(folder)
        job_mb = job(folder, objects)
        text, again_s, _ = snakemake(folder)
        assert "Nothing to be done" in text
        run = folder / "results/scale"
        scores = pd.read_parquet(run / "scores.parquet")
        assert (scores["status"] == "ok").all()
        files = sum(len(names) + len(folders) for _, folders, names in os.walk(run))
        bytes_ = sum(path.stat().st_size for path in run.rglob("*") if path.is_file())
        return {
            "objects": objects,
            "sessions": 6 * objects,
            "rows": len(scores),
            "prepare s": prepare_s,
            "dry run s": dag_s,
            "dry run MB": dag_mb,
            "run s": run_s,
            "job of sessions MB": job_mb,
            "largest process MB": run_mb,
            "run again s": again_s,
            "ms a session": 1000 * run_s / (6 * objects),
            "files": files,
            "MB": bytes_ / 1e6,
        }


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw seconds and files against the number of objects."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for name in ("run s", "prepare s", "dry run s", "run again s"):
        axes[0].loglog(table["objects"], table[name], marker="o", label=name.removesuffix(" s"))
    axes[0].set(xlabel="objects (x 6 stub methods)", ylabel="seconds, 2 cores")
    axes[0].legend(frameon=False)
    axes[1].loglog(table["objects"], table["files"], marker="o", label="files and folders of the run")
    axes[1].loglog(table["objects"], table["sessions"], ls=":", color="grey", label="sessions")
    axes[1].set(xlabel="objects (x 6 stub methods)")
    axes[1].legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sizes = [int(word) for word in sys.argv[1:]] or [100, 1000, 10_000]
    rows = []
    for objects in sizes:
        rows.append(measure(objects))
        print(rows[-1], file=sys.stderr)
    table = pd.DataFrame(rows)
    print(table.set_index("objects").T.round(1).to_markdown())
    draw(table, ROOT / "docs/img/scale.png")
