"""What sessions on one image cost against encoding it once and prompting it in a plain loop.

Processor time of the job and its processes. The method stands for a foundation model: it computes 2 s to encode the
image and 50 ms for each box. Expected: 100 boxes cost at most 1.3 times encoder and prompts, in one protocol or
spread over two. Where each session has a process of its own, its start is added to every session. Run it with
OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
from timing import heading

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.geometry import Grid, Image
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program
from bifseg.methods.process.shared_processes import SharedProcesses
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

ENCODE_S, PROMPT_S = 2.0, 0.05
SHAPE = (512, 512)
PROTOCOL = ProtocolCard(rounds=0, target=None)


class Model:
    """Computes for as long as a model would; its result is the box."""

    dimensions = frozenset({2})
    prompts = frozenset({"box"})

    def image_encoding(self, image):
        _compute(ENCODE_S)
        return np.zeros((256, 64, 64), np.float32)

    def start(self, image, box):
        self.image_encoding(image)
        _compute(PROMPT_S)
        return box.paste(np.ones(box.shape, bool), image.voxels.shape)

    def refine(self, scribbles):
        raise NotImplementedError


def _compute(seconds: float) -> None:
    end = process_time() + seconds
    while process_time() < end:
        pass


def main() -> None:
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    heading("Boxes on one image: encoded once")
    print(
        "\n| sessions | boxes | processor s | encoder and prompts alone, s | ratio |\n|---|--:|--:|--:|--:|"
    )
    for name, boxes, protocols, fresh in (
        ("one protocol", 100, 1, False),
        ("two protocols, half of the boxes each", 100, 2, False),
        ("a process for each session", 4, 1, True),
    ):
        spent, alone = _seconds(boxes, protocols, fresh), ENCODE_S + boxes * PROMPT_S
        print(f"| {name} | {boxes} | {spent:.1f} | {alone:.1f} | {spent / alone:.2f} |", flush=True)


def _seconds(boxes: int, protocols: int, fresh: bool) -> float:
    """Processor seconds of all sessions and of the processes that play them."""
    rng = np.random.default_rng(0)
    image = Image(rng.random(SHAPE, np.float32), Grid.plain(SHAPE, (1.0, 1.0)))
    before, shared = os.times(), SharedProcesses()
    card = MethodCard(method="image_encodings:Model")
    methods = [MethodProcess(program(card, Path(__file__).parent), shared) for _ in range(protocols)]
    for k in range(boxes):
        truth = np.zeros(SHAPE, bool)
        y, x = rng.integers(40, 400, 2)
        truth[y : y + 60, x : x + 50] = True
        user = SimulatedUser(image, truth, PROTOCOL, 10, 1, seed_key=("b", "b", "b", str(k), 0))
        for method in methods[k % protocols :: protocols]:
            assert play(replace(user), method).status == "ok"
            if fresh:
                method.close()
    for method in methods:
        method.close()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])


if __name__ == "__main__":
    sys.exit(main())
