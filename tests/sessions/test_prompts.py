"""Prompts of a method: clicks of one voxel, points of scribbles, the whole image as its window."""

import numpy as np

from bifseg.cards.cards import ProtocolCard
from bifseg.cards.plays import Plays, ScribblesAsPoints
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.sessions.game import play
from bifseg.sessions.prompts import adapted, clicked
from bifseg.sessions.record import Session
from bifseg.sessions.users import SimulatedUser

SHAPE = (40, 50)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[10:31, 15:36] = True
CENTRE = [20, 25]  # of the square, its deepest voxel
POINTS = ProtocolCard(correct="points", policy="centre-click/1", rounds=3, target=None, patience=None)


def user(protocol, truth=TRUTH):
    image = Image(np.zeros(SHAPE, np.float32), Grid.plain(SHAPE))
    return SimulatedUser(image, truth, protocol, 4, 1, seed_key=("c", "a", "s", "o", 0))


class Takes:
    """Knows nothing, notes what it is given, and paints what it is told."""

    dimensions = frozenset({2})

    def __init__(self, *prompts):
        self.prompts, self.given = frozenset(prompts), []

    def start(self, image, box):
        self.box, self.shape = box, image.voxels.shape
        return np.zeros(self.shape, bool)

    def refine(self, scribbles):
        self.given.append(scribbles)
        return scribbles.foreground


def test_a_click_is_one_voxel():
    dab = Stroke(True, np.array([[5.2, 6.7]]), np.argwhere(np.ones((9, 9))))
    (point,) = clicked([dab])
    assert point.is_point
    assert point.voxels.tolist() == [[5, 7]]


def test_points_correct_the_largest_error_one_voxel_at_a_time():
    method = Takes("box", "points")
    session = play(user(POINTS), method)
    points = [stroke for step in session.steps for stroke in step.strokes]
    assert len(points) == 3
    assert all(stroke.is_point and stroke.foreground for stroke in points)
    assert points[0].voxels.tolist() == [CENTRE]
    last = method.given[-1]
    assert last.points(True).tolist() == [stroke.voxels[0].tolist() for stroke in points]
    assert last.points(False).shape == (0, 2)
    assert session.box_drawn


def test_a_method_without_boxes_starts_from_a_point():
    method = Takes("points")
    session = play(user(POINTS), method)
    assert not session.box_drawn
    assert method.given[0].points(True).tolist() == [CENTRE]
    assert method.box == session.box  # only its window


def test_a_session_that_begins_with_points_gives_no_box():
    rules = POINTS.model_copy(update={"begin": "points", "window": "image"})
    method = Takes("box", "points")
    session = play(user(rules), method)
    image_box = Box((0, 0), SHAPE)
    assert method.box == session.box == image_box
    assert not session.box_drawn
    assert method.given[0].points(True).tolist() == [CENTRE]


def test_in_a_window_of_the_whole_image_distant_leaks_are_corrected():
    class Leaks(Takes):
        def start(self, image, box):
            super().start(image, box)
            result = TRUTH.copy()
            result[:8] = True
            return result

        def refine(self, scribbles):
            self.given.append(scribbles)
            return TRUTH

    method = Leaks("box", "scribbles")
    rules = ProtocolCard(target=None, window="image")
    session = play(user(rules), method)
    assert session.status == "ok", session.error
    assert method.box == user(rules).box() == session.drawn_box
    assert session.box == Box((0, 0), SHAPE)
    (stroke,) = session.steps[1].strokes
    assert not stroke.foreground
    assert (stroke.voxels[:, 0] < 8).all()
    assert play(user(ProtocolCard(target=None)), Leaks("box", "scribbles")).status == "failed"
    again = Session.from_entries(session.to_entries(session.grid))
    assert (again.drawn_box, again.box) == (session.drawn_box, session.box)


def test_begin_with_nothing_corrects_the_first_result():
    rules = ProtocolCard(begin="nothing", target=None, rounds=1)
    method = Takes("scribbles")
    session = play(user(rules), method)
    assert [stroke.foreground for stroke in session.steps[1].strokes] == [True]  # and no opening


LINE = Stroke(False, np.array([[3.0, 0.0], [3.0, 12.0]]), np.array([[3, k] for k in range(13)]))


def test_points_of_a_stroke_by_hand():
    scribbles = Scribbles((10, 20), (LINE,))

    def columns(**rule):
        card = Plays(dimensions=[2], prompts=["points"], scribbles_as_points=ScribblesAsPoints(**rule))
        adapted_points = adapted(scribbles, "scribbles", {"points"}, card, (1.0, 1.0))
        assert all(stroke.is_point and not stroke.foreground for stroke in adapted_points.strokes)
        return adapted_points.points(False)[:, 1].tolist()

    assert columns(points=1) == [6]
    assert columns(points=3) == [2, 6, 10]
    assert columns(points=3, where="ends") == [0, 6, 12]
    assert columns(points=1, where="ends") == [6]
    assert columns(points=100) == list(range(13))  # each voxel once


def test_parts_of_a_stroke_are_equal_in_mm():
    """Six rows of 1 mm, then two columns of 3 mm: the middle is the corner."""
    path = np.array([[0, 0], [6, 0], [6, 2]])
    voxels = np.array([[row, 0] for row in range(7)] + [[6, 1], [6, 2]])
    corner = Scribbles((10, 10), (Stroke(True, path.astype(float), voxels),))
    rule = ScribblesAsPoints(points=3, where="ends")
    card = Plays(dimensions=[2], prompts=["points"], scribbles_as_points=rule)
    drawn = adapted(corner, "scribbles", {"points"}, card, (1.0, 3.0))
    assert drawn.points(True).tolist() == [[0, 0], [6, 0], [6, 2]]


def test_the_record_has_the_drawn_strokes_and_their_adaptation():
    card = Plays(dimensions=[2], prompts=["box", "points"], scribbles_as_points=ScribblesAsPoints(points=2))
    method = Takes("box", "points")
    rules = ProtocolCard(rounds=1, target=None)
    session = play(user(rules), method, plays=card)
    (stroke,) = session.steps[1].strokes
    assert len(stroke.voxels) > 2
    assert len(method.given[0].strokes) == 2
    assert session.adaptation == "scribbles as points, 2 along each stroke"
    assert Session.from_entries(session.to_entries(session.grid)).adaptation == session.adaptation


def test_points_as_scribbles_need_no_change():
    card = Plays(dimensions=[2], prompts=["box", "scribbles"], points_as_scribbles=True)
    method = Takes("box", "scribbles")
    session = play(user(POINTS), method, plays=card)
    assert session.adaptation == "points as scribbles of one voxel"
    assert [len(stroke.voxels) for stroke in method.given[-1].strokes] == [1, 1, 1]


def test_a_method_that_takes_points_only_gets_no_scribbles_without_a_rule():
    method = Takes("box", "points")
    session = play(user(ProtocolCard()), method)
    assert (session.ended, method.given) == ("no prompts", [])
