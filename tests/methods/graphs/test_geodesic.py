"""The band against a full, plainly written shortest path."""

import heapq
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bifseg.methods.graphs.geodesic import GeodesicBand


def band(intensity, sources, full):
    return GeodesicBand(intensity, full).distance(sources, 0.2) < 0.2


def full_distance(intensity, sources, full):
    """Dijkstra without a limit over every voxel."""
    distance = np.full(intensity.shape, np.inf)
    queue = [(0.0, tuple(i)) for i in np.argwhere(sources)]
    steps = [s for s in product((-1, 0, 1), repeat=intensity.ndim) if any(s)]
    steps = [s for s in steps if full or sum(map(abs, s)) == 1]
    while queue:
        d, i = heapq.heappop(queue)
        if distance[i] <= d:
            continue
        distance[i] = d
        for step in steps:
            j = tuple(np.add(i, step))
            if all(0 <= a < n for a, n in zip(j, intensity.shape, strict=True)):
                heapq.heappush(queue, (d + abs(intensity[i] - intensity[j]), j))
    return distance


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([(9, 11), (5, 6, 4)]),
    st.booleans(),
    st.sampled_from([4, 16, 1000]),
)
def test_band_is_where_the_full_distance_is_below_eps(seed, shape, full, levels):
    """Coarse levels make flat regions: paths of length zero must carry the band along."""
    rng = np.random.default_rng(seed)
    intensity = rng.integers(0, levels, shape) / levels + 0.013
    sources = rng.random(shape) < 0.05
    near = band(intensity, sources, full)
    np.testing.assert_array_equal(near, full_distance(intensity, sources, full) < 0.2)


def test_band_stops_at_an_edge():
    intensity = np.array([[0.0, 0.1, 0.15, 0.9, 0.9]])
    source = np.array([[True, False, False, False, False]])
    assert band(intensity, source, False).tolist() == [[True, True, True, False, False]]


@pytest.mark.parametrize("full", [True, False])
def test_flat_image_is_one_band_and_no_source_is_none(full):
    flat = np.zeros((4, 5))
    source = np.zeros((4, 5), bool)
    assert not band(flat, source, full).any()
    source[2, 2] = True
    assert band(flat, source, full).all()
