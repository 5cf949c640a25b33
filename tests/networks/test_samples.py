"""Sampling of training crops, and voxels excluded from the loss."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bifseg.cards.training import AugmentationCard, TrainingCard
from bifseg.core.geometry import Grid, Image
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.augmentation import augment
from bifseg.networks.samples import Sampler, stack
from bifseg.networks.trained import TrainedNetwork


def sampler_of(network, image, truth, margin=0, ignored=None, **settings):
    """A sampler of one object, whose network takes intensities as they are."""
    trained = TrainedNetwork(network, 12, {"t2": (0.0, 1.0)}, torch.device("cpu"))
    cohort = SimpleNamespace(
        box_margin=margin,
        image=lambda row, channels: image,
        truth=lambda row: truth,
        ignored=lambda row: ignored,
    )
    return Sampler(trained, cohort, ["object"], TrainingCard(**settings))


def object_in(shape, spacing=None):
    """An image that is its own truth, which reaches every face."""
    truth = np.random.default_rng(2).random(shape) < 0.3
    truth[(0,) * len(shape)] = truth[(-1,) * len(shape)] = True
    return Image(truth.astype(np.float32), Grid.plain(shape, spacing), "t2"), truth


def test_the_truth_is_transposed_with_its_image():
    """The slice axis is the last array axis here."""
    image, truth = object_in((12, 10, 4), (1.0, 1.0, 5.0))
    values, target = sampler_of(PCNet(4), image, truth).batch(np.random.default_rng(0))
    assert values.shape == (1, 1, 4, 12, 10)
    np.testing.assert_array_equal(target[0], np.moveaxis(truth, 2, 0))
    np.testing.assert_array_equal(target[0], values[0, 0] >= 0.5)


@pytest.mark.parametrize("reverse", [(True, False), (False, True)])
def test_crops_do_not_depend_on_how_the_image_is_stored(reverse):
    """The random box is drawn in the body's axes; here an axis is stored backwards, and the axes are exchanged."""
    shape = (30, 36)
    voxels = np.random.default_rng(5).normal(0, 1, shape).astype(np.float32)
    truth = np.zeros(shape, bool)
    truth[12:20, 10:25] = True
    grid = Grid.plain(shape)
    origin = tuple(float((n - 1) * back) for n, back in zip(shape, reverse, strict=True))[::-1]
    axes = [
        tuple(-v if back else v for v in axis) for axis, back in zip(grid.direction, reverse, strict=True)
    ]
    stored = Grid(shape[::-1], grid.spacing[::-1], origin, tuple(axes[::-1]))
    steps = tuple(slice(None, None, -1 if back else 1) for back in reverse)

    def drawn(image, truth):
        sampler = sampler_of(PNet(4), image, truth, margin=6, augmentation=AugmentationCard())
        return [part.numpy() for seed in range(4) for part in sampler.batch(np.random.default_rng(seed))]

    as_is = drawn(Image(voxels, grid, "t2"), truth)
    turned = drawn(Image(np.ascontiguousarray(voxels[steps].T), stored, "t2"), truth[steps].T.copy())
    for one, other in zip(as_is, turned, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("side", [12, 9, 18])
def test_unannotated_voxels_are_excluded_from_the_loss(side):
    """This holds at every scale of the crop and for every flip."""
    image, truth = object_in((side, side))
    ignored = np.zeros_like(truth)
    ignored[: side // 3] = True
    sampler = sampler_of(PNet(4), image, truth & ~ignored, margin=side, ignored=ignored, flip=True)
    for seed in range(8):
        _, target = sampler.batch(np.random.default_rng(seed))
        rows = (target[0] == -100).all(dim=1)
        assert 0 < rows.sum() < len(rows)
        assert ((target[0] == -100) == rows[:, None]).all()
        assert rows[0] or rows[-1]


def test_image_and_truth_are_flipped_together():
    image, truth = object_in((12, 12))
    sampler = sampler_of(PNet(4), image, truth, flip=True)
    batches = [sampler.batch(np.random.default_rng(seed)) for seed in range(20)]
    for values, target in batches:
        np.testing.assert_array_equal(values[0, 0] >= 0.5, target[0])
    assert len({values.numpy().tobytes() for values, _ in batches}) == 4


def test_crops_of_a_single_slice_are_flipped():
    """numpy takes a reversed axis of length 1 for contiguous, torch does not."""
    image, truth = object_in((1, 12, 12))
    sampler = sampler_of(PCNet(4), image, truth, flip=True)
    shapes = {sampler.batch(np.random.default_rng(seed))[0].shape[2:] for seed in range(40)}
    assert shapes == {(1, 12, 12)}


def test_intensities_of_a_sample_are_normalised_by_the_whole_image():
    """The crop alone is brighter than the image."""
    voxels = np.pad(np.full((6, 6), 9, np.float32), 6, constant_values=1)
    truth = voxels > 5
    image = Image(voxels, Grid.plain(voxels.shape), "mr")
    values, _ = sampler_of(PNet(4), image, truth).batch(np.random.default_rng(0))
    expected = (9 - voxels.mean()) / voxels.std()
    np.testing.assert_allclose(values, np.full((1, 1, 12, 12), expected), rtol=1e-5)


def test_a_repainted_object_differs_from_its_surround_in_a_way_of_its_own():
    """Objects that are all brighter than their surround come out brighter or darker, and flat or textured."""
    rng = np.random.default_rng(1)
    truth = np.zeros((24, 24), bool)
    truth[6:18, 6:18] = True
    values = rng.standard_normal(truth.shape) + 3.0 * truth
    only = dict.fromkeys(("contrast", "field", "noise", "scale"), 0.0)
    plain, painted = (AugmentationCard(repaint=share, **only) for share in (0.0, 1.0))
    differences, textures = [], []
    for seed in range(60):
        changed = augment(values.astype(np.float32), truth, painted, np.random.default_rng(seed))
        unit = changed[~truth].std()
        differences.append((changed[8:16, 8:16].mean() - changed[~truth].mean()) / unit)
        textures.append(changed[8:16, 8:16].std() / unit)
    assert min(differences) < -2
    assert max(differences) > 2
    assert 15 < sum(difference < 0 for difference in differences) < 45
    assert min(textures) < 0.4
    assert max(textures) > 0.9
    same = augment(values.astype(np.float32), truth, plain, np.random.default_rng(0))
    np.testing.assert_allclose(same, values, atol=1e-5)


def test_augmented_crops_keep_the_scale_of_the_image():
    """As in sessions, where a crop is normalised by its whole image: here, one brighter and flatter than the rest."""
    values = (3 + 0.5 * np.random.default_rng(0).standard_normal((24, 24))).astype(np.float32)
    only = AugmentationCard(contrast=1.0, field=0.0, noise=0.0)
    changed = augment(values, np.zeros(values.shape, bool), only, np.random.default_rng(0))
    assert not np.allclose(changed, values, atol=0.1)
    assert (changed.mean(), changed.std()) == pytest.approx((values.mean(), values.std()), rel=1e-4)


@pytest.mark.parametrize("truth", [np.zeros((6, 6), bool), np.ones((6, 6), bool)], ids=["empty", "full"])
def test_repainting_needs_an_object_and_a_surround(truth):
    values = np.random.default_rng(0).random((6, 6)).astype(np.float32)
    only = dict.fromkeys(("contrast", "field", "noise", "scale"), 0.0)
    changed = augment(values, truth, AugmentationCard(repaint=1.0, **only), np.random.default_rng(0))
    np.testing.assert_allclose(changed, values, atol=1e-5)


def test_augmentation_changes_boxes_and_scale():
    image, truth = object_in((12, 12))
    wide = Image(np.pad(image.voxels, 20), Grid.plain((52, 52)), "t2")
    sampler = sampler_of(
        PNet(4),
        wide,
        np.pad(truth, 20),
        margin=5,
        augmentation=AugmentationCard(scale=0.5, margin=(0.2, 2.0)),
    )
    shapes = [sampler.batch(np.random.default_rng(seed))[0].shape[2:] for seed in range(60)]
    shorter = {min(shape) for shape in shapes}
    assert min(shorter) < 9
    assert max(shorter) > 16
    assert all(12 * np.exp(-0.5) - 1 < side < 12 * np.exp(0.5) + 1 for side in shorter)


def test_a_margin_range_in_the_wrong_order_is_refused():
    with pytest.raises(ValueError, match="smaller factor first"):
        AugmentationCard(margin=(2.0, 1.0))


def test_padding_of_a_batch_is_excluded_from_the_loss():
    small = (np.ones((1, 2, 3), np.float32), np.ones((2, 3), np.int64))
    large = (np.ones((1, 4, 2), np.float32), np.zeros((4, 2), np.int64))
    values, target = stack([small, large])
    assert values.shape == (2, 1, 4, 3)
    assert (target[0, :2, :3] == 1).all()
    assert (target[0, 2:] == -100).all()
    assert (target[1, :, 2] == -100).all()
    assert float(values[0].sum()) == 6
