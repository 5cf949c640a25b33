"""Training: repeatable, resumable, and only from what may be seen."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from foreign_networks import SETTINGS, SmallUNet

import bifseg.networks.training as training
from bifseg.cards.cards import NetworkCard
from bifseg.core.errors import InputError
from bifseg.core.files import read_json
from bifseg.core.geometry import Grid, Image
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.trained import TrainedNetwork
from bifseg.networks.training import bring, intensity_statistics, train
from bifseg.networks.unchanged import ForgettingCheck


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


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_training_begins_anew_where_its_checkpoint_was_cut_off(discs, tmp_path, tiny_card, caplog, share):
    def kill_at_17(done, total, note):
        if done == 17:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_card, discs, tmp_path, 1, "cpu", kill_at_17)
    path, done = tmp_path / "checkpoint.pt", []
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    train(tiny_card, discs, tmp_path, 1, "cpu", lambda k, *_: done.append(k))
    assert done[0] == 1
    assert "training begins anew" in caplog.text


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


def test_truth_is_turned_with_its_image():
    """PC-Net's slices lie along the last axis here."""
    truth = np.random.default_rng(2).random((12, 10, 4)) < 0.3
    truth[0, 0, 0] = truth[-1, -1, -1] = True
    image = Image(truth.astype(np.float32), Grid.plain(truth.shape, (1.0, 1.0, 5.0)), "t2")
    trained = TrainedNetwork(PCNet(4), 12, {"t2": (0.0, 1.0)}, torch.device("cpu"))
    trainer = SimpleNamespace(
        _trained=trained, _cohort=SimpleNamespace(box_margin=0), _settings=SimpleNamespace(flip=False)
    )
    values, found = training.Trainer._draw(trainer, training.Sample(image, truth), np.random.default_rng(0))
    assert values.shape == (4, 12, 10)
    np.testing.assert_array_equal(found, np.moveaxis(truth, 2, 0))
    np.testing.assert_array_equal(found, values >= 0.5)


def test_wrong_dimension_is_refused(discs, tmp_path):
    with pytest.raises(InputError, match="architecture: pcnet is 3D, cohort discs is 2D"):
        train(NetworkCard(architecture="pcnet"), discs, tmp_path, 1, "cpu", lambda *_: None)


def test_weights_from_elsewhere(discs, discs_network, tmp_path, tiny_card):
    bring(tiny_card, discs_network / "weights.pt", discs, tmp_path)
    assert same(weights_of(tmp_path), weights_of(discs_network))
    before, after = (TrainedNetwork.load(f / "weights.pt") for f in (discs_network, tmp_path))
    assert (before.input_size, before.normalisation) == (after.input_size, after.normalisation)


def test_card_says_how_weights_from_elsewhere_are_used(discs, discs_network, tmp_path, tiny_card):
    """What it leaves away is as in the file."""
    files = [discs_network]
    for change in (
        {"finetuning": {"eps": 0.1, "omega": 2.0}},
        {"finetuning": {"eps": 0.3}, "input_size": 40},
    ):
        card = tiny_card.model_copy(update={"input_size": None, "finetuning": {}} | change)
        bring(card, files[-1] / "weights.pt", discs, tmp_path / str(len(files)))
        files.append(tmp_path / str(len(files)))
    own, first, second = (TrainedNetwork.load(folder / "weights.pt") for folder in files)
    assert (first.input_size, first.finetuning) == (
        own.input_size,
        own.finetuning | {"eps": 0.1, "omega": 2.0},
    )
    assert (second.input_size, second.finetuning) == (40, first.finetuning | {"eps": 0.3})
    facts = read_json(files[-1] / "card.json")
    assert (facts["input_size"], facts["finetuning"]) == (40, second.finetuning)


OTHER_NETWORKS = {
    "width": ({"settings": {"channels": 8}}, "settings.channels is 4 there, 8 by the card"),
    "dilations": (
        {"settings": {"dilations": [1, 2, 3, 4, 5]}},
        "settings.dilations is [1, 2, 4, 8, 16] there, [1, 2, 3, 4, 5] by the card",
    ),
    "architecture": (
        {"architecture": "unet", "settings": {}},
        "architecture is pnet there, unet by the card",
    ),
    "argument": ({"settings": {"colour": 1}}, "settings of pnet: "),
    "fine-tuning": ({"finetuning": {"epsilon": 1}}, "finetuning.epsilon: "),
}


@pytest.mark.parametrize(("changes", "message"), OTHER_NETWORKS.values(), ids=OTHER_NETWORKS)
def test_weights_that_do_not_fit_the_card_are_refused(
    discs, discs_network, tmp_path, tiny_card, changes, message
):
    if "architecture" not in changes and "settings" in changes:
        changes = {"settings": tiny_card.settings | changes["settings"]}
    with pytest.raises(InputError, match=re.escape(message)):
        bring(tiny_card.model_copy(update=changes), discs_network / "weights.pt", discs, tmp_path)
    assert not any(tmp_path.iterdir())


def program(folder, name="net.ts", **network):
    """A TorchScript file of a small U-Net."""
    path = folder / name
    torch.jit.save(torch.jit.script(SmallUNet(**network).eval()), path)
    return path


def card_of(**changes):
    settings = SETTINGS | {"dimension": 2} | changes.pop("settings", {})
    return NetworkCard(architecture="torchscript", settings=settings, **changes)


def test_foreign_network_is_kept_whole_and_is_the_same_file_each_time(discs, tmp_path):
    path = program(tmp_path)
    card = card_of(input_size=20, finetuning={"learning_rate": 0.1})
    for folder in ("first", "second"):
        bring(card, path, discs, tmp_path / folder)
    path.unlink()
    assert {p.name for p in (tmp_path / "first").iterdir()} == {"weights.pt", "curve.csv", "card.json"}
    facts = read_json(tmp_path / "first/card.json")
    assert facts["weights_from"] == str(path)
    assert facts["parameters"] == SmallUNet().eval().last.weight.numel() + 2 + sum(
        p.numel() for name, p in SmallUNet().named_parameters() if not name.startswith("last")
    )
    assert facts["weights_sha256"] == read_json(tmp_path / "second/card.json")["weights_sha256"]
    trained = TrainedNetwork.load(tmp_path / "first/weights.pt")
    assert (trained.input_size, trained.finetuning) == (20, {"learning_rate": 0.1})
    ForgettingCheck("net", trained.answer, discs, 1).write(tmp_path / "forgetting.json")
    found = read_json(tmp_path / "forgetting.json")
    assert found["before"] == found["after"]


def test_foreign_network_of_one_shape_comes_back_with_it(discs, tmp_path):
    bring(
        card_of(settings={"shape": [32, 24], "divisible_by": 1}), program(tmp_path), discs, tmp_path / "out"
    )
    assert TrainedNetwork.load(tmp_path / "out/weights.pt").input_size == (32, 24)


FOREIGN_REFUSED = {
    "dimension": ({"dimension": 3}, {"settings": {"dimension": 3}}, "the network is 3D, cohort discs is 2D"),
    "channels": ({"inputs": 2}, {}, r"net\.ts: it takes 2 input channels"),
    "settings": ({}, {"settings": {"dimension": 5}}, r"settings\.dimension: "),
    "two sizes": (
        {},
        {"settings": {"shape": [8, 8], "divisible_by": 1}, "input_size": 8},
        "input_size: leave it",
    ),
    "fine-tuning": ({}, {"finetuning": {"iterations": -1}}, r"finetuning\.iterations: "),
}


@pytest.mark.parametrize(("network", "changes", "message"), FOREIGN_REFUSED.values(), ids=FOREIGN_REFUSED)
def test_foreign_network_that_does_not_fit_writes_nothing(discs, tmp_path, network, changes, message):
    path = program(tmp_path, **network)
    with pytest.raises(InputError, match=message):
        bring(card_of(**changes), path, discs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_foreign_network_is_not_trained_here(discs, tmp_path):
    with pytest.raises(
        InputError, match="weights: torchscript is trained elsewhere; name its file or folder"
    ):
        train(card_of(), discs, tmp_path, 1, "cpu", lambda *_: None)
