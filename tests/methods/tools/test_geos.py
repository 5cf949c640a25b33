"""GeoS: its distances against a plain heap, its answers where they are known."""

import heapq
from functools import partial
from itertools import product

import numpy as np
import pytest
import strokes_by_hand
from pydantic import ValidationError
from strokes_by_hand import image_of, stroke

from bifseg.core.scribbles import Scribbles
from bifseg.methods.graphs.geodesic import path_cost
from bifseg.methods.tools.geos import GeoS, _path_graph

answer = partial(strokes_by_hand.answer, GeoS)


def plain_distance(values, spacing, gamma, full, sources):
    """Dijkstra over every voxel, from the definition."""
    distance = np.full(values.shape, np.inf)
    queue = [(0.0, tuple(i)) for i in np.argwhere(sources)]
    steps = [s for s in product((-1, 0, 1), repeat=values.ndim) if any(s)]
    steps = [s for s in steps if full or sum(map(abs, s)) == 1]
    while queue:
        d, i = heapq.heappop(queue)
        if distance[i] <= d:
            continue
        distance[i] = d
        for step in steps:
            j = tuple(np.add(i, step))
            if all(0 <= a < n for a, n in zip(j, values.shape, strict=True)):
                mm2 = sum((s * k) ** 2 for s, k in zip(step, spacing, strict=True))
                cost = np.sqrt(mm2 + (gamma * (values[i] - values[j])) ** 2)
                heapq.heappush(queue, (d + cost, j))
    return distance


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("shape", "spacing"), [((9, 11), (0.7, 1.3)), ((4, 6, 5), (3.0, 0.8, 1.1))])
def test_distances_are_exact(shape, spacing, full):
    rng = np.random.default_rng(3)
    values, sources = rng.random(shape), rng.random(shape) < 0.05
    distance = path_cost(_path_graph(values, spacing, 12.0, full), sources)
    np.testing.assert_allclose(distance, plain_distance(values, spacing, 12.0, full, sources), rtol=1e-12)


@pytest.mark.parametrize("shape", [(12, 16), (6, 8, 16)])
def test_two_flat_regions_split_at_the_edge(shape):
    voxels = np.zeros(shape)
    voxels[..., 5:] = 1
    middle = tuple(n // 2 for n in shape[:-1])
    scribbles = Scribbles(shape, (stroke(True, (*middle, 15)), stroke(False, (*middle, 0))))
    np.testing.assert_array_equal(answer(image_of(voxels), scribbles), voxels == 1)


def test_without_contrast_the_nearer_scribble_in_mm_wins():
    """The same two scribbles along a row and down a column of a flat image: 3 mm rows, 1 mm columns."""
    image = image_of(np.zeros((9, 9)), (3.0, 1.0))
    scribbles = Scribbles((9, 9), (stroke(True, (4, 4)), stroke(False, (4, 7), (1, 4))))
    result = answer(image, scribbles, strength=0)
    assert result[4].tolist() == [True] * 6 + [False] * 3
    assert result[:, 4].tolist() == [False] * 3 + [True] * 6


def test_smoothness_removes_a_speck():
    voxels = np.zeros((11, 11))
    voxels[:, 6:] = 1
    voxels[5, 2] = 0.6
    scribbles = Scribbles(voxels.shape, (stroke(True, (0, 10), (10, 10)), stroke(False, (0, 0), (10, 0))))
    smoothed = answer(image_of(voxels), scribbles, strength=0.0, gamma=1000.0)
    smooth = answer(image_of(voxels), scribbles, strength=30.0, sigma=1.0, gamma=1000.0)
    assert not smoothed[5, 2]  # 600 mm behind its neighbours, yet 400 from the object
    np.testing.assert_array_equal(smooth, voxels == 1)


@pytest.mark.parametrize("bad", [{"gamma": -1}, {"sigma": 0}, {"lamda": 1}])
def test_wrong_settings_are_refused(bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        GeoS(**bad)
