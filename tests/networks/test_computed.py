"""Results that several methods share are computed once and charged to each method."""

from dataclasses import replace
from functools import partial
from time import sleep

import numpy as np

from bifseg.core.geometry import Box, Grid, Image
from bifseg.networks.computed import Computed
from bifseg.networks.trained import TrainedNetwork

IMAGE = Image(np.zeros((4, 4), np.float32), Grid.plain((4, 4), (1.0, 1.0)))
BOX = Box((0, 0), (4, 4))


def slow(seconds, value=0, part="network"):
    """A function that takes 0.02 s and charges them to a part."""

    def make():
        sleep(0.02)
        seconds[part] += 0.02
        return value

    return make


def test_a_reused_result_is_charged_its_seconds_again():
    computed, first, second = Computed(), {"network": 1.0}, {"network": 5.0}
    computed.begin(IMAGE, BOX)
    assert computed.once("a", slow(first, 7), first) == 7
    assert computed.reused_s == 0
    computed.begin(IMAGE, BOX)
    assert computed.once("a", slow(second, 8), second) == 7
    assert (first, second) == ({"network": 1.02}, {"network": 5.02})
    assert 0.02 <= computed.reused_s < 0.1


def test_a_reused_nested_result_is_charged_its_whole_time():
    computed, seconds = Computed(), {"network": 0.0}
    computed.begin(IMAGE, BOX)
    computed.once("inner", slow(seconds), seconds)
    computed.once("outer", lambda: computed.once("inner", slow(seconds), seconds), seconds)
    before = computed.reused_s
    computed.once("outer", slow(seconds), seconds)
    assert computed.reused_s - before >= 0.02
    assert round(seconds["network"], 6) == 0.06


def test_another_image_or_box_drops_all_results():
    computed = Computed()
    same = Image(IMAGE.voxels, IMAGE.grid)
    for image, box in ((IMAGE, BOX), (same, BOX), (same, Box((1, 0), (4, 4))), (IMAGE, BOX)):
        computed.begin(image, box)
        subject = id(image), box
        assert computed.once("a", partial(tuple, subject)) == subject


def test_a_changed_network_shares_no_results(discs_network):
    trained = TrainedNetwork.load(discs_network / "weights.pt")
    assert replace(trained, input_size=20).computed is not trained.computed
