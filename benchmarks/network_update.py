"""The network update: weighted rows of cached features against autograd over the whole map of cached features.

Expected: the rows with a weight cost about half of the whole map; the 3x3x3 head, whose convolution runs on the
whole map, gains nothing. Both must reach the same parameters to 1e-4.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from timing import Table, heading
from torch.nn.functional import cross_entropy

from bifseg.cards.finetuning import FineTuning
from bifseg.core.geometry import Box, Grid, Image
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.trained import TrainedNetwork


def whole_map(trained, tuned, labels, weights):
    """The classifier after 20 steps of SGD by plain autograd over every voxel."""
    classifier = copy.deepcopy(trained.network.classifier)
    settings = tuned._settings
    optimizer = torch.optim.SGD(
        classifier.parameters(), lr=settings.learning_rate, momentum=settings.momentum
    )
    target, w = torch.from_numpy(labels.astype(np.int64))[None], torch.from_numpy(weights)[None]
    for _ in range(settings.iterations):
        loss = (w * cross_entropy(classifier(tuned._features), target, reduction="none")).sum() / w.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return classifier


def check_equal(one, other):
    """Both classifiers have the same parameters."""
    for ours, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4), (ours - theirs).abs().max()


def main():
    torch.set_num_threads(1)
    heading("Network update, 20 steps", ["torch"])
    table = Table()
    cases = {
        "P-Net, 64 channels, 96 x 96": (PNet(64), (96, 96)),
        "PC-Net, 32 channels, 1x1x1 head, 32 x 32 x 32": (PCNet(32, head="1x1x1"), (32, 32, 32)),
        "PC-Net, 32 channels, 3x3x3 head, 32 x 32 x 32": (PCNet(32), (32, 32, 32)),
    }
    for title, (network, shape) in cases.items():
        rng = np.random.default_rng(0)
        trained = TrainedNetwork(network.eval(), shape[0], {}, torch.device("cpu"))
        image = Image(rng.random(shape).astype(np.float32), Grid.plain(shape))
        crop = trained.crop(image, Box((0,) * len(shape), shape))
        tuned = ImageSpecificNetwork(
            trained, crop, FineTuning.defaults(len(shape), anchor=0.0, iterations=20)
        )
        labels, weights = rng.random(shape) < 0.5, (rng.random(shape) < 0.8).astype(np.float32)
        plain = whole_map(trained, tuned, labels, weights)
        tuned._descend(labels, weights)
        check_equal(tuned._classifier, plain)
        calls = {
            "torch.optim.SGD, whole map": lambda: whole_map(trained, tuned, labels, weights),
            "bifseg": lambda: tuned._descend(labels, weights),
        }
        table.add(title, calls)
    table.print()


if __name__ == "__main__":
    main()
