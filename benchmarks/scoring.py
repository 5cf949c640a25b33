"""All metrics of `bifseg.core.metrics.score` against only assd and hd95 of medpy, on volumes of BraTS size.

`python benchmarks/scoring.py` prints a Markdown table for each pair of blobs and fails unless the values are exactly
equal.
"""

from __future__ import annotations

import numpy as np
from medpy.metric.binary import assd, hd95
from scipy.ndimage import gaussian_filter, zoom
from timing import ratios

from bifseg.core.geometry import Box, Mask
from bifseg.core.metrics import Worst, score

SHAPE = (155, 240, 240)
ISOTROPIC, THICK = (1.0, 1.0, 1.0), (3.0, 1.0, 1.0)
#        name            centre           radius  spacing
BLOBS = (
    ("small", (70, 120, 120), 21.0, ISOTROPIC),
    ("medium", (80, 100, 140), 25.0, THICK),
    ("large", (75, 130, 110), 31.0, ISOTROPIC),
    ("touches the border", (75, 120, 10), 31.0, THICK),
)


def blob(centre: tuple[int, ...], radius: float, seed: int) -> Mask:
    """A ball with a bumpy surface."""
    coarse = tuple(n // 5 for n in SHAPE)
    bumps = gaussian_filter(np.random.default_rng(seed).standard_normal(coarse), 2.0)
    bumps = zoom(bumps / bumps.std(), [n / c for n, c in zip(SHAPE, coarse, strict=True)], order=1)
    axes = np.ogrid[tuple(slice(n) for n in SHAPE)]
    distance = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True)))
    return distance + 2.5 * bumps < radius


def compare(name: str, truth: Mask, result: Mask, spacing: tuple[float, ...]) -> float:
    """Our speed-up over medpy on the full volume; also prints the table for the pair of masks."""
    crop = Box.around(result | truth)
    pair = result[crop.slices], truth[crop.slices]
    worst = Worst.diagonal(SHAPE, spacing)
    ours = score(result, truth, spacing, worst)
    assert ours["assd_mm"] == assd(result, truth, spacing)
    assert ours["hd95_mm"] == hd95(result, truth, spacing)
    assert ours["assd_px"] == assd(*pair)
    cases = {
        "medpy assd + hd95, full volume": lambda: (
            assd(result, truth, spacing),
            hd95(result, truth, spacing),
        ),
        "medpy assd + hd95, given the crop": lambda: (assd(*pair, spacing), hd95(*pair, spacing)),
        "score(), all metrics, full volume": lambda: score(result, truth, spacing, worst),
        "score(), all metrics, given the crop": lambda: score(*pair, spacing, worst),
    }
    title = f"{name}: {truth.sum()} and {result.sum()} voxels, crop {crop.shape}, spacing {spacing} mm"
    speed_up = ratios(title, cases, repeats=3)
    print("\nExactly equal: assd_mm, hd95_mm, assd_px.", flush=True)
    return speed_up["score(), all metrics, full volume"]


if __name__ == "__main__":
    speed_ups = []
    for k, (name, centre, radius, spacing) in enumerate(BLOBS):
        moved = (centre[0] + 1, centre[1] - 2, centre[2] + 2)
        speed_ups.append(compare(name, blob(centre, radius, k), blob(moved, radius - 1, k + 10), spacing))
    print(f"\nFull volume, all four: x{min(speed_ups):.3g} to x{max(speed_ups):.3g} (expected: x20).")
