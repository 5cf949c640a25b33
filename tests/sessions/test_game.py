"""Sessions: which calls a method gets, when a session ends, and sessions of broken methods."""

from dataclasses import replace
from time import sleep

import numpy as np
import pytest
from scipy import ndimage

from bifseg.cards.cards import ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid, Image
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity
from bifseg.sessions.users import SimulatedUser

SHAPE = (60, 70)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[20:45, 20:50] = True
IDENTITY = Identity("run", "cohort", "case", "case_organ", "organ", False, 2, "test", "fake", "", "own", "p")
OWN = ProtocolCard(rounds=4, target=0.9, patience=None)
SHARED = ProtocolCard(rounds=1, target=None, scribbles_on="initial", strokes_per_label=3)


def game(protocol=OWN, seed=1, identity=IDENTITY):
    image = Image(np.zeros(SHAPE, np.float32), Grid.plain(SHAPE))
    return SimulatedUser(image, TRUTH, protocol, 10, seed, seed_key=identity.seed_key)


class Shrunken:
    """Starts with a part of the object and knows the rest after `needs` rounds."""

    dimensions = frozenset({2})
    prompts = frozenset({"box", "scribbles"})

    def __init__(self, needs=99):
        self.needs = needs
        self.seen = []

    def start(self, image, box):
        self.seen.append(("start", box))
        result = TRUTH.copy()
        result[:, 30:] = False
        return result

    def refine(self, scribbles):
        self.seen.append(("refine", scribbles))
        rounds = sum(kind == "refine" for kind, _ in self.seen)
        return TRUTH.copy() if rounds >= self.needs else self.start(None, None)


class Adapting(Shrunken):
    def adapt(self):
        result = TRUTH.copy()
        result[:30] = False
        return result


def test_session_ends_at_the_target():
    session = play(game(), Shrunken(needs=2))
    assert (session.status, session.ended) == ("ok", "target")
    assert [step.name for step in session.steps] == ["initial", "round-1", "round-2"]


def test_session_ends_after_the_last_round():
    session = play(game(), Shrunken())
    assert session.ended == "rounds"
    assert [step.round for step in session.steps] == [0, 1, 2, 3, 4]


def test_a_dice_of_exactly_the_target_reaches_it():
    """A third of the object is 2 / (1 + 3) of Dice: 0.5."""
    exact = OWN.model_copy(update={"target": 0.5})

    class Third(Shrunken):
        def start(self, image, box):
            return TRUTH & (np.indices(SHAPE)[1] < 30)

    session = play(game(exact), Third())
    assert (session.ended, len(session.steps)) == ("target", 1)


def test_target_reached_in_the_last_round_counts():
    assert play(game(), Shrunken(needs=4)).ended == "target"


def test_session_ends_when_the_robot_sees_no_error():
    session = play(game(ProtocolCard(rounds=4, target=None)), Shrunken(needs=1))
    assert session.ended == "satisfied"
    assert len(session.steps) == 2


class Chipped(Shrunken):
    """Misses two corners of 20 mm2, and corrects the voxels that are scribbled on."""

    def start(self, image, box):
        self.result = TRUTH.copy()
        self.result[20:24, 20:25] = self.result[41:45, 45:50] = False
        return self.result.copy()

    def refine(self, scribbles):
        return (self.result | scribbles.foreground) & ~scribbles.background


@pytest.mark.parametrize(("scribbles_on", "ended"), [("current", "target"), ("initial", "rounds")])
def test_errors_too_small_for_the_policy_are_corrected_while_the_target_is_unmet(scribbles_on, ended):
    rules = {"rounds": 8, "scribbles_on": scribbles_on}
    content = play(game(ProtocolCard(target=None, **rules)), Chipped())
    assert (content.ended, len(content.steps)) == ("satisfied", 1)
    eager = play(game(ProtocolCard(target=0.99, **rules)), Chipped())
    assert eager.ended == ended
    assert all(step.strokes for step in eager.steps[1:])
    missed = TRUTH & ~eager.box.paste(eager.steps[0].mask, SHAPE)
    assert all(missed[tuple(stroke.voxels.T)].all() for stroke in eager.steps[1].strokes)


def test_a_session_without_visible_errors_ends_below_the_target():
    for flaw in ({"user": "careless"}, {"tolerance_mm": 9.0}):
        session = play(game(ProtocolCard(target=0.999, **flaw)), Chipped())
        assert (session.status, session.ended, len(session.steps)) == ("ok", "no visible error", 1)


def test_the_robot_s_time_counts_towards_the_limit():
    class Slow(SimulatedUser):
        def next_strokes(self, view):
            sleep(0.3)
            return super().next_strokes(view)

    rules = ProtocolCard(rounds=9, target=None, time_limit_s=0.5, patience=None)
    session = play(Slow(**vars(game(rules))), Shrunken())
    assert (session.status, session.ended, len(session.steps)) == ("timeout", "timeout", 2)
    assert session.error.startswith(
        "round-2: the session's 0.5 s are over; the user took 0.3 s of this round"
    )


def test_box_only_method_is_never_given_scribbles():
    class BoxOnly(Shrunken):
        prompts = frozenset({"box"})

        def refine(self, scribbles):
            raise AssertionError("given scribbles")

    session = play(game(), BoxOnly())
    assert (session.status, session.ended) == ("ok", "no prompts")


def test_each_round_passes_all_scribbles_so_far():
    method = Shrunken()
    session = play(game(), method)
    counts = [len(scribbles.strokes) for kind, scribbles in method.seen if kind == "refine"]
    assert counts == list(np.cumsum([len(step.strokes) for step in session.steps[1:]]))


def test_shared_scribbles_correct_the_initial_and_own_ones_the_current_result():
    """The initial result lacks the right part, the adapted one the upper part."""
    shared = play(game(SHARED), Adapting()).steps[-1].strokes
    own = play(game(replace_rounds(OWN, 1)), Adapting()).steps[-1].strokes
    assert all((stroke.voxels[:, 1] >= 30).all() for stroke in shared)
    assert all((stroke.voxels[:, 0] < 30).all() for stroke in own)


def replace_rounds(protocol, rounds):
    return protocol.model_copy(update={"rounds": rounds})


def test_box_and_scribbles_do_not_depend_on_the_method():
    first = play(game(SHARED), Shrunken())
    second = play(game(SHARED, identity=replace(IDENTITY, method="other", network="n")), Adapting())
    assert first.box == second.box
    for a, b in zip(first.steps[-1].strokes, second.steps[-1].strokes, strict=True):
        np.testing.assert_array_equal(a.voxels, b.voxels)


def test_box_and_scribbles_depend_on_seed_and_object():
    boxes = {play(game(seed=s), Shrunken()).box for s in range(5)}
    boxes |= {play(game(identity=replace(IDENTITY, object=f"o{k}")), Shrunken()).box for k in range(5)}
    assert len(boxes) == 10


BREAKS = {
    "wrong shape": (lambda: np.zeros((3, 3), bool), "bool array of the image's shape"),
    "probabilities": (lambda: np.full(SHAPE, np.nan), "bool array of the image's shape"),
    "outside the box": (lambda: np.ones(SHAPE, bool), "voxels of the result lie outside the box"),
    "nothing": (lambda: None, "is NoneType"),
}


@pytest.mark.parametrize(("result", "error"), BREAKS.values(), ids=BREAKS)
def test_broken_result_is_a_failed_session_that_keeps_its_steps(result, error):
    class Breaking(Shrunken):
        def refine(self, scribbles):
            return result()

    session = play(game(), Breaking())
    assert (session.status, session.ended) == ("failed", "failed")
    assert error in session.error
    assert session.error.startswith("round-1: ContractError: ")
    assert [step.name for step in session.steps] == ["initial"]


def test_raising_method_is_a_failed_session_with_one_line():
    class Raising(Shrunken):
        def start(self, image, box):
            raise RuntimeError("two\nlines")

    session = play(game(), Raising())
    assert (session.status, session.error, session.steps) == (
        "failed",
        "initial: RuntimeError: two lines",
        (),
    )


@pytest.mark.parametrize("call", ["next_strokes", "is_satisfied_with", "stuck_reason"])
@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            KeyError("seed"),
            RuntimeError,
            r"^case_organ: bifseg failed after initial, not the method: KeyError: 'seed'$",
        ),
        (InputError("strokes.csv: no rows"), InputError, r"^strokes\.csv: no rows$"),
    ],
)
def test_an_error_of_the_user_is_no_failure_of_the_method(monkeypatch, call, error, kind, said):
    def fail(*_):
        raise error

    monkeypatch.setattr(SimulatedUser, call, fail)
    with pytest.raises(kind, match=said):
        play(game(), Shrunken(), identity=IDENTITY)


def test_whatever_a_method_lacks_or_states_wrongly_is_its_own_failure():
    class Stating(Shrunken):
        seconds = ("network",)

    class Lacking(Shrunken):
        adapts = True

    errors = [play(game(), method()).error for method in (Stating, Lacking)]
    assert errors == [
        "initial: TypeError: tuple indices must be integers or slices, not str",
        "unsupervised: AttributeError: 'Lacking' object has no attribute 'adapt'",
    ]


def test_seconds_are_counted_per_step():
    class Timed(Shrunken):
        def start(self, image, box):
            self.seconds = {"network": 2.0, "label_update": 0.0}
            return super().start(image, box)

        def refine(self, scribbles):
            self.seconds["network"] += 3.0
            return TRUTH.copy()

    method = Timed()
    for _ in range(2):  # the second session starts from zero again
        first, second = play(game(), method).steps
        assert (first.seconds["network"], second.seconds["network"]) == (2.0, 3.0)
        assert second.seconds["robot"] > 0
        assert second.seconds["machine"] > 0


class FromScribbles(Shrunken):
    """Has an empty result before the first scribbles."""

    prompts = frozenset({"scribbles"})

    def start(self, image, box):
        return np.zeros(SHAPE, bool)

    def refine(self, scribbles):
        self.seen.append(("refine", scribbles))
        return TRUTH if len(self.seen) > 1 else TRUTH & (np.indices(SHAPE)[1] < 30)


def test_a_method_that_starts_from_scribbles_gets_them_on_and_around_the_object():
    method = FromScribbles()
    session = play(game(), method)
    initial, first, second = session.steps
    assert not initial.mask.any()
    assert [stroke.foreground for stroke in first.strokes] == [True, False, False]
    (_, scribbles), *_ = method.seen
    assert (scribbles.foreground & TRUTH).any()
    assert not (scribbles.foreground & ~TRUTH).any()
    assert not (scribbles.background & TRUTH).any()
    # From then on its own mistakes are corrected.
    assert [stroke.foreground for stroke in second.strokes] == [True]
    assert (second.strokes[0].voxels[:, 1] >= 30).all()
    assert session.ended == "target"


def test_a_session_is_not_satisfied_before_the_first_scribbles():
    """An empty result before the first scribbles is not a result of the method."""
    truth = np.zeros((40, 30, 30), bool)
    truth[5:35, 8:22, 8:22] = True
    image = Image(np.zeros(truth.shape, np.float32), Grid.plain(truth.shape))

    class Volume(FromScribbles):
        dimensions = frozenset({3})

        def start(self, image, box):
            return np.zeros(truth.shape, bool)

        def refine(self, scribbles):
            return truth

    session = play(SimulatedUser(image, truth, OWN, 3, 1, seed_key=IDENTITY.seed_key), Volume())
    assert [step.name for step in session.steps] == ["initial", "round-1"]


def test_a_box_is_drawn_only_for_methods_that_take_one():
    assert play(game(), Shrunken()).box_drawn
    assert not play(game(), FromScribbles()).box_drawn


class Rim(Shrunken):
    """Misses a rim of the object of so many pixels, and heeds nothing."""

    def __init__(self, width, leak=False):
        super().__init__()
        change = ndimage.binary_dilation if leak else ndimage.binary_erosion
        self.result = change(TRUTH, np.ones((3, 3)), iterations=width)

    def start(self, image, box):
        return self.result.copy()

    def refine(self, scribbles):
        return self.result.copy()


@pytest.mark.parametrize("leak", [False, True])
@pytest.mark.parametrize(("tolerance", "ended"), [(0.0, "stuck"), (1.9, "stuck"), (2.0, "satisfied")])
def test_errors_within_the_tolerance_are_invisible(leak, tolerance, ended):
    rules = ProtocolCard(rounds=9, target=None, tolerance_mm=tolerance, box="loose/1")
    played = play(game(rules), Rim(2, leak))
    assert played.ended == ended
    assert (len(played.steps) == 1) == (ended == "satisfied")


def test_strokes_mark_visible_errors_only():
    rules = ProtocolCard(rounds=1, target=None, tolerance_mm=3.0)
    (stroke,) = play(game(rules), Rim(8)).steps[1].strokes
    depth = ndimage.distance_transform_edt(np.pad(TRUTH, 1))[1:-1, 1:-1]
    assert (depth[tuple(stroke.voxels.T)] > 3).all()


def test_errors_where_raters_disagree_are_not_corrected():
    narrow = TRUTH.copy()
    narrow[:, 30:] = False  # what `Shrunken` finds
    rules = ProtocolCard(rounds=3, target=None)
    assert play(game(rules), Shrunken()).steps[1:]
    assert play(replace(game(rules), raters=(narrow, TRUTH)), Shrunken()).ended == "satisfied"
    assert play(replace(game(rules), raters=(TRUTH, TRUTH)), Shrunken()).steps[1:]


def test_a_missed_object_is_marked_at_any_tolerance():
    class Nothing(Shrunken):
        def start(self, image, box):
            return np.zeros(SHAPE, bool)

        def refine(self, scribbles):
            return TRUTH.copy()

    played = play(game(ProtocolCard(target=None, tolerance_mm=99.0)), Nothing())
    assert [step.name for step in played.steps] == ["initial", "round-1"]
    assert [stroke.foreground for stroke in played.steps[1].strokes] == [True]


def test_a_small_object_is_marked_in_the_first_and_later_rounds():
    truth = np.zeros((9, 60, 70), bool)
    truth[2:7, 20:32, 20:23] = True
    image = Image(np.zeros(truth.shape, np.float32), Grid.plain(truth.shape, (7.5, 0.5, 0.5)))

    class Thin(FromScribbles):
        dimensions = frozenset({3})

        def start(self, image, box):
            return np.zeros(truth.shape, bool)

        def refine(self, scribbles):
            return scribbles.foreground

    played = play(
        SimulatedUser(image, truth, ProtocolCard(target=None), 3, 1, seed_key=IDENTITY.seed_key), Thin()
    )
    assert played.steps[1].strokes[0].foreground
    assert len(played.steps) > 3  # half of the object is asked for, slice after slice
    assert played.steps[-1].mask.sum() > truth.sum() / 2
    assert played.ended == "satisfied"


def test_even_a_careless_user_opens_on_a_thin_object():
    """In every slice it is 2 mm deep; a careless user would overlook an error of that depth in a result."""
    shape = (9, 40, 40)
    truth = np.zeros(shape, bool)
    truth[3:6, 19:22, 8:32] = True
    image = Image(np.zeros(shape, np.float32), Grid.plain(shape))

    class Painted(Shrunken):
        dimensions, prompts = frozenset({3}), frozenset({"scribbles"})

        def start(self, image, box):
            return np.zeros(shape, bool)

        def refine(self, scribbles):
            return scribbles.foreground

    for seed in range(20):  # some of its strokes have the wrong label
        rules = ProtocolCard(rounds=1, target=None, user="careless", box="tight/1", window="image")
        session = play(SimulatedUser(image, truth, rules, 0, seed), Painted())
        assert len(session.steps[1].strokes) == 3
