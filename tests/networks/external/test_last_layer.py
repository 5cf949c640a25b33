"""A network is split at its last convolution; both parts together equal the network."""

import io
import itertools

import pytest
import torch
from foreign_networks import SETTINGS, Ends, SmallUNet, probability
from torch import nn

from bifseg.core.errors import InputError
from bifseg.networks.external.imported_network import ImportedNetwork, ImportedSettings
from bifseg.networks.external.last_layer import ConvolutionRecorder

SHAPE = {2: (13, 18), 3: (5, 14, 10)}  # sides that must be padded to even ones


def reloaded(program):
    buffer = io.BytesIO()
    torch.jit.save(program, buffer)
    buffer.seek(0)
    return torch.jit.load(buffer)


KINDS = {
    "plain": lambda network, image: network,
    "traced": lambda network, image: reloaded(torch.jit.trace(network, image)),
    "scripted": lambda network, image: reloaded(torch.jit.script(network)),
    "frozen": lambda network, image: reloaded(torch.jit.freeze(torch.jit.script(network))),
}


def imported(network, dimension=2, **settings):
    return ImportedNetwork(network, ImportedSettings.of(SETTINGS | {"dimension": dimension} | settings))


def image_of(dimension, even=False):
    shape = [side + side % 2 for side in SHAPE[dimension]] if even else SHAPE[dimension]
    return torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def foreground(network, image):
    return torch.softmax(network(image), 1)[0, 1]


@torch.no_grad()
def answer(network, image):
    """The output of the unsplit network on the image, padded with zeros to even sides."""
    sides = [side % 2 for side in image.shape[2:]]
    padding = [n for side in reversed(sides) for n in (0, side)]
    output = network(nn.functional.pad(image, padding))
    return output[(slice(None), slice(None), *(slice(n) for n in image.shape[2:]))]


@pytest.mark.parametrize(
    ("kind", "dimension", "kernel"), list(itertools.product(KINDS, (2, 3), (1, 3))), ids=lambda v: str(v)
)
def test_probability_of_two_channels_is_the_network_s_softmax(kind, dimension, kernel):
    network, image = SmallUNet(dimension, kernel=kernel).eval(), image_of(dimension)
    program = KINDS[kind](network, image_of(dimension, even=True))
    expected = probability(answer(network, image))
    torch.testing.assert_close(foreground(imported(program, dimension), image), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dimension", [2, 3])
def test_features_are_the_input_of_the_last_convolution(kind, dimension):
    network, image = SmallUNet(dimension).eval(), image_of(dimension, even=True)
    split = imported(KINDS[kind](network, image), dimension)
    with torch.no_grad():
        torch.testing.assert_close(split.features(image), network.before(image), rtol=0, atol=1e-6)
    assert torch.equal(split.classifier.weight, network.last.weight)
    assert torch.equal(split.classifier.bias, network.last.bias)


@pytest.mark.parametrize("end", ["nothing", "sigmoid"])
def test_one_sigmoid_channel_becomes_two_logits(end):
    network, image = SmallUNet(outputs=1, end=end).eval(), image_of(2)
    raw = answer(SmallUNet(outputs=1).eval(), image)
    split = imported(network)
    with torch.no_grad():
        logits = split(image)
    assert (logits[:, 0] == 0).all()
    torch.testing.assert_close(logits[:, 1], raw[:, 0], rtol=0, atol=1e-6)
    torch.testing.assert_close(foreground(split, image), 1 / (1 + torch.exp(-raw[0, 0])), rtol=0, atol=1e-6)


def test_a_softmax_inside_the_network_is_not_applied_twice():
    image = image_of(2)
    expected = probability(answer(SmallUNet().eval(), image))
    actual = foreground(imported(SmallUNet(end="softmax").eval()), image)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("channels", [[0], [2], [1, 3], [0, 1, 2]])
def test_probabilities_of_several_foreground_channels_are_summed(channels):
    network, image = SmallUNet(outputs=4).eval(), image_of(2)
    expected = sum(probability(answer(network, image), channel) for channel in channels)
    actual = foreground(imported(network, foreground=channels), image)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)


def test_one_of_several_sigmoid_channels_is_the_foreground():
    network, image = SmallUNet(outputs=3).eval(), image_of(2)
    expected = torch.sigmoid(answer(network, image))[0, 2]
    actual = foreground(imported(network, output="sigmoid", foreground=[2]), image)
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("end", ["residual", "up nearest", "up linear", "up aligned", "up transposed"])
@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("kind", ["plain", "scripted"])
def test_layers_allowed_after_the_last_convolution(end, dimension, kind):
    network, image = Ends(end, dimension).eval(), image_of(dimension)
    expected = probability(answer(network, image))
    program = KINDS[kind](network, image)
    torch.testing.assert_close(foreground(imported(program, dimension), image), expected, rtol=0, atol=1e-6)


class Dropping(SmallUNet):
    def forward(self, image):
        return nn.functional.dropout(super().forward(image), training=True)


class Listed(SmallUNet):
    def forward(self, image):
        return [super().forward(image)]


class Pooled(nn.Module):
    def forward(self, image):
        return nn.functional.avg_pool2d(image, 3, stride=1, padding=1)


class Summary(SmallUNet):
    def forward(self, image):
        return super().forward(image).mean((2, 3))


class OneSize(SmallUNet):
    def forward(self, image):
        assert image.shape[2:] == (32, 32)
        return super().forward(image)


REFUSED = {
    "three input channels": (
        SmallUNet(inputs=3),
        {},
        "it takes 3 input channels; the card's `channels` give it 1",
    ),
    "another dimension": (SmallUNet(3), {}, "it is a 3D network; settings.dimension is 2"),
    "weights of 64 bits": (
        SmallUNet().double(),
        {},
        r"images are float32, its weights are not; save it as",
    ),
    "not a number": (Ends("nan"), {}, "its output is not finite for an image of noise; look at its weights"),
    "ReLU at the end": (Ends("relu"), {}, "unknown operations follow its last convolution"),
    "a list": (Listed(), {}, "its output is a list; export it so that it returns one tensor"),
    "dropout left on": (Dropping(), {}, r"two outputs for one image; export it after model\.eval\(\)"),
    "no convolution": (Pooled(), {}, "it runs no convolution"),
    "no map": (
        Summary(),
        {},
        r"for an image of 54 x 36 its output is 1 x 2; it must be a map of the image's size",
    ),
    "sides that do not fit": (
        SmallUNet(),
        {"divisible_by": 1},
        "does not run on an image of 51 x 34: Sizes of",
    ),
    "one size only": (OneSize(), {}, "if it takes certain sizes only, set `divisible_by` or `shape`"),
    "which channel": (
        SmallUNet(outputs=3),
        {},
        r"settings\.foreground: the network has 3 channels; list those",
    ),
    "no such channel": (SmallUNet(), {"foreground": [2]}, r"2 channels, 0 to 1; list some .* \(is \[2\]\)"),
    "all channels": (SmallUNet(), {"foreground": [0, 1]}, "list some of them, not all"),
    "softmax of one": (
        SmallUNet(outputs=1),
        {"output": "softmax"},
        "softmax of the network's one channel is 1",
    ),
    "sigmoid of two": (
        SmallUNet(outputs=3),
        {"output": "sigmoid", "foreground": [0, 1]},
        "list one channel if output is sigmoid",
    ),
    "not its own activation": (
        SmallUNet(end="softmax"),
        {"output": "sigmoid"},
        "the network itself ends with softmax",
    ),
}


@pytest.mark.parametrize(("network", "settings", "message"), REFUSED.values(), ids=REFUSED)
def test_networks_that_cannot_be_split_are_refused_in_one_line(network, settings, message):
    with pytest.raises(InputError, match=message) as caught:
        imported(network.eval(), **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["traced", "scripted"])
@pytest.mark.parametrize("case", ["three input channels", "another dimension"])
def test_programs_that_cannot_be_split_are_refused(kind, case):
    network, settings, message = REFUSED[case]
    image = torch.zeros(1, 3, 16, 16) if case == "three input channels" else torch.zeros(1, 1, 16, 16, 16)
    with pytest.raises(InputError, match=message):
        imported(KINDS[kind](network.eval(), image), **settings)


def test_images_are_padded_to_a_network_s_fixed_shape():
    network, image = OneSize().eval(), image_of(2)
    split = imported(network, shape=[32, 32], divisible_by=1)
    with torch.no_grad():
        output = SmallUNet().eval()(nn.functional.pad(image, (0, 14, 0, 19)))
    expected = probability(output)[:13, :18]
    torch.testing.assert_close(foreground(split, image), expected, rtol=0, atol=1e-6)


def test_parameters_are_counted_once():
    network = SmallUNet()
    assert imported(network.eval()).parameter_count() == sum(p.numel() for p in network.parameters())


def test_recording_does_not_import_the_compiler_of_torch():
    """It takes over a second. Torch wraps the methods for which it does, see TorchDispatchMode.__init_subclass__."""
    assert not hasattr(ConvolutionRecorder.__torch_dispatch__, "__wrapped__")
