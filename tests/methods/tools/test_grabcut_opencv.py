"""GrabCut by OpenCV: finds what is plain to see, obeys scribbles, remembers nothing."""

import cv2
import numpy as np
import pytest

from bifseg.cards.cards import MethodCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.overlap import dice
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.contract import Adaptive, Method
from bifseg.methods.registry import build
from bifseg.methods.tools.grabcut_opencv import GrabCutOpenCV
from bifseg.methods.tools.window import SurroundedBox

SHAPE, BOX = (60, 64), Box((12, 14), (50, 54))


def disc(seed=0, noise=8.0, centre=(30, 34)):
    rng = np.random.default_rng(seed)
    truth = np.hypot(*(np.indices(SHAPE) - np.reshape(centre, (2, 1, 1)))) < 13
    voxels = (100 + 70 * truth + rng.normal(0, noise, SHAPE)).astype(np.float32)
    return Image(voxels, Grid.plain(SHAPE)), truth


def dots(*marks):
    """Scribbles of (foreground, (y, x)) dots."""
    return Scribbles(SHAPE, tuple(Stroke(f, np.array([at]) + 0.0, np.array([at])) for f, at in marks))


def test_a_disc_is_segmented():
    image, truth = disc()
    method = GrabCutOpenCV()
    assert isinstance(method, Method)
    assert not isinstance(method, Adaptive)
    result = method.start(image, BOX)
    assert result.dtype == bool
    assert dice(result, truth) >= 0.99


def test_scribbles_are_obeyed_and_the_box_kept():
    image, _ = disc()
    method = GrabCutOpenCV()
    method.start(image, BOX)
    marks = dots((True, (13, 15)), (False, (30, 34)), (True, (2, 2)))
    result = method.refine(marks)
    assert result[13, 15]
    assert not result[30, 34]
    assert result.sum() == result[BOX.slices].sum()


def test_an_overpainted_scribble_has_no_effect():
    image, _ = disc()
    method = GrabCutOpenCV()
    method.start(image, BOX)
    assert not method.refine(dots((False, (30, 34))))[30, 34]
    assert method.refine(dots((False, (30, 34)), (True, (30, 34))))[30, 34]


def test_sessions_are_independent():
    (image, _), (second_image, _) = disc(noise=25), disc(1, 35, (26, 30))
    marks = dots((False, (15, 17)), (True, (30, 34)))
    method = GrabCutOpenCV()

    def session():
        return np.stack([method.start(image, BOX), method.refine(marks), method.refine(marks)])

    first = session()
    np.testing.assert_array_equal(session(), first)
    method.start(second_image, BOX)
    cv2.setRNGSeed(77)
    np.testing.assert_array_equal(session(), first)


def test_single_iterations_equal_opencv_s_loop():
    image, _ = disc(noise=25)
    window = SurroundedBox(image, BOX, None)
    expected = np.full(window.grey.shape, cv2.GC_BGD, np.uint8)
    expected[window.inner] = cv2.GC_PR_FGD
    cv2.setRNGSeed(0)
    pixels = np.repeat(window.grey[..., None], 3, 2)
    cv2.grabCut(pixels, expected, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    result = GrabCutOpenCV(iterations=4).start(image, BOX)
    np.testing.assert_array_equal(result[BOX.slices], expected[window.inner] == cv2.GC_PR_FGD)


def test_surround_is_clipped_to_the_image():
    image, _ = disc()
    window = SurroundedBox(image, Box((0, 5), (50, 60)), (10, 10))
    assert window.grey.shape == (60, 64)
    assert window.inner == (slice(0, 50), slice(5, 60))
    assert window.around.sum() == 60 * 64 - 50 * 55
    assert window.rim == (slice(0, 51), slice(4, 61))
    assert window.inner_of_rim == (slice(0, 50), slice(1, 56))
    assert (window.grey.min(), window.grey.max()) == (0, 255)
    assert window.first_guess().all()


def test_a_box_of_the_whole_image_uses_its_outermost_layer_as_background():
    image, _ = disc()
    guess = SurroundedBox(image, Box((0, 0), SHAPE), None).first_guess()
    assert guess[1:-1, 1:-1].all()
    assert guess.sum() == 58 * 62


@pytest.mark.parametrize("box", [Box((0, 0), (50, 54)), Box((12, 14), SHAPE), Box((0, 0), SHAPE)])
def test_box_at_the_border(box):
    image, truth = disc()
    assert dice(GrabCutOpenCV().start(image, box), truth) >= 0.97


@pytest.mark.parametrize("box", [BOX, Box((0, 0), SHAPE), Box((0, 0), (1, 1)), Box((5, 5), (7, 7))])
def test_constant_image(box):
    method = GrabCutOpenCV()
    image = Image(np.ones(SHAPE, np.float32), Grid.plain(SHAPE))
    first = method.start(image, box)
    assert first.sum() == first[box.slices].sum()
    mark = box.lower
    assert method.refine(dots((True, mark)))[mark]
    assert not method.refine(dots((False, mark)))[mark]


def test_a_session_continues_after_an_empty_result():
    image, truth = disc()
    method = GrabCutOpenCV()
    method.start(image, BOX)
    everything = np.argwhere(np.ones(BOX.shape, bool)) + BOX.lower
    all_background = Scribbles(SHAPE, (Stroke(False, everything[:1] + 0.0, everything),))
    assert not method.refine(all_background).any()
    patch = [(True, (30 + y, 34 + x)) for y in range(-8, 9) for x in range(-8, 9)]
    result = method.refine(dots(*patch))
    assert dice(result, truth) >= 0.97


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"surround": -1}, "settings.surround: Input should be greater"),
        ({"gamma": 5}, "settings.gamma: unknown key"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        build(MethodCard(method="bifseg.methods.tools.grabcut_opencv:GrabCutOpenCV", settings=settings), None)
