"""The label update where it takes longest: probabilities about 0.5 in a box of 76 voxels, and large crops.

    python benchmarks/doubtful_cuts.py [COHORT=NETWORK]

Logits are smooth noise with a standard deviation of 0.5, over an image of noise. The defaults of 3D use a lambda of
0.3 to 1.3 at these sizes; above 1, one label wins nearly everywhere, which is found fast.
The solver alone is stopped after 60 s. COHORT and NETWORK are folders of a run whose network is 3D, such as
`results/demo/cohorts/tumour3d` and `results/demo/networks/tumour3d/pcnet-demo`: the label update of that network on
one object, scaled to several sizes, before and after a round of scribbles. It takes about a quarter of an hour.
Expected: from a first flow, no box of 76 voxels takes more than eleven seconds; the time grows with the size a
little faster than the number of voxels.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import process_time

import numpy as np
from choose_finetuning import robot, round_of_scribbles
from label_update import Problem, of_pymaxflow
from numpy.typing import NDArray
from scipy import ndimage
from timing import heading

from bifseg.cards.cards import MethodCard
from bifseg.cohorts.cohort import Cohort
from bifseg.methods.registry import build
from bifseg.networks.trained import TrainedNetwork

SHAPE, LIMIT = (76, 76, 76), 60
WIDTHS, STRENGTHS = (0, 1, 2, 3, 5, 8, 12), (0.15, 0.3, 0.6, 1.0)
SIZES = (80, 128, 160)


@dataclass(frozen=True)
class Noise(Problem):
    """Smooth noise without a scribble; its `width` is in voxels."""

    width: float = 0

    @cached_property
    def intensity(self) -> NDArray[np.float64]:
        return np.clip(0.5 + np.random.default_rng(0).normal(0, 0.1, self.shape), 0, 1)

    @cached_property
    def probability(self) -> NDArray[np.float64]:
        noise = np.random.default_rng(3).standard_normal(self.shape)
        noise = ndimage.gaussian_filter(noise, self.width) if self.width else noise
        return 1 / (1 + np.exp(-0.5 * noise / noise.std()))

    @cached_property
    def scribbles(self) -> NDArray[np.uint8]:
        return np.zeros(self.shape, np.uint8)


def seconds(problem: Noise, cut: Callable[[Noise], object]) -> tuple[str, float | None]:
    """The processor time of a cut, and its energy; stopped after `LIMIT` seconds."""

    def timed(answer) -> None:
        problem.pairs, problem.unary()  # the solver alone gets them ready-made
        begin = process_time()
        labels = cut(problem)
        answer.send((process_time() - begin, problem.energy(labels)))

    processes = multiprocessing.get_context("fork")
    received, answer = processes.Pipe(duplex=False)
    process = processes.Process(target=timed, args=(answer,))
    process.start()
    taken, energy = received.recv() if received.poll(LIMIT + 5) else (None, None)
    process.kill()
    return (f"over {LIMIT}" if taken is None else f"{taken:.1f}"), energy


def noise_table() -> None:
    """A row for each width, a column for each lambda."""
    print("\n| width of the noise | " + " | ".join(f"lambda {strength}" for strength in STRENGTHS) + " |")
    print("|--:|" + "--:|" * len(STRENGTHS))
    for width in WIDTHS:
        cells = []
        for strength in STRENGTHS:
            problem = Noise(SHAPE, True, "noise", strength, width)
            ours, least = seconds(problem, lambda p: p.update()(p.probability, p.scribbles))
            alone, energy = seconds(problem, of_pymaxflow)
            assert energy is None or abs(energy / least - 1) < 1e-6, f"{problem}: another energy"
            cells.append(f"{ours} ({alone})")
        print(f"| {width} | {' | '.join(cells)} |", flush=True)


def trained_table(cohort_folder: str, network_folder: str) -> None:
    """A row for each size: the label update of base + CRF before and after a round of scribbles."""
    cohort = Cohort.load(Path(cohort_folder))
    trained = TrainedNetwork.load(Path(network_folder) / "weights.pt")
    row = cohort.select(split="test")[0]
    image, truth = cohort.image(row), cohort.truth(row)
    print("\n| crop | before any scribble, s | after a round, s |\n|---|--:|--:|")
    for size in SIZES:
        user, network = robot(cohort, row, image, truth), replace(trained, input_size=size)
        box, method = user.box(), build(MethodCard(method="base-crf"), network)
        scribbles = round_of_scribbles(user, box, method.start(image, box))
        times = []
        for call in (method.adapt, lambda: method.refine(scribbles)):
            before = method.seconds["label_update"]
            call()
            times.append(method.seconds["label_update"] - before)
        shape = " x ".join(map(str, network.crop(image, box).shape))
        print(f"| {shape} | {' | '.join(f'{taken:.1f}' for taken in times)} |", flush=True)


def main() -> None:
    heading("The slowest min-cuts", ["numpy", "PyMaxflow"])
    noise_table()
    for pair in sys.argv[1:]:
        trained_table(*pair.split("="))


if __name__ == "__main__":
    main()
