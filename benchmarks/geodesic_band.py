"""U_s, the voxels whose geodesic distance to a scribble is below eps, against FastGeodis, scikit-fmm and SciPy.

The distance is the least sum of intensity differences along a path. SciPy's full search and ours are exact; the raster
scans of FastGeodis (1.0: sums of differences alone) come close from above with each pass over the image; scikit-fmm
solves the eikonal equation for the gradient's length, which is another distance, and is here for its speed. A second
table has the voxels of U_s that differ. Expected: the search that ends at eps is faster by far, since it visits only a
narrow band; each of the others visits the whole image.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from rivals import named, rival
from scipy.sparse.csgraph import dijkstra
from timing import Cases, Table, heading

from bifseg.core.geometry import Mask
from bifseg.methods.graphs.geodesic import GeodesicBand

EPS = 0.2
SHAPES = ((96, 96), (256, 256), (48, 48, 48), (80, 80, 80))


def scene(shape: tuple[int, ...]) -> tuple[NDArray[np.float32], Mask]:
    """A noisy blob and a scribble along its middle."""
    rng = np.random.default_rng(0)
    blob = shape[-1] / 3 > np.linalg.norm(np.indices(shape).T - np.array(shape) / 2, axis=-1).T
    intensity = np.clip(0.4 + 0.3 * blob + rng.normal(0, 0.05, shape), 0, 1).astype(np.float32)
    sources, middle = np.zeros(shape, bool), tuple(n // 2 for n in shape[:-1])
    sources[middle] = blob[middle]
    return intensity, sources


def by_fastgeodis(module, intensity: NDArray[np.float32], sources: Mask, passes: int) -> Mask:
    """U_s by raster scans in both directions."""
    image, mask = torch.from_numpy(intensity)[None, None], torch.from_numpy(~sources)[None, None].float()
    if intensity.ndim == 2:
        distance = module.generalised_geodesic2d(image, mask, 1e10, 1.0, passes)
    else:
        distance = module.generalised_geodesic3d(image, mask, [1.0, 1.0, 1.0], 1e10, 1.0, passes)
    return distance[0, 0].numpy() < EPS


def by_fast_marching(module, intensity: NDArray[np.float32], sources: Mask) -> Mask:
    """U_s by fast marching that ends at eps, with the slowness of the gradient's length."""
    slowness = np.sqrt(sum(g**2 for g in np.gradient(intensity))) + 1e-6
    time = module.travel_time(np.where(sources, -1.0, 1.0), 1 / slowness, narrow=EPS)
    return sources | (np.ma.filled(time, np.inf) < EPS)


def main() -> None:
    torch.set_num_threads(1)
    heading(f"U_s: geodesic distance below {EPS:g}", ["scipy", "torch"])
    fastgeodis, skfmm = rival("FastGeodis", "FastGeodis"), rival("scikit-fmm", "skfmm")
    table, differing = Table(), {}
    for shape in SHAPES:
        intensity, sources = scene(shape)
        band, seeds = GeodesicBand(intensity, full=True), np.flatnonzero(sources)
        cases: Cases = {}
        if fastgeodis:
            for passes in (2, 4):
                cases[f"{named('FastGeodis')}, {passes} passes"] = lambda passes=passes: by_fastgeodis(
                    fastgeodis, intensity, sources, passes
                )
        if skfmm:
            cases[named("scikit-fmm")] = lambda: by_fast_marching(skfmm, intensity, sources)
        cases |= {
            "SciPy, whole image": lambda: (
                dijkstra(band._graph, indices=seeds, min_only=True).reshape(shape) < EPS
            ),
            "bifseg, first round": lambda: GeodesicBand(intensity, full=True).distance(sources, EPS) < EPS,
            "bifseg": lambda: band.distance(sources, EPS) < EPS,
        }
        column = " x ".join(map(str, shape))
        table.add(column, cases)
        exact = cases["SciPy, whole image"]()
        differing[column] = {name: int(np.sum(call() != exact)) for name, call in cases.items()}
        assert differing[column]["bifseg"] == 0, column
        differing[column]["U_s, exact"] = int(exact.sum())
    table.print()
    print("\n| voxels that differ | " + " | ".join(differing) + " |\n|---|" + "--:|" * len(differing))
    for name in next(iter(differing.values())):
        if not name.startswith(("SciPy", "bifseg")):
            print(f"| {name} | " + " | ".join(f"{counts[name]:,}" for counts in differing.values()) + " |")


if __name__ == "__main__":
    main()
