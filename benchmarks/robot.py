"""A round of every policy of the robot against a plain click, and against a round of the methods.

The click is the deepest voxel (Euclidean distance transform) of the largest connected error of each sign, as in the
interactive challenges. The last tables are from sessions: time of the robot and of the method in a round. All times
are processor seconds, since other work on the machine then does not count. Expected: the robot takes less than a
tenth of a method that fine-tunes a network, in 2D and 3D, but not of tools that take a few milliseconds. `python
benchmarks/robot.py --short` leaves out the methods; `python benchmarks/robot.py RUN` only runs the sessions of a run,
such as results/demo, again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
import timing
import torch
from fitted import fitted
from methods import TOOLS, game_on
from scipy import ndimage
from timing import machine, ratios

import bifseg.sessions.game
import bifseg.sessions.recorder
from bifseg.cards.cards import MethodCard, ProtocolCard, read_card
from bifseg.cohorts.cohort import Cohort
from bifseg.core.files import read_json
from bifseg.core.geometry import Mask
from bifseg.core.seeds import generator
from bifseg.methods.registry import build
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.trained import TrainedNetwork
from bifseg.robot.policies.registry import POLICIES, policy
from bifseg.runs.job_setup import JobSetup
from bifseg.sessions.game import play

ROUNDS = (((96, 96), (1.0, 1.0)), ((80, 80, 80), (2.0, 2.0, 2.0)), ((80, 80, 80), (6.5, 1.0, 1.0)))
METHODS = (
    (partial(PNet, 64), (116, 116), 43, 96),
    (partial(PCNet, 32, head="1x1x1"), (100, 100, 100), 35, 80),
)
N_ROUNDS = 3


def blob(shape: tuple[int, ...], name: str, bumps: float) -> Mask:
    """A ball with a bumpy surface; `bumps` is their width in voxels."""
    noise = ndimage.gaussian_filter(generator(0, "blob", name).standard_normal(shape), bumps)
    offset = np.moveaxis(np.indices(shape), 0, -1) - np.array(shape) / 2
    return np.linalg.norm(offset, axis=-1) / min(shape) * 2 + 0.15 * noise / noise.std() < 0.65


def clicks(truth: Mask, result: Mask, spacing: tuple[float, ...]) -> list[tuple[np.intp, ...]]:
    """The deepest voxel of the largest component of each sign."""
    points = []
    for wrong in (truth & ~result, result & ~truth):
        labels, _ = ndimage.label(wrong, np.ones((3,) * wrong.ndim))
        largest = labels == np.bincount(labels[labels > 0]).argmax()
        depth = ndimage.distance_transform_edt(np.pad(largest, 1), sampling=spacing)
        points.append(np.unravel_index(depth.argmax(), depth.shape))
    return points


def compare(shape: tuple[int, ...], spacing: tuple[float, ...]) -> None:
    """Print the table of one size."""
    truth, result = blob(shape, "truth", 8.0), blob(shape, "result", 5.0)
    rng = generator(0, "strokes")
    size = " x ".join(map(str, shape))
    cases: dict[str, Callable[[], object]] = {
        "a click of each label, distance transform": lambda: clicks(truth, result, spacing)
    }
    for name in POLICIES:
        for most, words in ((1, "one"), (3, "three")):
            draw = partial(policy(name).strokes, truth, result, spacing, rng, most)
            cases[f"{name}, {words} of each label"] = draw
    title = f"one round of the robot, {size} of {spacing} mm, {(truth ^ result).sum()} voxels wrong"
    ratios(title, cases, repeats=9)


def shares(network: Callable[[], torch.nn.Module], shape: tuple[int, ...], radius: float, size: int) -> None:
    """Print processor seconds of the robot and of the method in a round, for every method and policy."""
    whole = game_on(shape, radius)
    trained = fitted(network, size, whole)
    print(f"\n### A round of the robot and of the method, box {whole.box().shape}\n\n{machine()}\n")
    print("| method | policy | robot ms | method ms | robot / method | rounds |\n|---|---|--:|--:|--:|--:|")
    for name in ("base-crf", "bifseg", *TOOLS[len(shape)]):
        method = build(MethodCard(method=name), trained if name in ("base-crf", "bifseg") else None)
        for policy_name in POLICIES:
            print(share(name, method, policy_name, whole), flush=True)


def share(name: str, method, policy_name: str, whole) -> str:
    """A row: medians over the rounds, the first scribbles of tools without an initial result included."""
    rules = ProtocolCard(rounds=N_ROUNDS, target=None, policy=policy_name)
    game = replace(whole, protocol=rules)
    session = play(game, method)
    assert session.status in ("ok", "stuck"), session.error
    rounds = [step.seconds for step in session.steps if step.name.startswith("round")]
    if not rounds:
        return f"| {name} | {policy_name} | | | satisfied | 0 |"
    robot, machine_s = (median(s[kind] for s in rounds) for kind in ("robot", "machine"))
    ratio = f"{robot / machine_s:.3f}"
    return (
        f"| {name} | {policy_name} | {1e3 * robot:,.1f} | {1e3 * machine_s:,.1f} | {ratio} | {len(rounds)} |"
    )


def of_run(run: Path) -> None:
    """Run the `own-scribbles` sessions of a run again and print medians over all rounds of each entry."""
    print(f"\n### Rounds of {run.name}\n\n{machine()}\n")
    print("| cohort | method | robot ms | method ms | robot / method | rounds |\n|---|---|--:|--:|--:|--:|")
    for folder in sorted(run.glob("sessions/*/own-scribbles/*")):
        cohort, (name, _, network) = (
            Cohort.load(run / "cohorts" / folder.parts[-3]),
            folder.name.partition("@"),
        )
        path, weights = Path("config/methods") / f"{name}.yaml", run / "networks" / cohort.name / network
        card, rules = read_card(MethodCard, path), ProtocolCard(**read_json(folder / "protocol.json"))
        method = build(card, TrainedNetwork.load(weights / "weights.pt") if network else None)
        setup = JobSetup(
            run.name, 2018, cohort, folder.parts[-2], rules, path, card, weights if network else None
        )
        sessions = [play(setup.user(trial), method) for trial in setup.trials(cohort.select(split="test"))]
        rounds = [step.seconds for session in sessions for step in session.steps if step.round]
        if rounds:
            robot, machine_s = (1e3 * median(s[kind] for s in rounds) for kind in ("robot", "machine"))
            cells = f"{robot:,.1f} | {machine_s:,.1f} | {robot / machine_s:.3f} | {len(rounds)}"
            print(f"| {cohort.name} | {name} | {cells} |", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    for module in (timing, bifseg.sessions.game, bifseg.sessions.recorder):
        module.perf_counter = process_time  # type: ignore[attr-defined]
    runs = [Path(word) for word in sys.argv[1:] if not word.startswith("-")]
    if runs:
        for run in runs:
            of_run(run)
        return
    for shape, spacing in ROUNDS:
        compare(shape, spacing)
    if "--short" not in sys.argv:
        for case in METHODS:
            shares(*case)


if __name__ == "__main__":
    main()
