"""A whole BIFSeg session (box, unsupervised step, three rounds of scribbles) against a straightforward implementation.

The straightforward one computes the features again in every gradient step, trains on the whole map, builds the graph
of the min-cut in every round and computes the full geodesic transform. Expected: the features take most of the time,
so that we gain about an order of magnitude in 2D and more in 3D.
"""

from functools import partial

import numpy as np
import torch
from fitted import fitted
from scipy.sparse.csgraph import dijkstra
from timing import ratios
from torch.nn.functional import cross_entropy

import bifseg.methods.bifseg.base_net as base_net
from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Grid, Image
from bifseg.methods.bifseg.bifseg import BIFSeg
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork
from bifseg.methods.graphs.geodesic import GeodesicBand
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

PROTOCOL = ProtocolCard(rounds=3, target=None)


class PlainNetwork(ImageSpecificNetwork):
    """The same updates without our optimisations."""

    def __init__(self, trained, crop, settings):
        super().__init__(trained, crop, settings)
        self._trained = trained

    def update_labels(self, scribbles):
        s = self._settings
        return self._label_update(s.strength if scribbles.any() else s.strength_alone)(
            self.probability, scribbles
        )

    def _distances(self, scribbles):
        graph = GeodesicBand(self._crop.intensity, self._settings.full_neighbourhood)._graph
        distances = []
        for label in (1, 2):
            seeds = np.flatnonzero(scribbles == label)
            far = np.full(scribbles.size, np.inf)
            whole = dijkstra(graph, indices=seeds, min_only=True) if len(seeds) else far
            distances.append(whole.reshape(scribbles.shape))
        return tuple(distances)

    def _descend(self, labels, weights):
        settings = self._settings
        target, w = torch.from_numpy(labels.astype(np.int64))[None], torch.from_numpy(weights)[None]
        own = torch.from_numpy(np.stack([1 - self._trained_probability, self._trained_probability]))[None]
        parameters = self._classifier.parameters()
        optimizer = torch.optim.SGD(parameters, lr=settings.learning_rate, momentum=settings.momentum)
        for _ in range(settings.iterations):
            logits = self._classifier(self._trained.features(self._crop))
            losses = w * cross_entropy(logits, target, reduction="none")
            losses = losses + settings.anchor * cross_entropy(logits, own, reduction="none")
            optimizer.zero_grad()
            (losses.sum() / (w + settings.anchor).sum()).backward()
            optimizer.step()


def game_on(shape):
    """A noisy blob whose upper half is brighter, so that the robot finds errors to correct."""
    rng = np.random.default_rng(0)
    truth = min(shape) / 3 > np.linalg.norm(np.indices(shape).T - np.array(shape) / 2, axis=-1).T
    image = rng.normal(0, 0.1, shape) + 0.5 * truth
    whole = Image(image.astype(np.float32), Grid.plain(shape))
    return SimulatedUser(whole, truth, PROTOCOL, 10, 1, seed_key=("b", "b", "b", "b", 0))


def session(game, trained, kind):
    base_net.ImageSpecificNetwork = kind
    played = play(game, BIFSeg(trained))
    assert played.status == "ok", played.error
    return played


def main():
    torch.set_num_threads(1)
    for name, network, shape, size in [
        ("P-Net, 64 channels, 96 x 96", partial(PNet, 64), (120, 120), 96),
        (
            "PC-Net, 16 channels, 1x1x1 head, longest side 40",
            partial(PCNet, 16, head="1x1x1"),
            (60, 60, 60),
            40,
        ),
    ]:
        game = game_on(shape)
        trained = fitted(network, size, game)
        rounds = session(game, trained, ImageSpecificNetwork).steps[-1].round
        ratios(
            f"A BIFSeg session of {rounds} rounds, {name}",
            {
                "plainly written": lambda: session(game, trained, PlainNetwork),
                "bifseg": lambda: session(game, trained, ImageSpecificNetwork),
            },
            repeats=3,
        )


if __name__ == "__main__":
    main()
