"""Every method on one object of the paper's sizes: processor time to start, to adapt and for a round, and the robot's.

The networks have the paper's widths (P-Net 64 channels, PC-Net 32), seeded features and a classifier that is fitted
to the object.
The images are a disc with a box of about 96 x 96 and a ball with a box of about 80 x 80 x 80, noisy, one half
brighter. Expected: in 2D the traditional tools take milliseconds, and gradient steps take most of BIFSeg's time; in
3D the network's features and steps, and Random Walks' linear system, take the most. The robot takes less than a tenth
of a round of a method that fine-tunes a network, but not of tools that take a few milliseconds.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from statistics import median

import numpy as np
import torch
from fitted import fitted
from processor_time import count_processor_time
from timing import heading

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.geometry import Grid, Image
from bifseg.methods.registry import build
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

ROUNDS = 3
PROTOCOL = ProtocolCard(rounds=ROUNDS, target=None)
TOOLS = {
    2: ["grabcut", "grabcut-opencv", "slic-seg", "random-walks", "geos", "growcut"],
    3: ["grabcut", "random-walks", "geos", "growcut"],
}


def game_on(shape, radius):
    """A noisy blob whose upper half is brighter, so that the robot finds errors to correct."""
    rng = np.random.default_rng(0)
    truth = radius > np.linalg.norm(np.indices(shape).T - np.array(shape) / 2, axis=-1).T
    image = rng.normal(0, 0.2, shape) + 0.3 * truth + 0.2 * (np.indices(shape)[0] > shape[0] / 2)
    whole = Image(image.astype(np.float32), Grid.plain(shape))
    return SimulatedUser(whole, truth, PROTOCOL, 10, 1, seed_key=("b", "b", "b", "b", 0))


def row(name, game, method_of):
    """A row: ms of start and adaptation, and medians over the rounds of the method and of the robot."""
    play(game_on((24,) * game.truth.ndim, 8), method_of())  # a warm-up: imports, compilers
    session = play(game, method_of())
    assert session.status in ("ok", "stuck"), session.error
    seconds = {step.name: step.seconds for step in session.steps}
    rounds = [taken for step, taken in seconds.items() if step.startswith("round")]
    cells = [
        f"{1e3 * seconds[step]['machine']:,.0f}" if step in seconds else ""
        for step in ("initial", "unsupervised")
    ]
    if rounds:
        own, robot = (median(taken[part] for taken in rounds) for part in ("machine", "robot"))
        cells += [f"{1e3 * own:,.1f}", f"{1e3 * robot:,.1f}", f"{robot / own:.1%}"]
    return f"| {name} | {' | '.join(cells)} |" if rounds else f"| {name} | {' | '.join(cells)} | | | |"


def main():
    torch.set_num_threads(1)
    count_processor_time()
    libraries = ["torch", "PyMaxflow", "opencv-python-headless", "scikit-image", "pyamg"]
    heading("A round of every method, and of the robot", libraries)
    for network, shape, radius, size in [
        (partial(PNet, 64), (116, 116), 43, 96),
        (partial(PCNet, 32, head="1x1x1"), (100, 100, 100), 35, 80),
    ]:
        game = game_on(shape, radius)
        box = " x ".join(map(str, game.box().shape))
        print(f"\n| processor ms, box of {box} | start | unsupervised | a round | the robot's | share |")
        print("|---|--:|--:|--:|--:|--:|")
        trained = fitted(network, size, game)
        for name in ("base-net", "base-crf", "bifseg"):
            card = MethodCard(method=name)
            print(row(name, game, lambda: build(card, replace(trained))), flush=True)
        for name in TOOLS[len(shape)]:
            card = MethodCard(method=name)
            print(row(name, game, lambda: build(card, None)), flush=True)


if __name__ == "__main__":
    main()
