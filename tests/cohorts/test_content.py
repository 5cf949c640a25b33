"""Content fingerprints detect a planted copy in 100 of 100 tries and do not match different images."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import ndimage

from bifseg.cohorts.content import fingerprints_of, same_image
from bifseg.cohorts.content_file import content_of, overlap, read_contents, write_contents
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid, Image

IDENTITY = {2: ((1.0, 0.0), (0.0, 1.0)), 3: ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))}


def make_image(seed, ndim, in_mm=True):
    """A head on a background of zeros, the same outline in every image, with its own texture inside."""
    rng = np.random.default_rng(seed)
    shape = (200, 180) if ndim == 2 else (48, 60, 56)
    inside = np.square(np.indices(shape).T / np.array(shape) - 0.5).sum(-1).T < 0.2
    texture = sum(s * ndimage.gaussian_filter(rng.normal(size=shape), s) for s in (1.5, 3, 6))
    voxels = np.where(inside, 100 + 300 * texture, 0).astype(np.float32)
    spacing = (1.0,) * 2 if ndim == 2 else (2.0,) * 3
    return Image(voxels, Grid(shape, spacing, (0.0,) * ndim, IDENTITY[ndim], in_mm))


def copy_of(image, rng):
    """The image cropped, resampled, scaled in intensity and stored along other directions."""
    grid, voxels = image.grid, image.voxels
    window = []
    for n in voxels.shape:
        size = int(n * rng.uniform(0.6, 1))
        start = int(rng.integers(n - size + 1))
        window.append(slice(start, start + size))
    voxels = voxels[tuple(window)]
    zoom = rng.uniform(0.75, 1.35, voxels.ndim) if grid.in_mm else [rng.uniform(0.75, 1.35)] * voxels.ndim
    finer = ndimage.zoom(voxels, zoom, order=1) * rng.uniform(0.01, 100) + rng.uniform(-500, 500)
    spacing = tuple(s * n / m for s, n, m in zip(grid.spacing, voxels.shape, finer.shape, strict=True))
    flipped = [grid.in_mm and rng.random() < 0.5 for _ in spacing]
    turned = finer[tuple(slice(None, None, -1 if flip else 1) for flip in flipped)].astype(np.float32)
    signs = [-1 if flip else 1 for flip in flipped]
    axes = tuple(tuple(s * c for c in axis) for s, axis in zip(signs, grid.direction, strict=True))
    stored = Grid(finer.shape, spacing if grid.in_mm else grid.spacing, grid.origin, axes, grid.in_mm)
    return Image(turned, stored)


@pytest.mark.parametrize(("ndim", "in_mm", "tries"), [(2, True, 60), (2, False, 15), (3, True, 25)])
def test_a_planted_copy_is_always_detected(ndim, in_mm, tries):
    images = [make_image(seed, ndim, in_mm) for seed in range(5)]
    fingerprints = [fingerprints_of(image) for image in images]
    rng = np.random.default_rng(1)
    for k in range(tries):
        planted = fingerprints_of(copy_of(images[k % 5], rng))
        assert [same_image(planted, one) for one in fingerprints] == [number == k % 5 for number in range(5)]


@pytest.mark.parametrize(("ndim", "in_mm"), [(2, True), (2, False), (3, True)])
def test_different_images_do_not_match(ndim, in_mm):
    fingerprints = [fingerprints_of(make_image(seed, ndim, in_mm)) for seed in range(8)]
    assert not any(same_image(*pair) for pair in combinations(fingerprints, 2))


def test_a_stack_of_one_slice_has_fingerprints_of_the_slice():
    image = make_image(0, 2)
    direction = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    stack = Image(image.voxels[None], Grid((1, *image.voxels.shape), (5.0, 1.0, 1.0), (0.0,) * 3, direction))
    assert len(fingerprints_of(stack)[0].places) > 50
    assert fingerprints_of(stack)[0].ranks.shape[1] == 64


@pytest.mark.parametrize("voxels", [np.zeros((8, 8)), np.zeros((100, 100)), np.ones((100, 100))])
def test_small_and_constant_images_match_nothing(voxels):
    grid = Grid(voxels.shape, (1.0, 1.0), (0.0, 0.0), IDENTITY[2])
    empty = fingerprints_of(Image(voxels.astype(np.float32), grid))
    assert not len(empty[0].places)
    assert not same_image(empty, empty)


def test_images_of_other_dimension_or_without_spacing_are_not_compared():
    image = make_image(0, 2)
    assert not same_image(fingerprints_of(image), fingerprints_of(make_image(0, 3)))
    pixels = replace(image, grid=replace(image.grid, in_mm=False))
    assert not same_image(fingerprints_of(image), fingerprints_of(pixels))


def test_fingerprints_are_stored_and_compared(tmp_path):
    stored = {"a.nii.gz": fingerprints_of(make_image(0, 2)), "b.nii.gz": fingerprints_of(make_image(1, 2))}
    write_contents(tmp_path / "content.npz", stored)
    copies = {"renamed#2": fingerprints_of(copy_of(make_image(1, 2), np.random.default_rng(0)))}
    assert overlap(copies, read_contents(tmp_path / "content.npz")) == [("renamed#2", "b.nii.gz")]
    (tmp_path / "content.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="damaged fingerprints"):
        read_contents(tmp_path / "content.npz")
    assert read_contents(tmp_path / "none.npz") == {}
    with pytest.raises(InputError):
        content_of(tmp_path, "missing.nii.gz")
