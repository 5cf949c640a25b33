"""The tools' results do not depend on how the image is stored: its axes may be permuted and reversed."""

import numpy as np
import pytest
from scipy import ndimage
from storages import STORAGES, Storage

from bifseg.cards.cards import MethodCard
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.registry import build

GRIDS = {2: Grid.plain((44, 52), (1.2, 0.8)), 3: Grid.plain((12, 24, 20), (2.0, 0.9, 1.0))}
TOOLS = {
    2: ("grabcut", "grabcut-opencv", "geos", "growcut", "random-walks", "slic-seg"),
    3: ("grabcut", "geos", "growcut"),
}


def scribbles(foreground, background):
    strokes = [
        Stroke(label, np.argwhere(drawn).astype(float), np.argwhere(drawn))
        for label, drawn in ((True, foreground), (False, background))
    ]
    return Scribbles(foreground.shape, tuple(strokes))


@pytest.mark.parametrize(("dimension", "tool"), [(n, tool) for n, tools in TOOLS.items() for tool in tools])
def test_results_do_not_depend_on_how_the_image_is_stored(dimension, tool):
    grid, rng = GRIDS[dimension], np.random.default_rng(3)
    inside = np.zeros(grid.shape, bool)
    inside[tuple(slice(n // 5, n - n // 4) for n in grid.shape)] = True
    noise = ndimage.gaussian_filter(rng.standard_normal(grid.shape), 1)
    truth = ndimage.binary_erosion(inside, iterations=2)
    truth &= ndimage.gaussian_filter(noise, 2) > -0.02
    voxels = (truth + 1.5 * noise).astype(np.float32)
    drawn = [ndimage.binary_erosion(truth), inside & ~ndimage.binary_dilation(truth)]
    drawn = [mask & (rng.random(grid.shape) < 0.2) for mask in drawn]

    def results(storage):
        method = build(MethodCard(method=tool), None)
        image = Image(storage.array(voxels), storage.grid(grid))
        first = method.start(image, Box.around(storage.array(inside)))
        return [first.copy(), method.refine(scribbles(*map(storage.array, drawn)))]

    as_is = results(Storage(tuple(range(dimension)), (False,) * dimension))
    assert 0 < as_is[1].sum() < inside.sum()
    for storage in STORAGES[dimension]:
        for found, expected in zip(results(storage), as_is, strict=True):
            np.testing.assert_array_equal(found, storage.array(expected))
