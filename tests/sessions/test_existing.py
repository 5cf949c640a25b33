"""Sessions that correct an existing mask, and undone corrections."""

import numpy as np
import pytest

from bifseg.analysis.gains import gains
from bifseg.analysis.scores import score_session, to_frame
from bifseg.cards.capabilities import method_problem
from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid, Image
from bifseg.methods.contract import undoes
from bifseg.methods.registry import build
from bifseg.robot.effort import UNDO_S
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity, Session
from bifseg.sessions.users import SimulatedUser

SHAPE = (40, 50)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[10:31, 15:36] = True
EXISTING = TRUTH & (np.indices(SHAPE)[1] < 25)
EXISTING[:4] = True  # and a leak far from the object
CORRECT = ProtocolCard(
    begin="mask", initial_from="manifest", window="image", rounds=2, target=None, patience=None
)


def user(protocol, existing=None):
    image = Image(np.zeros(SHAPE, np.float32), Grid.plain(SHAPE))
    return SimulatedUser(image, TRUTH, protocol, 4, 1, seed_key=("c", "a", "s", "o", 0), existing=existing)


class Brush:
    """Paints the strokes on the mask, like a person without a method."""

    dimensions = frozenset({2, 3})
    prompts = frozenset({"mask", "scribbles"})

    def __init__(self):
        self.calls = []

    def start(self, image, box):
        raise AssertionError("it was given a mask")

    def start_from(self, image, box, mask):
        self.calls.append("start_from")
        self.mask = mask
        return mask

    def refine(self, scribbles):
        self.calls.append(len(scribbles.strokes))
        return (self.mask | scribbles.foreground) & ~scribbles.background


def test_a_session_corrects_the_existing_mask():
    method = Brush()
    session = play(user(CORRECT, EXISTING), method, identity=Identity(protocol="correct", method="brush"))
    assert session.status == "ok", session.error
    assert [step.name for step in session.steps] == ["initial", "unsupervised", "round-1", "round-2"]
    assert np.array_equal(session.steps[0].mask, EXISTING)
    assert session.steps[0].seconds["machine"] == 0
    assert {stroke.foreground for stroke in session.steps[2].strokes} == {True, False}  # the leak counts
    assert not session.box_drawn


def test_the_gain_over_the_existing_mask_by_hand():
    session = play(user(CORRECT, EXISTING), Brush(), identity=Identity(protocol="correct", method="brush"))
    frame = to_frame(score_session(session, TRUTH, "anna"))
    (row,) = gains(frame, "correct").to_dict("records")
    first, last = frame["dice"].iloc[0], frame["dice"].iloc[-1]
    assert row["gain_mean"] == pytest.approx(last - first)
    assert last > first
    n_prompts = frame["n_prompts"].iloc[-1]
    assert n_prompts == sum(len(step.strokes) for step in session.steps)
    assert row["gain_per_prompt"] == pytest.approx((last - first) / n_prompts)
    assert gains(frame, "another").empty


def test_methods_must_fit_a_protocol_that_begins_with_a_mask():
    assert method_problem({2}, {"box", "scribbles"}, 2, CORRECT) == (
        "takes box and scribbles; this protocol begins with a mask: add `mask` and `start_from`, or leave it out"
    )
    assert method_problem({2}, Brush.prompts, 2, CORRECT) == ""
    assert "needs one with `begin: mask`" in method_problem({2}, Brush.prompts, 2, ProtocolCard())


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"begin": "mask"}, "belong together"),
        ({"initial_from": "manifest"}, "belong together"),
        ({"undo": True, "scribbles_on": "initial"}, "needs 'scribbles_on: current'"),
    ],
)
def test_protocols_that_contradict_themselves_are_refused(keys, reason):
    with pytest.raises(InputError, match=reason):
        ProtocolCard(**keys)


def test_a_method_that_takes_masks_needs_start_from(monkeypatch):
    class NoCall(Brush):
        start_from = None

    monkeypatch.setattr("bifseg.methods.registry._find", lambda name: lambda: NoCall())
    with pytest.raises(InputError, match="has no `start_from"):
        build(MethodCard(method="m:NoCall"), None)


class Worsens:
    """Its first correction ruins the result; afterwards it paints."""

    dimensions = frozenset({2})
    prompts = frozenset({"box", "scribbles"})

    def __init__(self):
        self.calls = []

    def start(self, image, box):
        self.calls.append("start")
        return EXISTING & box.paste(np.ones(box.shape, bool), SHAPE)

    def refine(self, scribbles):
        self.calls.append(len(scribbles.strokes))
        good = self.start(None, self.box) if hasattr(self, "box") else TRUTH
        return np.zeros(SHAPE, bool) if self.calls.count(1) == 1 and len(self.calls) == 2 else good


class Undoes(Worsens):
    def undo(self):
        self.calls.append("undo")
        return EXISTING & (np.indices(SHAPE)[0] > 5)


UNDO = ProtocolCard(rounds=4, target=None, patience=None, undo=True)


def test_a_worse_result_is_undone_at_the_cost_of_a_prompt():
    method = Worsens()
    session = play(user(UNDO), method)
    assert session.status == "ok", session.error
    assert [step.undo for step in session.steps] == [False, False, True, False]
    assert method.calls == ["start", 1, "start", 1]  # all prompts but the last: none are left
    assert np.array_equal(session.steps[2].mask, session.steps[0].mask)
    rows = to_frame(score_session(session, TRUTH, "anna"))
    assert rows["n_undos"].tolist() == [0, 0, 1, 1]
    assert rows["n_prompts"].tolist() == [1, 2, 3, 4]
    assert rows["user_s"].iloc[2] - rows["user_s"].iloc[1] > UNDO_S
    assert len(session.scribbles().strokes) == 1  # without those that were taken back
    again = Session.from_entries(session.to_entries(session.grid))
    assert [step.undo for step in again.steps] == [False, False, True, False]


def test_a_method_may_implement_undo():
    method = Undoes()
    assert undoes(method)
    assert not undoes(Worsens())
    session = play(user(UNDO), method)
    assert method.calls[:3] == ["start", 1, "undo"]
    assert session.steps[2].undo


def test_a_worse_result_in_the_array_of_the_one_before_is_undone():
    """A method in this process may return the same array each time."""

    class InPlace(Worsens):
        def start(self, image, box):
            self.mask = super().start(image, box)
            return self.mask

        def refine(self, scribbles):
            self.mask[...] = False
            return self.mask

    session = play(user(UNDO), InPlace())
    assert [step.undo for step in session.steps] == [False, False, True, False, True]


def test_no_two_corrections_are_undone_in_a_row():
    """The second undo would take back what the user kept; here the method's `undo` makes its result worse."""

    class Ruins(Worsens):
        def undo(self):
            return self.box.paste(~TRUTH[self.box.slices], SHAPE)

        def start(self, image, box):
            self.box = box
            return super().start(image, box)

        def refine(self, scribbles):
            return np.zeros(SHAPE, bool)

    session = play(user(UNDO), Ruins())
    assert session.error == ""
    assert [step.undo for step in session.steps][:4] == [False, False, True, False]


def test_a_user_who_takes_the_opening_back_opens_again():
    class Floods(Worsens):
        prompts = frozenset({"scribbles"})

        def start(self, image, box):
            self.box = box
            return np.zeros(SHAPE, bool)

        def refine(self, scribbles):
            return self.box.paste(~TRUTH[self.box.slices], SHAPE)

    session = play(user(UNDO), Floods())
    assert [step.undo for step in session.steps] == [False, False, True, False, True]
    for opening in (session.steps[1], session.steps[3]):
        assert {stroke.foreground for stroke in opening.strokes} == {True, False}


def test_a_result_that_looks_the_same_is_not_undone():
    class Stays(Worsens):
        def refine(self, scribbles):
            return TRUTH & (np.indices(SHAPE)[1] < 25)

    session = play(user(UNDO), Stays())
    assert not any(step.undo for step in session.steps[2:])


def test_without_undo_worse_results_stay():
    session = play(user(UNDO.model_copy(update={"undo": False})), Worsens())
    assert not any(step.undo for step in session.steps)


def test_obeyed_is_the_share_of_drawn_voxels_with_their_label():
    keeps = to_frame(score_session(play(user(CORRECT, EXISTING), Brush()), TRUTH, "anna"))["obeyed"]
    assert keeps.isna().tolist() == [True, True, False, False]
    assert keeps.iloc[-1] == 1.0

    class Deaf(Brush):
        def refine(self, scribbles):
            return self.mask

    deaf = to_frame(score_session(play(user(CORRECT, EXISTING), Deaf()), TRUTH, "anna"))["obeyed"]
    assert deaf.iloc[-1] == 0.0
