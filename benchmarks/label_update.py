"""The label update, an exact min-cut: our reused pairwise graph against a new graph and against scipy's solver.

Expected: building takes longer than solving, so that a reused graph costs about half of a new one; scipy's solver
costs three times as much in 2D and more in 3D.
"""

import numpy as np
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


def main():
    for shape in [(96, 96), (48, 48, 48)]:
        rng = np.random.default_rng(0)
        blob = shape[-1] / 3 > np.linalg.norm(np.indices(shape).T - np.array(shape) / 2, axis=-1).T
        intensity = np.clip(0.4 + 0.3 * blob + rng.normal(0, 0.1, shape), 0, 1)
        probability = np.clip(0.2 + 0.6 * blob + rng.normal(0, 0.2, shape), 0.01, 0.99)
        none, spacing = np.zeros(shape, np.uint8), (1.0,) * len(shape)
        reused = LabelUpdate(intensity, spacing, *SETTINGS)
        ratios(
            f"Label update, {' x '.join(map(str, shape))}",
            {
                "scipy maximum_flow": lambda: scipy_cut(intensity, spacing, probability),
                "PyMaxflow, new graph": lambda: LabelUpdate(intensity, spacing, *SETTINGS)(probability, none),
                "bifseg: pairwise part reused": lambda: reused(probability, none),
            },
            repeats=7,
        )


if __name__ == "__main__":
    main()
