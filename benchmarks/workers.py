"""A job of sessions with one and with two workers, and where its processor time goes.

On the paper's sizes with untrained weights, so that every session plays all its rounds. Sessions are timed from the
moment at which all processes are warm to the last one. Expected: close to twice as many sessions a second with two
workers on two cores, since they share nothing; nine tenths of the time in kernels in 3D, less in 2D, where writing
files and talking to the method's process weigh more.

    python benchmarks/workers.py        needs results/demo/cohorts: run `make demo` before
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

from bifseg.archive import Archive
from bifseg.cards import MethodCard, NetworkCard, ProtocolCard, read_card
from bifseg.cohorts.objects import Cohort
from bifseg.networks.registry import build
from bifseg.networks.trained import DEFAULT_INPUT_SIZE, TrainedNetwork
from bifseg.shards import Lineup, run_shard, session_name

ROOT = Path(__file__).parents[1]
PROTOCOL = ProtocolCard(rounds=5, target=None, patience=None)
CASES = {
    "P-Net, 64 channels, 96 pixels": ("fetal2d", "pnet", {}, 16),
    "PC-Net, 32 channels, 48 voxels": (
        "tumour3d",
        "pcnet",
        {"settings": {"head": "1x1x1"}, "input_size": 48},
        12,
    ),
}


def untrained(folder: Path, name: str, changes: dict) -> Path:
    """A network of that card as it is before training; its folder."""
    torch.manual_seed(0)
    card = read_card(NetworkCard, ROOT / f"config/networks/{name}.yaml").model_copy(update=changes)
    network = build(NetworkCard(**card.model_dump(exclude_defaults=True))).eval()
    size = card.input_size or DEFAULT_INPUT_SIZE[network.dimension]
    (folder / name).mkdir(parents=True)
    TrainedNetwork(network, size, {}, torch.device("cpu")).save(folder / name / "weights.pt", card)
    return folder / name


def play(lineup: Lineup, tasks: list, folder: Path, workers: int) -> tuple[float, float]:
    """Sessions a second once all workers are warm, and the share of the processor's time in kernels."""
    done: list[float] = []

    def watch(played, total):
        for item in played:
            done.append(perf_counter())
            yield item

    before = spent()
    count = run_shard(lineup, tasks, folder, workers=workers, progress=watch)
    assert count["ok"] == len(tasks), count
    archive, kernels = Archive(folder), 0.0
    for task in tasks:
        for step in archive.load(session_name(*task)).steps:
            kernels += sum(step.seconds[name] for name in ("network", "label_update", "robot"))
    warm = 2 * workers
    return (len(done) - warm) / (done[-1] - done[warm - 1]), kernels / (spent() - before)


def spent() -> float:
    """Processor seconds of this process and all that have ended below it."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def main() -> None:
    """Print the table."""
    os.environ["OMP_NUM_THREADS"] = "1"
    print(
        f"### One worker and two\n\n{machine()}; BIFSeg, {PROTOCOL.rounds} rounds a session, three repeats in turns\n"
    )
    print(
        "| network | sessions | one worker, sessions/s | two workers | ratio | in kernels |\n|---|--:|--:|--:|--:|--:|"
    )
    for title, (cohort, name, changes, count) in CASES.items():
        members = Cohort.load(ROOT / "results/demo/cohorts" / cohort)
        with tempfile.TemporaryDirectory() as place:
            network = untrained(Path(place), name, changes)
            path = ROOT / "config/methods/bifseg.yaml"
            lineup = Lineup(
                "b",
                1,
                members,
                "own-scribbles",
                PROTOCOL,
                path,
                read_card(MethodCard, path),
                network,
                device="cpu",
            )
            tasks = lineup.tasks(members.select(split="test"))[:count]
            rates = [
                [play(lineup, tasks, Path(place) / f"{repeat}-{workers}", workers) for workers in (1, 2)]
                for repeat in range(3)
            ]
        one, two = (np.median([r[k][0] for r in rates]) for k in (0, 1))
        ratio = np.median([r[1][0] / r[0][0] for r in rates])
        kernels = np.median([r[0][1] for r in rates])
        print(f"| {title} | {len(tasks)} | {one:.2f} | {two:.2f} | x{ratio:.2f} | {kernels:.0%} |")


if __name__ == "__main__":
    main()
