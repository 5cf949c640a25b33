"""Every method on one object of the paper's sizes: seconds to start, to adapt, and for a round of scribbles.

The networks have the paper's widths (P-Net 64 channels, PC-Net 32), seeded features and a classifier that is fitted
to the object.
The images are a disc with a box of about 96 x 96 and a ball with a box of about 80 x 80 x 80, noisy, one half
brighter. Expected: in 2D the traditional tools take milliseconds, and gradient steps take most of BIFSeg's time; in
3D the network's features and steps, and the conjugate gradients of Random Walks, take the most.
"""

from __future__ import annotations

from functools import partial
from statistics import median

import numpy as np
import torch
from fitted import fitted
from timing import machine

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.geometry import Grid, Image
from bifseg.methods.registry import build
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

ROUNDS = 4
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


def row(name, game, method):
    """A row: method, time of start and adaptation, median time of the rounds, and number of rounds."""
    play(game, method)  # a warm-up: imports, caches
    session = play(game, method)
    assert session.status == "ok", session.error
    seconds = {step.name: step.seconds["machine"] for step in session.steps}
    rounds = [s for step, s in seconds.items() if step.startswith("round")]
    unsupervised = f"{1e3 * seconds['unsupervised']:,.0f}" if "unsupervised" in seconds else ""
    each = f"{1e3 * median(rounds):,.1f}" if rounds else "none"
    return f"| {name} | {1e3 * seconds['initial']:,.1f} | {unsupervised} | {each} | {len(rounds)} |"


def main():
    torch.set_num_threads(1)
    for network, shape, radius, size in [
        (partial(PNet, 64), (116, 116), 43, 96),
        (partial(PCNet, 32, head="1x1x1"), (100, 100, 100), 35, 80),
    ]:
        game = game_on(shape, radius)
        box = " x ".join(map(str, game.box().shape))
        print(f"\n### Every method on a box of {box}\n\n{machine()}\n")
        print("| method | start ms | unsupervised ms | median round ms | rounds |\n|---|--:|--:|--:|--:|")
        trained = fitted(network, size, game)
        for name in ("base-net", "base-crf", "bifseg"):
            print(row(name, game, build(MethodCard(method=name), trained)), flush=True)
        for name in TOOLS[len(shape)]:
            print(row(name, game, build(MethodCard(method=name), None)), flush=True)


if __name__ == "__main__":
    main()
