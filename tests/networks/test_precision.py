"""`precision`: the same rule on every device, for training and fine-tuning, and float32 unless a card asks."""

import logging

import numpy as np
import pytest
import torch
from torch.nn import Linear

from bifseg.cards.cards import NetworkCard, read_card
from bifseg.cards.finetuning import FineTuning
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid, Image
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork
from bifseg.networks import precision
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.pace import training_seconds
from bifseg.networks.precision import arithmetic
from bifseg.networks.trained import TrainedNetwork
from bifseg.networks.training import Trainer, train

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_warning_yet():
    precision._warn.cache_clear()
    yield
    precision._warn.cache_clear()


def lower(card):
    return card.model_copy(update={"training": card.training.model_copy(update={"precision": "bfloat16"})})


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(("name", "asked"), [("float32", False), ("bfloat16", True)])
def test_the_card_alone_decides_not_the_device(device, name, asked, monkeypatch):
    monkeypatch.setattr(precision, "computes_bfloat16", lambda _: True)
    calls = []
    monkeypatch.setattr(torch, "autocast", lambda *words, enabled: calls.append((*words, enabled)))
    arithmetic(name, torch.device(device))
    assert calls == [(device, torch.bfloat16, asked)]


@pytest.mark.parametrize(("name", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_a_layer_computes_in_the_precision_of_the_card(name, dtype):
    with arithmetic(name, CPU):
        assert Linear(2, 2)(torch.ones(1, 2)).dtype == dtype


def test_a_machine_without_bfloat16_says_once_that_it_is_slow(monkeypatch, caplog):
    monkeypatch.setattr(precision, "computes_bfloat16", lambda _: False)
    with caplog.at_level(logging.WARNING):
        for name in ("float32", "bfloat16", "bfloat16"):
            arithmetic(name, CPU)
    assert [record.message for record in caplog.records] == [
        "precision: bfloat16 is slower than float32 on this CPU, which has no such arithmetic; "
        "write 'precision: float32', or use a machine with AVX-512 or a GPU since Ampere"
    ]


def test_an_unknown_precision_is_one_clear_line(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("architecture: pnet\ntraining: {precision: float16}\n")
    with pytest.raises(InputError) as told:
        read_card(NetworkCard, path)
    assert str(told.value) == (
        f"{path}: training.precision: Input should be 'float32' or 'bfloat16' (is 'float16')"
    )
    with pytest.raises(InputError) as told:
        FineTuning.checked({"precision": "half"})
    assert str(told.value) == "finetuning.precision: Input should be 'float32' or 'bfloat16' (is 'half')"


def test_a_training_in_bfloat16_is_another_one_with_float32_weights(
    discs, discs_network, tmp_path, tiny_card
):
    train(lower(tiny_card), discs, tmp_path, 1, "cpu", lambda *_: None)
    a, b = (
        torch.load(folder / "weights.pt", weights_only=True)["weights"]
        for folder in (discs_network, tmp_path)
    )
    assert {values.dtype for values in b.values()} == {torch.float32}
    assert any(not torch.equal(a[key], b[key]) for key in a)


def test_the_precision_is_in_the_fingerprint_of_a_training(discs, tmp_path, tiny_card):
    identities = {
        Trainer(card, discs, tmp_path, 1, "cpu")._identity for card in (tiny_card, lower(tiny_card))
    }
    assert len(identities) == 2


def test_the_expected_time_is_that_of_the_precision(tiny_card, monkeypatch):
    used = []
    monkeypatch.setattr(
        "bifseg.networks.pace.arithmetic", lambda name, device: used.append(name) or arithmetic(name, device)
    )
    assert training_seconds(lower(tiny_card)) > 0
    assert set(used) == {"bfloat16"}


@pytest.mark.parametrize("make", [lambda: PNet(4), lambda: PCNet(4, head="1x1x1"), lambda: PCNet(4)])
def test_fine_tuning_in_bfloat16_is_near_float32_and_not_equal(make):
    torch.manual_seed(0)
    network = make().eval()
    trained = TrainedNetwork(network, 12, {}, CPU)
    shape = (4, 12, 12)[-network.dimension :]
    rng = np.random.default_rng(0)
    voxels = rng.random(shape).astype(np.float32)
    crop = trained.crop(Image(voxels, Grid.plain(shape)), Box((0,) * len(shape), shape))
    labels, weights = rng.random(shape) < 0.5, np.ones(shape, np.float32)
    results = []
    for name in ("float32", "bfloat16"):
        tuned = ImageSpecificNetwork(trained, crop, FineTuning.defaults(network.dimension, precision=name))
        before = tuned.probability
        tuned._descend(labels, weights)
        results.append(tuned._predict())
    assert results[1].dtype == np.float32
    assert not np.array_equal(*results)
    assert np.abs(results[1] - results[0]).max() < 0.2 * np.abs(results[0] - before).max()
