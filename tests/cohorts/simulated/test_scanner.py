"""The scanner: Rician noise, shading and thick slices."""

from __future__ import annotations

import numpy as np
import pytest

from bifseg.cohorts.simulated.scanner import acquire, thick_slices


def test_without_noise_and_shading_the_scan_is_the_scaled_image():
    ideal = np.linspace(0, 1, 64).reshape(8, 8).astype(np.float32)
    scan = acquire(np.random.default_rng(0), ideal, shading=0, noise=0)
    assert scan.dtype == np.int16
    assert 600 <= scan.max() <= 1000
    np.testing.assert_allclose(scan, ideal * scan.max(), atol=1.01)


def test_noise_is_rayleigh_where_there_is_no_signal():
    scan = acquire(np.random.default_rng(0), np.zeros((200, 200), np.float32), shading=0, noise=0.1)
    assert scan.mean() / scan.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.02)


def test_shading_is_smooth_and_has_the_given_strength():
    scan = acquire(np.random.default_rng(0), np.ones((100, 100), np.float32), shading=0.1, noise=0)
    logarithm = np.log(scan.astype(float))
    assert logarithm.std() == pytest.approx(0.1, rel=0.05)
    assert np.abs(np.diff(logarithm, axis=0)).max() < 0.05


def test_thick_slices_average_thin_ones_and_drop_the_remainder():
    voxels = np.arange(7.0)[:, None] * np.ones((1, 2))
    np.testing.assert_array_equal(thick_slices(voxels, 3), [[1, 1], [4, 4]])
