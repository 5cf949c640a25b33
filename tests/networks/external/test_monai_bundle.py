"""MONAI bundles are read as data and built from `monai.networks.nets` only; nothing is evaluated."""

import json
import sys
import time

import numpy as np
import pytest
import torch
import yaml
from foreign_networks import Payload, probability

from bifseg.core.errors import InputError
from bifseg.networks.external import monai_bundle
from bifseg.networks.external.imported_network import ImportedNetwork, ImportedSettings

UNET = {
    "_target_": "UNet",
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [4, 8, 8],
    "strides": [2, 2],
}
BASIC = {"_target_": "BasicUNet", "features": [4, 4, 8, 8, 8, 4], "in_channels": 1, "out_channels": 1}
DYNAMIC = {
    "_target_": "monai.networks.nets.DynUNet",
    "in_channels": 1,
    "out_channels": 3,
    "kernel_size": [3, 3, 3],
    "strides": [1, 2, 2],
    "upsample_kernel_size": [2, 2],
    "filters": [4, 8, 8],
}
NETWORKS = {
    "UNet": (UNET, 4, {}),
    "UNet with residual units": (UNET | {"num_res_units": 2, "norm": "instance"}, 4, {}),
    "BasicUNet, one channel": (BASIC, 16, {}),
    "DynUNet, two of three channels": (DYNAMIC, 4, {"foreground": [1, 2]}),
}


def write(folder, definition, state, kind="json", name="inference", **config):
    config = {"network_def": definition} | config
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    text = json.dumps(config) if kind == "json" else yaml.safe_dump(config)
    (folder / f"configs/{name}.{kind}").write_text(text)
    torch.save(state, folder / "models/model.pt")
    return folder


def network_of(definition, seed=0):
    """The network that MONAI builds from a definition."""
    nets = pytest.importorskip("monai.networks.nets", reason="MONAI is not installed")
    torch.manual_seed(seed)
    arguments = {key: value for key, value in definition.items() if key != "_target_"}
    return getattr(nets, definition["_target_"].split(".")[-1])(**arguments).eval()


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize(("definition", "multiple", "settings"), NETWORKS.values(), ids=NETWORKS)
def test_probabilities_of_a_bundle_are_those_of_its_network(
    tmp_path, definition, multiple, settings, dimension
):
    definition = definition | {"spatial_dims": dimension}
    network = network_of(definition)
    content = monai_bundle.read(write(tmp_path / "bundle", definition, network.state_dict()))
    rules = {"dimension": dimension, "normalisation": {"per_image": "min-max"}, "divisible_by": multiple}
    imported = ImportedNetwork(monai_bundle.make(content), ImportedSettings.of(rules | settings))
    side = 2 * multiple
    shape = (side, side + multiple, side)[:dimension]
    image = torch.from_numpy(np.random.default_rng(0).random(shape).astype(np.float32))[None, None]
    with torch.no_grad():
        raw, logits = network(image), imported(image)
    if raw.shape[1] == 1:
        expected = torch.sigmoid(raw)[0, 0]
    else:
        expected = sum(probability(raw, channel) for channel in settings.get("foreground", [1]))
    torch.testing.assert_close(torch.softmax(logits, 1)[0, 1], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["json", "yaml", "yml"])
@pytest.mark.parametrize("name", ["inference", "train"])
@pytest.mark.parametrize("wrapped", [None, "model", "state_dict"])
def test_config_and_weights_are_found_under_all_names(tmp_path, kind, name, wrapped):
    state = {"weight": torch.ones(2)}
    write(tmp_path / "b", UNET, {wrapped: state} if wrapped else state, kind, name)
    content = monai_bundle.read(tmp_path / "b")
    assert content["network"] == "UNet"
    assert content["arguments"] == {key: value for key, value in UNET.items() if key != "_target_"}
    assert torch.equal(content["state"]["weight"], torch.ones(2))


def test_references_are_resolved_without_evaluating_other_entries(tmp_path):
    definition = UNET | {
        "_desc_": "ours",
        "channels": "@widths",
        "out_channels": "@labels::count",
        "strides": ["@two#1", 2],
    }
    rest = {"widths": "@all", "all": [4, 8, 8], "labels": {"count": 2}, "two": [0, 2]}
    write(tmp_path / "b", definition, {}, device="$torch.device('cuda')", **rest)
    content = monai_bundle.read(tmp_path / "b")
    assert content["arguments"] == {key: value for key, value in UNET.items() if key != "_target_"}


ARGUMENTS_REFUSED = {
    "expression": ({"channels": "$open('ran', 'w')"}, r"network_def\.channels: expressions .* not evaluated"),
    "macro": ({"channels": "%other.json::x"}, r"network_def\.channels: expressions and macros"),
    "expression behind a reference": ({"channels": "@device"}, r"network_def\.channels: expressions"),
    "expression in a list": (
        {"channels": [4, "$8"]},
        r"network_def\.channels\.1: expressions .*\(is '\$8'\)",
    ),
    "nowhere": ({"channels": "@nowhere::x"}, r"network_def\.channels: '@nowhere::x' names no value"),
    "circle": ({"channels": "@circle"}, "network_def.channels: its references lead in a circle"),
    "object": (
        {"act": {"_target_": "torch.nn.ReLU"}},
        r"network_def\.act\._target_: only a network with plain",
    ),
    "requires": (
        {"_requires_": ["$open('ran', 'w')"]},
        r"network_def\._requires_: only a network with plain",
    ),
    "mode": ({"_mode_": "callable"}, r"network_def\._mode_: only"),
    "no class": ({"_target_": None}, r"network_def\._target_: is missing"),
    "class by expression": ({"_target_": "$open('ran', 'w')"}, r"network_def\._target_: expressions"),
}


PAIRS = list(zip("bcdefghi", "abcdefgh", strict=True))
BOMBS = {
    "aliases": "a: &a [1]\n" + "".join(f"{x}: &{x} [{', '.join([f'*{y}'] * 9)}]\n" for x, y in PAIRS),
    "references": "".join(f"{x}: {['@' + y] * 9}\n" for x, y in PAIRS[:-1]) + "a: [1]\ni: &i '@h'\n",
    "itself": "i: &i [*i]\n",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_config_that_expands_exponentially_is_refused_quickly(tmp_path, text):
    write(tmp_path / "b", UNET, {}, "yaml")
    (tmp_path / "b/configs/inference.yaml").write_text(text + "network_def: {_target_: UNet, channels: *i}\n")
    begun = time.process_time()
    with pytest.raises(
        InputError, match=r"configs/inference\.yaml: network_def\.channels\S*: nests too deep, or"
    ) as caught:
        monai_bundle.read(tmp_path / "b")
    assert time.process_time() - begun < 2
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("wrong", "message"), ARGUMENTS_REFUSED.values(), ids=ARGUMENTS_REFUSED)
def test_expressions_and_macros_are_refused(tmp_path, monkeypatch, wrong, message):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "b", UNET | wrong, {}, device="$open('ran', 'w')", circle="@circle")
    with pytest.raises(InputError, match=f"^configs/inference.json: {message}") as caught:
        monai_bundle.read(tmp_path / "b")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


TARGETS_REFUSED = """os.system eval subprocess.Popen torch.load torch.nn.Conv2d nn.UNet optional_import
    monai.bundle.ConfigParser monai.networks.nets.basic_unet.torch monai.networks.netsandmore.UNet"""


@pytest.mark.parametrize("target", TARGETS_REFUSED.split())
def test_only_networks_of_monai_are_built(target):
    network_of(UNET)
    with pytest.raises(
        InputError, match=r"_target_: only networks of monai\.networks\.nets are built \(is '"
    ):
        monai_bundle.make({"network": target, "arguments": {}, "state": {}})


def test_pretrained_weights_are_never_downloaded(monkeypatch):
    nets = pytest.importorskip("monai.networks.nets", reason="MONAI is not installed")
    pretrained_values = []

    class Fetching(torch.nn.Module):
        def __init__(self, pretrained=True):
            super().__init__()
            pretrained_values.append(pretrained)

    monkeypatch.setattr(nets, "UNet", Fetching)
    monai_bundle.make({"network": "UNet", "arguments": {"pretrained": True}, "state": {}})
    assert pretrained_values == [False]


def test_class_arguments_and_weights_must_fit():
    state = network_of(UNET).state_dict()
    plain = {key: value for key, value in UNET.items() if key != "_target_"}
    with pytest.raises(
        InputError, match=r"network_def: UNet cannot be built: .*unexpected keyword argument 'chanels'"
    ):
        monai_bundle.make({"network": "UNet", "arguments": plain | {"chanels": 3}, "state": state})
    with pytest.raises(InputError, match=r"models/model\.pt: not the weights of this UNet: ") as caught:
        monai_bundle.make({"network": "UNet", "arguments": plain | {"channels": [2, 4, 4]}, "state": state})
    assert "\n" not in str(caught.value)


CONFIGS_REFUSED = {
    "no network": ("json", "{}", "network_def: is missing"),
    "a list": ("json", "[1]", "network_def: is missing"),
    "torn": ("json", '{"network_def": ', "not valid JSON"),
    "torn YAML": ("yaml", "network_def: {", "not valid YAML"),
    "Python in YAML": (
        "yaml",
        "network_def: !!python/object/apply:os.system ['touch ran']",
        "not valid YAML",
    ),
    "bytes": ("json", b"\xff\xfe", "not valid JSON"),
    "not a definition": ("json", '{"network_def": 3}', r"network_def\._target_: is missing"),
}


@pytest.mark.parametrize(("kind", "text", "message"), CONFIGS_REFUSED.values(), ids=CONFIGS_REFUSED)
def test_broken_config_is_one_line(tmp_path, monkeypatch, kind, text, message):
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "b", UNET, {}, kind)
    (folder / f"configs/inference.{kind}").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=f"configs/inference.{kind}: {message}") as caught:
        monai_bundle.read(folder)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("state", "message"),
    [(Payload(), "not a file of weights"), ([1, 2], "not a state dict"), ({"epoch": 3}, "not a state dict")],
)
def test_weights_other_than_tensors_are_refused(tmp_path, capsys, state, message):
    folder = write(tmp_path / "b", UNET, state)
    with pytest.raises(InputError, match=rf"models/model\.pt: {message}") as caught:
        monai_bundle.read(folder)
    assert "\n" not in str(caught.value)
    assert "pickled code ran" not in capsys.readouterr().out


def test_missing_files_are_named(tmp_path):
    with pytest.raises(
        InputError, match=r"not a MONAI bundle: the folder has none of configs/inference\.json, "
    ):
        monai_bundle.read(tmp_path)
    folder = write(tmp_path / "b", UNET, {})
    (folder / "models/model.pt").unlink()
    with pytest.raises(InputError, match=r"models/model\.pt: is missing; if the bundle has a model\.ts"):
        monai_bundle.read(folder)


def test_missing_monai_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "monai.networks.nets", None)
    with pytest.raises(InputError, match=r"a MONAI bundle needs MONAI: pip install 'bifseg\[monai\]'"):
        monai_bundle.make({"network": "UNet", "arguments": {}, "state": {}})
