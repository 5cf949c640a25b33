"""Gradient steps in float32 and bfloat16, of fine-tuning and of training, at the demo's and the paper's sizes.

Expected: with AVX-512 BF16, AMX or a GPU a step in bfloat16 takes about half the time; on any other CPU it takes
several times as long, since torch computes it without vector instructions. `choose_finetuning.py` with a setting
`precision: bfloat16` gives the difference in Dice.
"""

from __future__ import annotations

import numpy as np
import torch
from timing import Table, heading
from torch.nn.functional import cross_entropy

from bifseg.cards.finetuning import FineTuning
from bifseg.core.geometry import Box, Grid, Image
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.precision import arithmetic, computes_bfloat16
from bifseg.networks.trained import TrainedNetwork

CASES = {
    "P-Net, 16 channels, 48 x 48": (lambda: PNet(16, instance_norm=True), (48, 48), True),
    "P-Net, 64 channels, 96 x 96": (lambda: PNet(64), (96, 96), False),
    "PC-Net, 16 channels, 1x1x1 head, 32 x 32 x 32": (
        lambda: PCNet(16, head="1x1x1", instance_norm=True),
        (32, 32, 32),
        False,
    ),
    "PC-Net, 32 channels, 3x3x3 head, 40 x 40 x 40": (lambda: PCNet(32), (40, 40, 40), False),
}
STEPS = 5
PRECISIONS = ("float32", "bfloat16")


def fine_tuning(trained, shape, precision):
    """A call of `STEPS` steps of fine-tuning."""
    rng = np.random.default_rng(0)
    image = Image(rng.random(shape).astype(np.float32), Grid.plain(shape))
    crop = trained.crop(image, Box((0,) * len(shape), shape))
    settings = FineTuning.defaults(len(shape), iterations=STEPS, precision=precision)
    tuned = ImageSpecificNetwork(trained, crop, settings)
    labels, weights = rng.random(shape) < 0.5, np.ones(shape, np.float32)
    return lambda: tuned._descend(labels, weights)


def training(network, shape, precision):
    """A call of one forward and backward pass."""
    values, target = torch.rand(1, 1, *shape), torch.randint(2, (1, *shape))

    def step():
        with arithmetic(precision, values.device):
            logits = network(values)
        cross_entropy(logits.float(), target).backward()

    return step


def main():
    torch.set_num_threads(1)
    heading("float32 and bfloat16", ["torch"])
    print(
        f"\nbfloat16 in hardware: {'yes' if computes_bfloat16('cpu') else 'no: the smaller networks only'}."
    )
    table = Table("float32")
    for title, (make, shape, small) in CASES.items():
        if not (small or computes_bfloat16("cpu")):
            continue
        torch.manual_seed(0)
        network = make().eval()
        trained = TrainedNetwork(network, shape[0], {}, torch.device("cpu"))
        tuning = {precision: fine_tuning(trained, shape, precision) for precision in PRECISIONS}
        table.add(f"fine-tuning, {STEPS} steps, {title}", tuning, repeats=3)
        steps = {precision: training(network, shape, precision) for precision in PRECISIONS}
        table.add(f"training, a step, {title}", steps, repeats=1)
    table.print()


if __name__ == "__main__":
    main()
