"""Random fields: their scale, their moments, and rotations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from bifseg.cohorts.simulated.fields import displacement, rotation, smooth_noise


@pytest.mark.parametrize("shape", [(79, 94), (40, 47, 31)])
def test_noise_has_unit_variance_and_the_given_smoothness(shape):
    field = smooth_noise(np.random.default_rng(0), shape, 3.0)
    assert field.dtype == np.float32
    assert field.shape == shape
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-4)
    # White noise smoothed by sigma has the correlation exp(-d^2 / (4 sigma^2)) at distance d.
    assert np.mean(field[3:] * field[:-3]) == pytest.approx(np.exp(-9 / 36), abs=0.12)


def test_noise_equals_gaussian_filtered_white_noise():
    white = np.random.default_rng(3).standard_normal((48, 60), dtype=np.float32)
    smooth = ndimage.gaussian_filter(white, 2.0, mode="wrap", truncate=6)
    expected = (smooth - smooth.mean()) / smooth.std()
    np.testing.assert_allclose(smooth_noise(np.random.default_rng(3), (48, 60), 2.0), expected, atol=2e-3)


def test_displacement_has_its_amplitude_along_each_axis():
    field = displacement(np.random.default_rng(1), (64, 64), {4: 1.5})
    assert field.shape == (2, 64, 64)
    np.testing.assert_allclose(field.std(axis=(1, 2)), 1.5, rtol=1e-3)


@given(st.lists(st.floats(-4, 4), min_size=3, max_size=3))
def test_rotation_matrices_are_orthogonal(angles):
    matrix = rotation(np.array(angles))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_each_angle_rotates_about_its_axis():
    np.testing.assert_allclose(rotation(np.array([0, 0, np.pi / 2])) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation(np.array([0, np.pi / 2, 0])) @ [0, 1, 0], [0, 1, 0], atol=1e-12)
