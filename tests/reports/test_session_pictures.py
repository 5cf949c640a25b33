import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.scribbles import Stroke
from bifseg.reports.session_pictures import Panel, Plane, session_figure, shown_plane, step_panel
from bifseg.sessions.record import Identity, Session, Step

WHO = Identity("r", "c", "1", "1_x", "x", True, 2, "test", "bifseg", "pnet", "own", "p/1")


def session(truth, spacing, n_steps=3, strokes=()):
    box = Box.around(truth).grow((2,) * truth.ndim, (3,) * truth.ndim, truth.shape)
    names = ["initial", "unsupervised", "round-1", "round-2"][:n_steps]
    steps = tuple(Step(name, strokes if name == "round-1" else (), truth[box.slices], {}) for name in names)
    return Session(WHO, Grid.plain(truth.shape, spacing), box, steps, "rounds")


def volume():
    truth = np.zeros((9, 16, 20), bool)
    truth[2:7, 5:11, 6:14] = True
    truth[4, 4:12, 5:15] = True
    return truth


def line(voxels):
    return Stroke(True, np.asarray(voxels, float), np.asarray(voxels))


def picture_size(data):
    with Picture.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.std() > 10  # something is drawn
    return pixels.shape[:2]


def draw(truth, spacing, played):
    noise = np.random.default_rng(0).normal(size=truth.shape).astype(np.float32)
    panels = [step_panel(truth, played, k) for k in range(len(played.steps))] or [Panel("no result", truth)]
    plane = shown_plane(truth, played)
    return session_figure(
        Image(noise, Grid.plain(truth.shape, spacing)), truth, played, panels, plane
    )._repr_png_()


def test_a_panel_for_each_step():
    truth = volume()[4]
    widths = [picture_size(draw(truth, (1.0, 1.0), session(truth, (1.0, 1.0), n)))[1] for n in (1, 2, 3)]
    assert widths[0] < widths[1] < widths[2]


def test_pixels_keep_their_aspect():
    truth = np.zeros((40, 40), bool)
    truth[10:30, 10:30] = True
    square = picture_size(draw(truth, (1.0, 1.0), session(truth, (1.0, 1.0))))
    flat = picture_size(draw(truth, (0.5, 1.0), session(truth, (0.5, 1.0))))
    assert flat[0] < 0.7 * square[0]
    assert flat[1] == pytest.approx(square[1], rel=0.05)


def test_a_session_without_results_shows_the_truth():
    truth = volume()
    picture_size(draw(truth, (3.0, 1.0, 1.0), session(truth, (3.0, 1.0, 1.0), 0)))


def test_an_empty_result_is_drawn():
    truth = volume()[4]
    played = session(truth, (1.0, 1.0), 1)
    empty = Step("initial", (), np.zeros(played.box.shape, bool), {})
    picture_size(draw(truth, (1.0, 1.0), Session(WHO, played.grid, played.box, (empty,), "rounds")))


def test_equal_sessions_give_equal_bytes():
    truth = volume()[4]
    assert draw(truth, (1.0, 1.0), session(truth, (1.0, 1.0))) == draw(
        truth, (1.0, 1.0), session(truth, (1.0, 1.0))
    )


@pytest.mark.parametrize(
    ("voxels", "plane"),
    [
        ([], Plane(0, 4)),  # the largest slice
        ([(3, 6, 7), (3, 6, 8), (3, 6, 9)], Plane(0, 3)),
        ([(2, 9, 7), (3, 9, 8), (4, 9, 9)], Plane(1, 9)),
        ([(2, 7, 11), (3, 8, 11), (4, 9, 11)], Plane(2, 11)),
    ],
)
def test_the_plane_with_the_most_scribbles_is_shown(voxels, plane):
    strokes = (line(voxels),) if voxels else ()
    assert shown_plane(volume(), session(volume(), (1.0, 1.0, 1.0), 3, strokes)) == plane


def test_flat_objects_have_one_plane():
    truth = volume()[4]
    assert shown_plane(truth, session(truth, (1.0, 1.0))) == Plane()


def test_every_plane_of_a_volume_can_be_drawn():
    truth = volume()
    for voxels in ([(2, 9, 7), (3, 9, 8), (4, 9, 9)], [(2, 7, 11), (3, 8, 11), (4, 9, 11)]):
        picture_size(draw(truth, (3.0, 1.0, 1.0), session(truth, (3.0, 1.0, 1.0), 3, (line(voxels),))))


def test_an_image_on_another_grid_is_refused():
    truth = volume()[4]
    with pytest.raises(ValueError, match="differ"):
        session_figure(
            Image(np.zeros((3, 3), np.float32), Grid.plain((3, 3))),
            truth,
            session(truth, (1.0, 1.0)),
            [],
            Plane(),
        )


def test_the_frame_is_the_box_that_the_user_drew_in_the_slices_that_it_crosses():
    truth, box = volume(), Box((2, 4, 5), (7, 12, 15))
    whole = replace(session(truth, (1.0, 1.0, 1.0)), box=Box.whole(truth.shape), drawn_box=box)
    image = Image(truth.astype(np.float32), whole.grid)

    def frames(plane):
        (axes,) = session_figure(image, truth, whole, [Panel("image")], plane).axes
        return [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in axes.patches]

    assert frames(Plane(0, 4)) == [(4.5, 3.5, 10, 8)]
    assert frames(Plane(0, 8)) == []
