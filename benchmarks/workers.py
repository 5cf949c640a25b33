"""A job of sessions with one and with two workers, and where its processor time goes.

The sessions are replicates on one object of a simulated cohort, with the demo's networks, untrained weights and no
target, so that all sessions last equally long. They are timed from the moment at which all processes are warm. A
second job of two sessions measures the cost before and after the sessions: imports, the network, and the check that it
has not changed. The share of kernels (network, min-cut with geodesics, robot) is processor time by processor time.
Expected: with two workers on two cores almost twice as many sessions a second, since workers share nothing; nine tenths
of the sessions' processor time in kernels in 3D, less in 2D, where writing files and talking to the method's process
cost more.
"""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from processor_time import count_processor_time
from timing import heading

from bifseg.cards.cards import CaseCounts, CohortCard, MethodCard, NetworkCard, ProtocolCard, read_card
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.preparation import prepare
from bifseg.cohorts.simulated import SIMULATORS
from bifseg.core.files import write_record
from bifseg.networks.registry import build
from bifseg.networks.trained import DEFAULT_INPUT_SIZE, TrainedNetwork
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shards import run_shard
from bifseg.sessions.archive import Archive

ROOT = Path(__file__).parents[1]
SESSIONS = 8
BIFSEG = MethodCard(method="processor_time:ProcessorTimed")
PROTOCOL = ProtocolCard(rounds=3, target=None, patience=None, fresh_process="job")
CASES = {
    "P-Net, 16 channels, 48 pixels": ("fetal2d", "pnet-demo"),
    "PC-Net, 16 channels, 32 voxels": ("tumour3d", "pcnet-demo"),
}


def untrained(folder: Path, name: str) -> Path:
    """The folder of an untrained network of the card."""
    torch.manual_seed(0)
    card = read_card(NetworkCard, ROOT / f"config/networks/{name}.yaml")
    network = build(NetworkCard(**card.model_dump(exclude_defaults=True))).eval()
    size = card.input_size or DEFAULT_INPUT_SIZE[network.dimension]
    (folder / name).mkdir(parents=True)
    TrainedNetwork(network, size, {}, torch.device("cpu")).save(folder / name / "weights.pt", card)
    write_record(folder / name / "card.json", {"card": card.model_dump(mode="json")})
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


def cohort(name: str, folder: Path) -> Cohort:
    """A simulated cohort with few cases."""
    path = ROOT / f"config/cohorts/{name}.yaml"
    few = {"cases": CaseCounts(train=1, validation=1, test=3)}
    prepare(read_card(CohortCard, path).model_copy(update=few), path, 1, folder, SIMULATORS)
    return Cohort.load(folder)


def measure(cohort_name: str, name: str) -> list[str]:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as place:
        members = cohort(cohort_name, Path(place) / "cohorts" / cohort_name)
        network = untrained(Path(place), name)
        path = ROOT / "config/methods/bifseg.yaml"
        setup = JobSetup("b", 1, members, "own-scribbles", PROTOCOL, path, BIFSEG, network, SESSIONS, "cpu")
        rows = sorted(members.select(split="test"), key=lambda row: row.voxels)
        trials = setup.trials(rows[len(rows) // 2 :][:1])
        one, two = (play(setup, trials, Path(place) / str(workers), workers) for workers in (1, 2))
        short = play(setup, trials[:2], Path(place) / "short", 1)
    a_session = (one[1] - short[1]) / (SESSIONS - 2)
    kernels = (one[2] - short[2]) / (SESSIONS - 2) / a_session
    fixed = one[1] - SESSIONS * a_session
    return [f"{one[0]:.2f}", f"{two[0]:.2f}", f"x{two[0] / one[0]:.2f}", f"{kernels:.0%}", f"{fixed:.1f}"]


def main() -> None:
    """Print the table."""
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    torch.set_num_threads(1)
    count_processor_time()
    heading("One worker and two", ["torch"])
    print(f"\nBIFSeg, {SESSIONS} sessions of {PROTOCOL.rounds} rounds; untrained weights\n")
    columns = ["network", "one worker, sessions/s", "two", "ratio", "sessions in kernels", "job besides, s"]
    print("| " + " | ".join(columns) + " |\n|---|" + "--:|" * (len(columns) - 1))
    for title, case in CASES.items():
        print("| " + " | ".join([title, *measure(*case)]) + " |", flush=True)


if __name__ == "__main__":
    main()
