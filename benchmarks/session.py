"""A whole BIFSeg session (box, unsupervised step, three rounds of scribbles) against a plain loop that does the same.

The plain loop is what one would write with torch, PyMaxflow and SciPy: it keeps the network's features, takes gradient
steps by autograd with torch.optim.SGD on the whole map, builds the min-cut's graph from the image in every update, and
stops SciPy's shortest paths at eps. Both must reach the same Dice within 0.1 points. Expected: twice as fast, since
features are kept by both and gradient steps take most of the time.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import maxflow
import numpy as np
import torch
from fitted import fitted
from methods import game_on
from scipy.sparse.csgraph import dijkstra
from timing import Table, heading
from torch.nn.functional import cross_entropy

import bifseg.methods.bifseg.base_net as base_net
from bifseg.core.overlap import dice
from bifseg.methods.bifseg.bifseg import BIFSeg
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork
from bifseg.methods.graphs.crf import pair_weights
from bifseg.methods.graphs.geodesic import GeodesicBand
from bifseg.methods.graphs.neighbours import pair_slices, typical_contrast
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.sessions.game import play

PLAIN, REPEATS = "plain loop, cached features", 3


class PlainNetwork(ImageSpecificNetwork):
    """The same updates, plainly written."""

    def _once(self, key, make):
        return make()

    def _label_update(self, strength):
        """A cut whose graph is built from the image in every update."""
        s, crop = self._settings, self._crop
        strength *= crop.side / s.strength_side if s.strength_side else 1.0
        unit = typical_contrast(crop.intensity, s.full_neighbourhood) if s.sigma_unit == "neighbours" else 1.0

        def cut(probability, scribbles):
            graph = maxflow.GraphFloat()
            nodes = graph.add_grid_nodes(probability.shape)
            values = np.asarray(crop.intensity, np.float64)
            for offset, weights in pair_weights(
                values, crop.spacing, strength, s.sigma * unit, s.full_neighbourhood
            ):
                first, second = (nodes[part].ravel() for part in pair_slices(offset))
                graph.add_edges(first, second, weights.ravel(), weights.ravel())
            p = np.clip(probability.astype(np.float64), 1e-6, 1 - 1e-6)
            as_foreground = np.where(scribbles == 2, 1e9, np.where(scribbles == 1, 0, -np.log(p)))
            as_background = np.where(scribbles == 1, 1e9, np.where(scribbles == 2, 0, -np.log(1 - p)))
            graph.add_grid_tedges(nodes, as_foreground, as_background)
            graph.maxflow()
            return np.asarray(graph.get_grid_segments(nodes), bool)

        return cut

    def _distances(self, scribbles):
        graph, distances = GeodesicBand(self._crop.intensity, self._settings.full_neighbourhood)._graph, []
        for label in (1, 2):
            seeds, distance = np.flatnonzero(scribbles == label), np.full(scribbles.size, np.inf)
            if len(seeds):
                distance = dijkstra(graph, indices=seeds, min_only=True, limit=self._settings.eps)
            distances.append(distance.reshape(scribbles.shape))
        return tuple(distances)

    def _descend(self, labels, weights):
        settings = self._settings
        target, w = torch.from_numpy(labels.astype(np.int64))[None], torch.from_numpy(weights)[None]
        own = torch.from_numpy(np.stack([1 - self._trained_probability, self._trained_probability]))[None]
        optimizer = torch.optim.SGD(
            self._classifier.parameters(), lr=settings.learning_rate, momentum=settings.momentum
        )
        for _ in range(settings.iterations):
            logits = self._logits()
            losses = w * cross_entropy(logits, target, reduction="none")
            losses = losses + settings.anchor * cross_entropy(logits, own, reduction="none")
            optimizer.zero_grad()
            (losses.sum() / (w + settings.anchor).sum()).backward()
            optimizer.step()


def session(game, trained, kind):
    """A session with which the network keeps nothing from the session before."""
    base_net.ImageSpecificNetwork = kind
    played = play(game, BIFSeg(replace(trained)))
    assert played.status == "ok", played.error
    return played


def final_dice(game, played):
    """Dice of the last result in percent."""
    return 100 * dice(played.steps[-1].mask, game.truth[game.box().slices])


def main():
    torch.set_num_threads(1)
    heading("A BIFSeg session", ["torch", "PyMaxflow", "scipy"])
    table, reached = Table(), []
    for name, make, shape, radius, size in [
        ("P-Net, 64 channels, 96 x 96", partial(PNet, 64), (116, 116), 43, 96),
        (
            "PC-Net, 16 channels, 1x1x1 head, longest side 40",
            partial(PCNet, 16, head="1x1x1"),
            (60,) * 3,
            20,
            40,
        ),
    ]:
        game = game_on(shape, radius)
        trained = fitted(make, size, game)
        kinds = {PLAIN: PlainNetwork, "bifseg": ImageSpecificNetwork}
        played = {which: session(game, trained, kind) for which, kind in kinds.items()}
        ends = {which: final_dice(game, one) for which, one in played.items()}
        assert abs(ends[PLAIN] - ends["bifseg"]) < 0.1, ends
        reached.append(f"{ends[PLAIN]:.2f} and {ends['bifseg']:.2f}")
        calls = {which: partial(session, game, trained, kind) for which, kind in kinds.items()}
        table.add(f"{name}, {played['bifseg'].steps[-1].round} round(s)", calls, REPEATS)
    table.print()
    print(f"\nFinal Dice (%), plain and bifseg: {'; '.join(reached)}.")


if __name__ == "__main__":
    main()
