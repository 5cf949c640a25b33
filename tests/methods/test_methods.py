"""The paper's four systems share the initial result; only what is meant to differ differs."""

import numpy as np
import pytest

from bifseg.cards.cards import MethodCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.contract import Adaptive
from bifseg.methods.registry import build
from bifseg.networks.trained import TrainedNetwork

CARDS = {
    "base-net": MethodCard(method="base-net"),
    "base-crf": MethodCard(method="base-crf"),
    "bifseg-w": MethodCard(method="bifseg", settings={"weighted": False}),
    "bifseg": MethodCard(method="bifseg", settings={"learning_rate": 0.5}),
}


@pytest.fixture
def network(discs_network):
    return TrainedNetwork.load(discs_network / "weights.pt")


@pytest.fixture
def start(discs):
    row = discs.select(split="test", seen=True)[0]
    truth = discs.truth(row)
    return discs.image(row), Box.around(truth).grow((3, 3), (3, 3), truth.shape)


def scribbles_in(box, shape):
    at, off = (np.add(box.lower, inside) for inside in ([[4, 4], [4, 5]], [[1, 1], [1, 2]]))
    return Scribbles(shape, (Stroke(True, at + 0.0, at), Stroke(False, off + 0.0, off)))


def test_all_share_the_initial_result(network, start):
    results = [build(card, network).start(*start) for card in CARDS.values()]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("name", ["base-crf", "bifseg-w", "bifseg"])
def test_scribbles_are_obeyed_and_the_box_kept(network, start, name):
    image, box = start
    method = build(CARDS[name], network)
    method.start(image, box)
    assert isinstance(method, Adaptive)
    method.adapt()
    scribbles = scribbles_in(box, image.voxels.shape)
    result = method.refine(scribbles)
    assert result[scribbles.foreground].all()
    assert not result[scribbles.background].any()
    assert result.sum() == result[box.slices].sum()


@pytest.mark.parametrize("name", CARDS)
def test_sessions_are_independent(network, start, name):
    """The same session after another one, on the same instance, gives the same masks."""
    image, box = start
    scribbles = scribbles_in(box, image.voxels.shape)

    def session(method):
        masks = [method.start(image, box)]
        masks += [method.adapt()] if isinstance(method, Adaptive) else []
        return masks + ([method.refine(scribbles)] if "scribbles" in method.prompts else [])

    method = build(CARDS[name], network)
    first, second = session(method), session(method)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_base_network_neither_adapts_nor_takes_scribbles(network):
    method = build(CARDS["base-net"], network)
    assert not isinstance(method, Adaptive)
    assert method.prompts == {"box"}


class NoNetwork:
    dimensions, prompts = frozenset({3}), frozenset({"box"})

    def __init__(self, threshold: float = 0.5):
        self.threshold = threshold

    def start(self, image, box): ...

    def refine(self, scribbles): ...


def test_plug_in_by_module_and_class():
    card = MethodCard(method=f"{__name__}:NoNetwork", settings={"threshold": 0.7})
    method = build(card, None)
    assert method.threshold == 0.7


BAD = {
    "unknown": (
        MethodCard(method="grabcat"),
        True,
        "unknown 'grabcat'; known are base-net, base-crf, bifseg",
    ),
    "no network": (
        MethodCard(method="bifseg"),
        False,
        "needs a network; give --network, or write METHOD@NETWORK",
    ),
    "a network too many": (MethodCard(method=f"{__name__}:NoNetwork"), True, "takes no network"),
    "setting": (MethodCard(method="bifseg", settings={"sigma": -1}), True, "settings.sigma: Input should be"),
    "unknown setting": (
        MethodCard(method="bifseg", settings={"lamda": 3}),
        True,
        "settings.lamda: unknown key",
    ),
    "argument": (MethodCard(method="base-net", settings={"x": 1}), True, "settings of base-net"),
    "module": (MethodCard(method="nowhere:Class"), False, "is it on BIFSEG_PATH"),
    "a module that ends Python": (
        MethodCard(method="this_ends_python:Class"),
        False,
        "this_ends_python:Class cannot be imported: SystemExit: 3",
    ),
    "prompts that are a word": (
        MethodCard(method=f"{__name__}:Word"),
        False,
        "`prompts` must be a set, is 'box'",
    ),
    "no method": (MethodCard(method="fractions:Fraction"), False, "must have dimensions"),
}


class Word(NoNetwork):
    prompts = "box"


@pytest.mark.parametrize(("card", "with_network", "message"), BAD.values(), ids=BAD)
def test_bad_card_is_one_line(network, tmp_path, monkeypatch, card, with_network, message):
    (tmp_path / "this_ends_python.py").write_text("import sys; sys.exit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError) as caught:
        build(card, network if with_network else None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
