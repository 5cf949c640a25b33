"""Weights files are complete and safe to load, and give the same network."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from foreign_networks import Payload

from bifseg.cards.cards import NetworkCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid, Image
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.trained import TrainedNetwork, checked_device

CARD = NetworkCard(architecture="pnet", settings={"channels": 4})


def trained(normalisation):
    torch.manual_seed(0)
    return TrainedNetwork(PNet(4).eval(), 12, normalisation, torch.device("cpu"))


def test_a_process_that_loads_a_network_keeps_freed_memory(tmp_path, monkeypatch):
    trained({}).save(tmp_path / "weights.pt", CARD)
    calls = []
    monkeypatch.setattr("bifseg.networks.trained.keep_freed_memory", lambda: calls.append("kept"))
    TrainedNetwork.load(tmp_path / "weights.pt")
    assert calls == ["kept"]


def test_a_saved_network_is_loaded_unchanged(tmp_path):
    image = Image(np.random.default_rng(0).random((20, 20)).astype(np.float32), Grid.plain((20, 20)), "t2")
    before = trained({"t2": (0.5, 0.3)})
    before.save(tmp_path / "weights.pt", CARD)
    after = TrainedNetwork.load(tmp_path / "weights.pt")
    assert (after.input_size, after.normalisation) == (12, {"t2": (0.5, 0.3)})
    box = Box((2, 3), (17, 18))
    assert torch.equal(before.features(before.crop(image, box)), after.features(after.crop(image, box)))


def test_equal_networks_are_equal_files(tmp_path):
    for name in ("a.pt", "b.pt"):
        trained({"t2": (0.5, 0.3)}).save(tmp_path / name, CARD)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_an_unknown_modality_is_normalised_by_the_image_s_statistics():
    voxels = np.random.default_rng(0).random((16, 16)).astype(np.float32)
    statistics = {"t2": (float(voxels.mean(dtype=float)), float(voxels.std(dtype=float)))}
    box = Box((0, 0), (16, 16))

    def features(network, modality):
        return network.features(network.crop(Image(voxels, Grid.plain((16, 16)), modality), box))

    assert torch.equal(features(trained(statistics), "t2"), features(trained({}), "ct"))
    assert not torch.equal(features(trained({"t2": (9.0, 2.0)}), "t2"), features(trained({}), "t2"))


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04broken"])
def test_broken_weights_are_one_line(tmp_path, content):
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"weights\.pt: not a weights file written by bifseg train"
    ) as caught:
        TrainedNetwork.load(path)
    assert "\n" not in str(caught.value)


def test_pickled_code_does_not_run(tmp_path, capsys):
    torch.save({"architecture": Payload()}, tmp_path / "evil.pt")
    with pytest.raises(InputError):
        TrainedNetwork.load(tmp_path / "evil.pt")
    assert "pickled code ran" not in capsys.readouterr().out


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(InputError, match="no such weights file"):
        TrainedNetwork.load(tmp_path / "none.pt")


def test_the_kernel_cache_is_small_unless_the_environment_sets_it():
    """oneDNN reads the capacity from the environment before the first layer runs; we set it before torch is there."""
    code = (
        "import os, sys, bifseg.networks; assert 'torch' not in sys.modules; "
        "print(os.environ['ONEDNN_PRIMITIVE_CACHE_CAPACITY'])"
    )
    for preset, used in ((None, "64"), ("100", "100")):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ONEDNN")}
        if preset:
            environment["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = preset
        process = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert process.stdout.strip() == used


def test_a_gpu_that_the_machine_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [checked_device(name) for name in ("cpu", "auto", "cuda", "cuda:1")] == [
        "cpu",
        "cuda",
        "cuda",
        "cuda:1",
    ]
    with pytest.raises(InputError, match="torch sees only cuda:0 to cuda:1 here"):
        checked_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="torch sees no GPU here"):
        checked_device("cuda")


def test_weights_that_differ_from_their_card_are_named_once(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"cut")
    (tmp_path / "card.json").write_text('{"weights_sha256": "0"}')
    with pytest.raises(InputError, match="train it again") as refused:
        TrainedNetwork.load(tmp_path / "weights.pt")
    assert str(refused.value).count("weights.pt") == 1
