"""What holds of every tool that starts from scribbles, whatever it computes."""

import numpy as np
import pytest
from strokes_by_hand import image_of, stroke, whole

from bifseg.core.scribbles import Scribbles
from bifseg.methods.contract import Method
from bifseg.methods.tools.geos import GeoS
from bifseg.methods.tools.growcut import GrowCut
from bifseg.methods.tools.random_walks import RandomWalks
from bifseg.methods.tools.slic_seg import SlicSeg

TOOLS = [RandomWalks, GeoS, GrowCut, SlicSeg]


@pytest.mark.parametrize(
    ("tool", "shape"),
    [(tool, shape) for tool in TOOLS for shape in ((14, 15), (7, 9, 8)) if len(shape) in tool.dimensions],
)
def test_scribbles_are_obeyed_and_the_box_kept(tool, shape):
    image = image_of(np.random.default_rng(1).random(shape))
    box = whole(image).grow((-1,) * len(shape), (-2,) * len(shape), shape)
    scribbles = Scribbles(shape, (stroke(True, (3,) * len(shape)), stroke(False, (4,) * len(shape))))
    method = tool()
    assert isinstance(method, Method)
    assert not method.start(image, box).any()
    result = method.refine(scribbles)
    assert result[scribbles.foreground].all()
    assert not result[scribbles.background].any()
    assert result.dtype == bool
    assert result.sum() == result[box.slices].sum()


@pytest.mark.parametrize("tool", TOOLS)
def test_second_session_equals_a_fresh_one(tool):
    rng = np.random.default_rng(2)
    first, second = image_of(rng.random((10, 12))), image_of(rng.random((8, 9)))
    scribbles = [
        Scribbles(i.voxels.shape, (stroke(True, (2, 2)), stroke(False, (7, 8)))) for i in (first, second)
    ]
    used, fresh = tool(), tool()
    used.start(first, whole(first))
    used.refine(scribbles[0])
    for method in (used, fresh):
        method.start(second, whole(second))
    np.testing.assert_array_equal(used.refine(scribbles[1]), fresh.refine(scribbles[1]))


@pytest.mark.parametrize("foreground", [True, False])
@pytest.mark.parametrize("tool", TOOLS)
def test_without_one_label_the_result_is_what_was_drawn(tool, foreground):
    method, image = tool(), image_of(np.random.default_rng(5).random((6, 7)))
    method.start(image, whole(image))
    result = method.refine(Scribbles((6, 7), (stroke(foreground, (2, 3), (2, 4)),)))
    assert np.argwhere(result).tolist() == ([[2, 3], [2, 4]] if foreground else [])
