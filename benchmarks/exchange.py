"""What a round costs beside the method: messages, files, checks and Dice, at the size of a BraTS volume.

Processor time. The image is a simulated ball in 155 x 240 x 240 voxels. The network is PC-Net with 16 channels
and seeded random weights. Expected: a result that travels as the box costs a tenth of one of the whole image, and all
costs together at most a tenth of a round of base + CRF. Run it with OMP_NUM_THREADS=1 on a quiet machine.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import torch
from timing import heading

from bifseg.cards.cards import MethodCard, NetworkCard, ProtocolCard
from bifseg.core.child_processes import OwnFolder
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.process import messages
from bifseg.methods.process.answers import Window
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program
from bifseg.methods.registry import build
from bifseg.networks.registry import build as build_network
from bifseg.networks.trained import TrainedNetwork
from bifseg.sessions.recorder import StepRecorder
from bifseg.sessions.users import SimulatedUser

SHAPE = (155, 240, 240)
GRID = Grid.plain(SHAPE, (1.0, 1.0, 1.0))
CARD = NetworkCard(architecture="pcnet", settings={"channels": 16, "head": "1x1x1"})
ROUNDS = {"base-crf": 10, "bifseg": 2}


def main() -> None:
    torch.set_num_threads(1)
    radii, centre = np.array([30, 32, 32]), np.array([72, 115, 115])
    truth = (((np.indices(SHAPE).T - centre) / radii) ** 2).sum(-1).T < 1
    noise = np.random.default_rng(0).normal(0, 0.3, SHAPE)
    user = SimulatedUser(
        Image((truth + noise).astype(np.float32), GRID, "flair"),
        truth,
        ProtocolCard(target=0.99),
        4,
        1,
        seed_key=("b", "b", "b", "b", 0),
    )
    box, voxels = user.box(), np.argwhere(truth)[::700][:200]
    corner = np.array([user.box().lower])
    drawn = Scribbles(SHAPE, (Stroke(True, voxels[:10] * 1.0, voxels), Stroke(False, corner * 1.0, corner)))
    heading("The exchange of a round", ["torch", "numpy"])
    print(f"\nProcessor ms; image {' x '.join(map(str, SHAPE))}, box {' x '.join(map(str, box.shape))}.")
    print("\n| exchange | whole image | box |\n|---|--:|--:|")
    _files(truth, box, drawn)
    print("\n| method | alone | in its process and beside it | more |\n|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.pt"
        torch.manual_seed(0)
        network = build_network(CARD).eval()
        TrainedNetwork(network, 80, {}, torch.device("cpu")).save(weights, CARD)
        for name, rounds in ROUNDS.items():
            _row(name, rounds, weights, user, box, drawn)


def _files(mask: np.ndarray, box: Box, drawn: Scribbles) -> None:
    folder, whole = OwnFolder(), Box((0, 0, 0), SHAPE)

    def result(part: Box) -> None:
        messages.write_result(mask, GRID, folder.shared, part)
        messages.read_result(SHAPE, folder, Window(lower=list(part.lower), upper=list(part.upper)))

    results = [_ms(lambda part=part: result(part)) for part in (whole, box)]
    scribbles = [
        _ms(lambda where=where: messages.scribbles_message(drawn, GRID, where)) for where in (folder, None)
    ]
    folder.remove()
    print(f"| result | {results[0]:.1f} | {results[1]:.1f} |")
    print(f"| scribbles | {scribbles[0]:.1f} | {scribbles[1]:.2f} |")


def _row(name: str, rounds: int, weights: Path, user: SimulatedUser, box: Box, drawn: Scribbles) -> None:
    card = MethodCard(method=name)
    own = build(card, TrainedNetwork.load(weights))
    own.start(user.image, box)
    alone = _ms(lambda: own.refine(drawn), rounds)
    method = MethodProcess(program(card, Path(), weights, "cpu"))
    recorder = StepRecorder(SHAPE, method, box)
    recorder.take("initial", lambda: method.start(user.image, box), begins=True)

    def call() -> None:
        user.is_satisfied_with(recorder.take("round-1", lambda: method.refine(drawn)))

    call()
    before = _processor_s(method)
    beside = _ms(call, rounds, warm_up=False)
    inside = 1e3 * (_processor_s(method) - before) / rounds
    method.close()
    print(
        f"| {name} | {alone:,.0f} | {inside:,.0f} + {beside:.1f} | {(inside + beside) / alone - 1:.1%} |",
        flush=True,
    )


def _processor_s(method: MethodProcess) -> float:
    """Processor seconds of the method's process so far."""
    assert method._slot.process
    stat = Path(f"/proc/{method._slot.process.number}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _ms(call: Callable[[], object], repeats: int = 10, warm_up: bool = True) -> float:
    """Mean processor time of this process, in ms."""
    if warm_up:
        call()
    started = process_time()
    for _ in range(repeats):
        call()
    return 1e3 * (process_time() - started) / repeats


if __name__ == "__main__":
    main()
