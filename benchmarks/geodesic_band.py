"""U_s, the voxels whose geodesic distance to a scribble is below eps: cut-off search against the full transform.

Expected: the cut-off search is an order of magnitude faster on noise, since it visits only a narrow band.
"""

import numpy as np
from scipy.sparse.csgraph import dijkstra
from timing import ratios

from bifseg.methods.graphs.geodesic import GeodesicBand


def main():
    for shape in [(96, 96), (48, 48, 48)]:
        rng = np.random.default_rng(0)
        blob = shape[-1] / 3 > np.linalg.norm(np.indices(shape).T - np.array(shape) / 2, axis=-1).T
        intensity = np.clip(0.4 + 0.3 * blob + rng.normal(0, 0.05, shape), 0, 1)
        sources = np.zeros(shape, bool)
        sources[tuple(n // 2 for n in shape[:-1])] = blob[tuple(n // 2 for n in shape[:-1])]
        band = GeodesicBand(intensity, False)
        seeds = np.flatnonzero(sources)
        ratios(
            f"Geodesic band below 0.2, {' x '.join(map(str, shape))}",
            {
                "full transform (scipy Dijkstra)": lambda: (
                    dijkstra(band._graph, indices=seeds, min_only=True) < 0.2
                ),
                "graph and cut-off, first round": lambda: GeodesicBand(intensity, False).distance(
                    sources, 0.2
                ),
                "bifseg: cut-off, later rounds": lambda: band.distance(sources, 0.2),
            },
            repeats=5,
        )


if __name__ == "__main__":
    main()
