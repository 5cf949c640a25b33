"""The label update, an exact min-cut: with and without a first flow, and against scipy's solver.

Expected: on clear probabilities there is no first flow, and building the graph takes longer than solving. Where a
network knows little (smooth noise about 0.5), the solver alone takes many times as long as after a first flow. scipy's
solver costs three times as much in 2D and more in 3D; it is left out on doubtful crops.
"""

from unittest.mock import patch

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow
from timing import ratios

from bifseg.methods.graphs.crf import LabelUpdate, pair_weights, unary
from bifseg.methods.graphs.neighbours import pair_slices

SETTINGS = (3.0, 0.1, False)


def scipy_cut(intensity, spacing, probability):
    """The same cut by scipy, with capacities as integers in thousandths."""
    nodes = np.arange(intensity.size).reshape(intensity.shape)
    source, sink = intensity.size, intensity.size + 1
    as_background, as_foreground = unary(probability)
    heads, tails = (
        [np.full(intensity.size, source), nodes.ravel()],
        [nodes.ravel(), np.full(intensity.size, sink)],
    )
    capacities = [as_foreground.ravel(), as_background.ravel()]
    for offset, weights in pair_weights(intensity, spacing, *SETTINGS):
        first, second = (nodes[s].ravel() for s in pair_slices(offset))
        heads += [first, second]
        tails += [second, first]
        capacities += [weights.ravel()] * 2
    size = intensity.size + 2
    integers = np.rint(np.concatenate(capacities) * 1000).astype(np.int32)
    graph = csr_array((integers, (np.concatenate(heads), np.concatenate(tails))), shape=(size, size))
    return maximum_flow(graph, source, sink)


def plain(update, probability, none):
    """The cut without a first flow."""
    with patch("bifseg.methods.graphs.crf.first_flow_pays", lambda *_: False):
        return update(probability, none)


def main():
    for shape in [(96, 96), (256, 256), (40, 40, 40)]:
        rng = np.random.default_rng(0)
        blob = shape[-1] / 3 > np.linalg.norm(np.indices(shape).T - np.array(shape) / 2, axis=-1).T
        intensity = np.clip(0.4 + 0.3 * blob + rng.normal(0, 0.1, shape), 0, 1)
        clear = np.clip(0.2 + 0.6 * blob + rng.normal(0, 0.2, shape), 0.01, 0.99)
        noise = ndimage.gaussian_filter(rng.standard_normal(shape), 5)
        doubtful = 1 / (1 + np.exp(-0.5 * noise / noise.std()))
        none, spacing = np.zeros(shape, np.uint8), (1.0,) * len(shape)
        for kind, probability in (("clear", clear), ("doubtful", doubtful)):
            update = LabelUpdate(intensity, spacing, *SETTINGS)
            cases = {
                "PyMaxflow alone": lambda: plain(update, probability, none),
                "bifseg": lambda: update(probability, none),
            }
            if kind == "clear" and shape != (256, 256):
                cases = {
                    "scipy maximum_flow": lambda: scipy_cut(intensity, spacing, probability),
                } | cases
            ratios(f"Label update, {' x '.join(map(str, shape))}, {kind}", cases, repeats=5)


if __name__ == "__main__":
    main()
