"""Parameter counts and receptive fields of the architectures."""

from pathlib import Path

import pytest
import torch
from receptive_field import receptive_field

from bifseg.cards.cards import NetworkCard, read_card
from bifseg.cards.finetuning import FineTuning
from bifseg.core.errors import InputError
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.registry import ARCHITECTURES, build

CARDS = sorted((Path(__file__).parents[3] / "config" / "networks").glob("*.yaml"))


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_pnet_parameters():
    network = PNet(64)
    assert count(network.features) == 443_776
    assert count(network.classifier) == 41_346
    assert network.parameter_count() == 485_122


@pytest.mark.parametrize(("channels", "parameters"), [(16, 43_654), (32, 171_530), (64, 679_954)])
def test_pcnet_parameters(channels, parameters):
    assert PCNet(channels).parameter_count() == parameters


def test_every_shipped_card_states_the_dimension_of_its_network():
    cards = [read_card(NetworkCard, path) for path in CARDS]
    assert {card.architecture for card in cards} == ARCHITECTURES.keys()
    assert all(card.dimension for card in cards)
    for card in cards:
        if card.settings.get("channels") != 64:
            assert build(card).dimension == card.dimension


def test_a_card_that_states_another_dimension_is_refused():
    card = NetworkCard(architecture="pnet", dimension=3, settings={"channels": 4})
    with pytest.raises(InputError, match="dimension: is 3, pnet takes 2D images"):
        build(card)


def test_the_b5_variant_classifies_block_5_alone():
    """Only one of five blocks feeds the hidden layer; PC-Net also drops 4 compressions of C x C/4 + C/4."""
    assert PNet(64, last_block_only=True).parameter_count() == 485_122 - 4 * 64 * 128
    assert PCNet(32, last_block_only=True).parameter_count() == 171_530 - 4 * (32 * 8 + 8) - 4 * 8 * 32
    for network, shape in (
        (PNet(4, last_block_only=True), (9, 8)),
        (PCNet(8, last_block_only=True), (4, 9, 8)),
    ):
        image, block_outputs = torch.rand(1, 1, *shape), []
        network.features.blocks[-1].register_forward_hook(
            lambda *hooked, block_outputs=block_outputs: block_outputs.append(hooked[-1])
        )
        features = network.features(image)
        assert torch.equal(features, network.features.outputs[0](block_outputs[0]))


def test_the_b5_variant_keeps_the_receptive_field():
    assert receptive_field(PNet(1, last_block_only=True), (199, 199)) == (181, 181)
    assert receptive_field(PCNet(4, last_block_only=True).features, (11, 87, 87)) == (9, 85, 85)


def test_parameter_names_of_pnet_are_stable():
    """Convolution, norm and ReLU alternate: convolutions are layers 0, 3 and, in blocks of three, 6."""
    places = [
        (block, layer)
        for block, count in enumerate((2, 2, 3, 3, 3))
        for layer in range(3 * count)
        if layer % 3 < 2
    ]
    expected = [f"features.blocks.{block}.{layer}" for block, layer in places]
    expected += ["classifier.layers.1", "classifier.layers.4"]
    state = PNet(4, instance_norm=True).state_dict()
    assert list(state) == [f"{place}.{kind}" for place in expected for kind in ("weight", "bias")]


def test_pnet_has_a_receptive_field_of_181_pixels():
    assert receptive_field(PNet(1), (199, 199)) == (181, 181)


def test_pcnet_has_a_receptive_field_of_85_by_85_by_9():
    """A 1x1x1 head adds nothing to the receptive field of the features."""
    assert receptive_field(PCNet(4, head="1x1x1"), (11, 87, 87)) == (9, 85, 85)
    assert receptive_field(PCNet(4, head="3x3x3"), (13, 89, 89)) == (11, 87, 87)


@pytest.mark.parametrize(
    ("network", "shape"), [(PNet(4), (17, 23)), (PCNet(4), (3, 17, 23)), (PCNet(4), (1, 5, 5))]
)
def test_every_voxel_gets_two_logits(network, shape):
    assert network(torch.rand(1, 1, *shape)).shape == (1, 2, *shape)


@pytest.mark.parametrize("network", [PNet(4), PCNet(4, head="1x1x1")])
def test_pointwise_classifier_runs_on_any_selection_of_voxels(network):
    network = network.eval()
    shape = (9, 8) if network.dimension == 2 else (4, 9, 8)
    features = network.features(torch.rand(1, 1, *shape))
    all_logits = network.classifier(features).flatten(2)
    chosen = torch.tensor([3, 7, 50])
    rows = features.flatten(2)[0].T[chosen]
    torch.testing.assert_close(network.classifier.layers(rows).T[None], all_logits[:, :, chosen])


def test_an_unknown_architecture_is_one_line():
    with pytest.raises(
        InputError,
        match=r"architecture: unknown .vnet.; known are pnet, fcn, unet, pcnet, deepmedic, highres3dnet",
    ):
        build(NetworkCard(architecture="vnet"))


WRONG_SETTINGS = [
    ("pnet", "width", 3, "unknown key; correct its name or remove it"),
    ("pnet", "channels", 0, r"Input should be greater than 0 \(is 0\)"),
    ("pnet", "dilations", [1, 2], r"should have at least 5 items after validation, not 2 \(is \[1, 2\]\)"),
    ("pnet", "instance_norm", "maybe", r"valid boolean, unable to interpret input \(is 'maybe'\)"),
    ("pcnet", "channels", 3, r"Input should be greater than or equal to 4 \(is 3\)"),
    ("pcnet", "head", "5x5", r"Input should be '3x3x3' or '1x1x1' \(is '5x5'\)"),
    ("pcnet", "dropout", 3, r"Input should be less than or equal to 1 \(is 3\)"),
    ("deepmedic", "widths", [], r"should have at least 1 item after validation, not 0 \(is \[\]\)"),
    ("highres3dnet", "widths", [4, 4], "should have at least 3 items"),
    ("fcn", "fc", 0, "greater than 0"),
    ("unet", "channels", "many", "valid integer"),
]


@pytest.mark.parametrize(("architecture", "key", "value", "reason"), WRONG_SETTINGS)
def test_a_wrong_setting_is_named_with_its_value(architecture, key, value, reason):
    with pytest.raises(InputError, match=rf"^settings\.{key}: .*{reason}"):
        build(NetworkCard(architecture=architecture, settings={key: value}))


def test_a_quoted_no_is_no():
    card = NetworkCard(architecture="pnet", settings={"channels": 4, "instance_norm": "no"})
    assert not any(isinstance(module, torch.nn.InstanceNorm2d) for module in build(card).modules())


@pytest.mark.parametrize("path", CARDS, ids=[path.stem for path in CARDS])
def test_every_shipped_card_builds_its_network(path):
    """Built on the meta device, because VGG16's fc6 alone has 100 million parameters."""
    card = read_card(NetworkCard, path)
    with torch.device("meta"):
        network = build(card)
    assert isinstance(network, ARCHITECTURES[path.stem.split("-")[0]])
    assert FineTuning.checked(card.finetuning) == card.finetuning
