"""Training: repeatable, resumable, and only from what may be seen."""

import numpy as np
import pytest
import torch

import bifseg.training as training
from bifseg.cards import NetworkCard
from bifseg.errors import BadInput
from bifseg.networks.trained import TrainedNetwork
from bifseg.store import read_json
from bifseg.training import bring, intensity_statistics, train


def weights_of(folder):
    return torch.load(folder / "weights.pt", weights_only=True)["weights"]


def same(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


def test_training_leaves_weights_curve_and_card(discs_network):
    assert {p.name for p in discs_network.iterdir()} == {"weights.pt", "curve.csv", "card.json"}
    curve = (discs_network / "curve.csv").read_text().splitlines()
    assert curve[0] == "iteration,train_loss,validation_dice"
    assert [line.split(",")[0] for line in curve[1:]] == ["10", "20", "30"]
    card = read_json(discs_network / "card.json")
    assert card["objects_trained_on"] == 2  # the two discs; the rings are unseen
    assert card["validation_dice"] == pytest.approx(max(float(line.split(",")[2]) for line in curve[1:]))


def test_same_seed_same_weights(discs, discs_network, tmp_path, tiny_card):
    train(tiny_card, discs, tmp_path / "again", 1, "cpu", lambda *_: None)
    assert same(weights_of(tmp_path / "again"), weights_of(discs_network))
    train(tiny_card, discs, tmp_path / "other", 2, "cpu", lambda *_: None)
    assert not same(weights_of(tmp_path / "other"), weights_of(discs_network))


class Killed(Exception):
    pass


def test_killed_training_goes_on_to_the_same_weights(discs, discs_network, tmp_path, tiny_card):
    seen = []

    def kill_at_17(done, total, note):
        seen.append(done)
        if done == 17:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_card, discs, tmp_path, 1, "cpu", kill_at_17)
    assert not (tmp_path / "weights.pt").exists()
    train(tiny_card, discs, tmp_path, 1, "cpu", lambda done, *_: seen.append(done))
    assert seen[17] == 11  # from the validation at 10
    assert same(weights_of(tmp_path), weights_of(discs_network))


def test_checkpoint_of_another_training_is_not_taken_up(discs, tmp_path, tiny_card):
    def kill_at_17(done, total, note):
        if done == 17:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_card, discs, tmp_path, 1, "cpu", kill_at_17)
    done = []
    train(tiny_card, discs, tmp_path, 2, "cpu", lambda k, *_: done.append(k))
    assert done[0] == 1


def test_intensity_statistics_are_over_the_training_images(discs):
    images = {row.case: discs.image(row).voxels for row in discs.select(split="train")}
    values = np.concatenate([v.ravel() for v in images.values()]).astype(float)
    mean, std = intensity_statistics(discs)["t2"]
    assert (mean, std) == pytest.approx((values.mean(), values.std()), rel=1e-6)


def test_batch_pads_with_voxels_that_do_not_count():
    small = (np.ones((2, 3), np.float32), np.ones((2, 3), bool))
    large = (np.ones((4, 2), np.float32), np.zeros((4, 2), bool))
    values, target = training._stack([small, large])
    assert values.shape == (2, 1, 4, 3)
    assert (target[0, :2, :3] == 1).all()
    assert (target[0, 2:] == -100).all()
    assert (target[1, :, 2] == -100).all()
    assert float(values[0].sum()) == 6


def test_wrong_dimension_is_refused(discs, tmp_path):
    with pytest.raises(BadInput, match="architecture: pcnet is 3D, cohort discs is 2D"):
        train(NetworkCard(architecture="pcnet"), discs, tmp_path, 1, "cpu", lambda *_: None)


def test_weights_from_elsewhere(discs, discs_network, tmp_path, tiny_card):
    bring(tiny_card, discs_network / "weights.pt", discs, tmp_path)
    assert same(weights_of(tmp_path), weights_of(discs_network))
    before, after = (TrainedNetwork.load(f / "weights.pt") for f in (discs_network, tmp_path))
    assert (before.input_size, before.normalisation) == (after.input_size, after.normalisation)


def test_weights_that_do_not_fit_the_card_are_refused(discs, discs_network, tmp_path, tiny_card):
    card = tiny_card.model_copy(update={"settings": {"channels": 8}})
    with pytest.raises(BadInput, match="not of the card's architecture and settings"):
        bring(card, discs_network / "weights.pt", discs, tmp_path)
    assert not any(tmp_path.iterdir())
