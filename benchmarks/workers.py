"""A job of sessions with one and with two workers, and where its processor time goes.

The sessions are replicates on one object of medium size, with networks of the paper's sizes, untrained weights and no
target, so that all sessions last equally long. They are timed from the moment at which all processes are warm. A
second job of two sessions measures the cost before and after the sessions: imports, the network, and the check that
the network has not changed. Expected: with two workers on two cores almost twice as many sessions a second, since
workers share nothing; nine tenths of the sessions' processor time in kernels in 3D, less in 2D, where writing files
and talking to the method's process cost more.

    python benchmarks/workers.py        needs results/demo/cohorts: run `make demo` first
"""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from timing import machine

from bifseg.cards.cards import MethodCard, NetworkCard, ProtocolCard, read_card
from bifseg.cohorts.cohort import Cohort
from bifseg.networks.registry import build
from bifseg.networks.trained import DEFAULT_INPUT_SIZE, TrainedNetwork
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shards import run_shard
from bifseg.sessions.archive import Archive

ROOT = Path(__file__).parents[1]
REPEATS = 2
PROTOCOL = ProtocolCard(rounds=5, target=None, patience=None)
CASES = {
    "P-Net, 64 channels, 96 pixels": ("fetal2d", "pnet", {}, 12),
    "PC-Net, 32 channels, 48 voxels": (
        "tumour3d",
        "pcnet",
        {"settings": {"head": "1x1x1"}, "input_size": 48},
        12,
    ),
}


def untrained(folder: Path, name: str, changes: dict) -> Path:
    """The folder of an untrained network of the card."""
    torch.manual_seed(0)
    card = read_card(NetworkCard, ROOT / f"config/networks/{name}.yaml").model_copy(update=changes)
    network = build(NetworkCard(**card.model_dump(exclude_defaults=True))).eval()
    size = card.input_size or DEFAULT_INPUT_SIZE[network.dimension]
    (folder / name).mkdir(parents=True)
    TrainedNetwork(network, size, {}, torch.device("cpu")).save(folder / name / "weights.pt", card)
    return folder / name


def play(setup: JobSetup, trials: list, folder: Path, workers: int) -> tuple[float, float, float]:
    """Sessions per second once all workers are warm; processor seconds of the job, in total and in kernels."""
    done: list[float] = []

    def watch(played, total):
        for item in played:
            done.append(perf_counter())
            yield item

    before = spent()
    count = run_shard(setup, trials, folder, workers=workers, progress=watch)
    assert count["ok"] == len(trials), count
    archive, kernels = Archive(folder), 0.0
    for trial in trials:
        for step in archive.load(trial.session).steps:
            kernels += sum(step.seconds[name] for name in ("network", "label_update", "robot"))
    warm = 2 * workers
    rate = (len(done) - warm) / (done[-1] - done[warm - 1]) if len(done) > warm else np.nan
    return rate, spent() - before, kernels


def spent() -> float:
    """Processor seconds of this process and of its ended children."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def measure(cohort: str, name: str, changes: dict, count: int) -> list[str]:
    """A row of the table."""
    members = Cohort.load(ROOT / "results/demo/cohorts" / cohort)
    with tempfile.TemporaryDirectory() as place:
        network = untrained(Path(place), name, changes)
        path = ROOT / "config/methods/bifseg.yaml"
        card = read_card(MethodCard, path)
        setup = JobSetup("b", 1, members, "own-scribbles", PROTOCOL, path, card, network, count, "cpu")
        rows = sorted(members.select(split="test"), key=lambda row: row.voxels)
        trials = setup.trials(rows[len(rows) // 2 :][:1])
        rates, costs = [], []
        for repeat in range(REPEATS):
            folder = Path(place) / str(repeat)
            one, two = (play(setup, trials, folder / str(workers), workers) for workers in (1, 2))
            short = play(setup, trials[:2], folder / "short", 1)
            rates.append([one[0], two[0], two[0] / one[0]])
            a_session = (one[1] - short[1]) / (count - 2)
            costs.append([(one[2] - short[2]) / (count - 2) / a_session, one[1] - count * a_session])
    alone, both, ratio = np.median(rates, axis=0)
    kernels, fixed = np.median(costs, axis=0)
    return [str(count), f"{alone:.2f}", f"{both:.2f}", f"x{ratio:.2f}", f"{kernels:.0%}", f"{fixed:.1f}"]


def main() -> None:
    """Print the table."""
    os.environ["OMP_NUM_THREADS"] = "1"
    how = f"BIFSeg, {PROTOCOL.rounds} rounds a session, {REPEATS} repeats in turns"
    print(f"### One worker and two\n\n{machine()}; {how}\n")
    columns = [
        "network",
        "sessions",
        "one worker, sessions/s",
        "two workers",
        "ratio",
        "sessions in kernels",
        "job besides, s",
    ]
    print("| " + " | ".join(columns) + " |\n|---|" + "--:|" * (len(columns) - 1))
    for title, case in CASES.items():
        print("| " + " | ".join([title, *measure(*case)]) + " |", flush=True)


if __name__ == "__main__":
    main()
