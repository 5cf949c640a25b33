"""The network update: weighted rows of cached features against the whole map, and against the whole network.

Expected: the rows with a weight cost about half of the whole map; without cached features, every step costs a forward
pass of the network.
"""

import copy

import numpy as np
import torch
from timing import ratios
from torch.nn.functional import cross_entropy

from bifseg.cards.finetuning import FineTuning
from bifseg.core.geometry import Box, Grid, Image
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.trained import TrainedNetwork


def whole_map(trained, tuned, labels, weights, cached):
    """20 steps of SGD by plain autograd over every voxel."""
    classifier = copy.deepcopy(trained.network.classifier)
    optimizer = torch.optim.SGD(classifier.parameters(), lr=1e-2, momentum=0.9)
    target, w = torch.from_numpy(labels.astype(np.int64))[None], torch.from_numpy(weights)[None]
    for _ in range(20):
        features = tuned._features if cached else trained.features(tuned._crop)
        loss = (w * cross_entropy(classifier(features), target, reduction="none")).sum() / w.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main():
    torch.set_num_threads(1)
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
        ratios(
            f"Network update, 20 steps, {title}",
            {
                "no cached features": lambda: whole_map(trained, tuned, labels, weights, cached=False),
                "whole map": lambda: whole_map(trained, tuned, labels, weights, cached=True),
                "bifseg: cached features, rows with weight": lambda: tuned._descend(labels, weights),
            },
            repeats=3,
        )


if __name__ == "__main__":
    main()
