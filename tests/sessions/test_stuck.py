"""When a session is stuck: methods that ignore scribbles, repeat results, or are only slow."""

import numpy as np
import pytest

from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Grid, Image
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity
from bifseg.sessions.users import SimulatedUser

IDENTITY = Identity("run", "cohort", "case", "case_organ", "organ", False, 2, "test", "fake", "", "own", "p")
PLANE = Grid((60, 70), (1.0, 1.0), (100.0, 200.0), ((0.0, 1.0), (1.0, 0.0)))
VOLUME = Grid.plain((20, 60, 70), (3.0, 1.0, 1.0))


def truth_on(grid):
    truth = np.zeros(grid.shape, bool)
    truth[(slice(5, 15), *[slice(20, 45)] * 2)[-truth.ndim :]] = True
    return truth


class Fake:
    """Answers with what `results` gives for 0 (start), 1, 2, ... rounds; the last one again and again."""

    dimensions = frozenset({2, 3})
    prompts = frozenset({"box", "scribbles"})

    def __init__(self, *results):
        self.results, self.rounds = results, 0

    def start(self, image, box):
        self.rounds = 0
        return self.results[0].copy()

    def refine(self, scribbles):
        self.rounds += 1
        return self.results[min(self.rounds, len(self.results) - 1)].copy()


def session(method, grid=PLANE, truth=None, **rules):
    truth = truth_on(grid) if truth is None else truth
    card = ProtocolCard(**{"rounds": 10, "target": None, "patience": 3} | rules)
    image = Image(np.zeros(grid.shape, np.float32), grid)
    return play(SimulatedUser(image, truth, card, 5, 1, seed_key=IDENTITY.seed_key), method)


def without(mask, axis, start, stop):
    """The mask without what lies from `start` to `stop` along an axis."""
    result = mask.copy()
    result[(slice(None),) * axis + (slice(start, stop),)] = False
    return result


def left(grid=PLANE):
    return without(truth_on(grid), -1 % len(grid.shape), 32, 99)


def right(grid=PLANE):
    return without(truth_on(grid), -1 % len(grid.shape), 0, 33)


@pytest.mark.parametrize("grid", [PLANE, VOLUME])
@pytest.mark.parametrize("patience", [1, 2, 3, 5])
def test_a_method_that_ignores_scribbles_is_stuck_when_patience_ends(grid, patience):
    played = session(Fake(left(grid)), grid, patience=patience)
    assert (played.status, played.ended) == ("stuck", "stuck")
    assert [step.round for step in played.steps] == list(range(patience + 1))


def test_the_reason_names_rounds_size_and_place_of_the_error():
    played = session(Fake(left()))
    # missed are 25 rows and 13 columns from row 20, column 32: the first deepest is row 26, column 38; x comes first
    assert played.error == (
        "rounds 1, 2 and 3 changed nothing; still 325 voxels missed around (138.0, 226.0) mm"
    )
    leak = np.zeros(PLANE.shape, bool)
    leak[20:45, 46:49] = True
    played = session(Fake(truth_on(PLANE) | leak), patience=2)
    assert played.error == "rounds 1 and 2 changed nothing; still 75 voxels too much around (147.0, 221.0) mm"
    assert session(Fake(left()), patience=1).error.startswith("round 1 changed nothing; still 325 voxels")


def test_an_adapting_method_that_stops_changing_is_stuck():
    class Adapting(Fake):
        def adapt(self):
            return left()

    assert session(Adapting(right(), left())).error.startswith("rounds 1, 2 and 3 changed nothing")
    # a result that adaptation left behind is one that was there before
    assert session(Adapting(right(), right(), left(), right())).error.startswith(
        "results repeat: round-1 gave the result of initial, round-2 gave the result of unsupervised, "
        "round-3 gave the result of initial; still "
    )


def test_patience_counts_rounds_and_no_step_before_them():
    class Adapting(Fake):
        def adapt(self):
            return left()  # as the initial result

    assert [step.round for step in session(Adapting(left())).steps] == [0, 0, 1, 2, 3]


def test_strokes_on_another_error_do_not_count():
    """Rounds 1 and 2 leave the right part missed; then a larger part is missed too, which had no stroke yet."""
    results = []
    for k in range(6):
        results.append(without(truth_on(PLANE), 1, 40, 45))
        results[-1][22 + 2 * k, 36] = False  # so that no result repeats
        if k >= 2:
            results[-1][:, 20:32] = False
    # round 3 is the first with a stroke on the left part, and round 4 the second
    assert [step.round for step in session(Fake(*results), patience=2).steps] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("grid", [PLANE, VOLUME])
def test_a_result_that_flips_between_two_is_stuck(grid):
    played = session(Fake(*[left(grid), right(grid)] * 6), grid)
    assert (played.status, played.ended) == ("stuck", "stuck")
    assert [step.round for step in played.steps] == [0, 1, 2, 3, 4]
    assert played.error.startswith(
        "results repeat: round-2 gave the result of initial, round-3 gave the result of round-1, "
        "round-4 gave the result of initial; still "
    )


@pytest.mark.parametrize("grid", [PLANE, VOLUME])
def test_a_cycle_of_three_is_stuck_too(grid):
    truth = truth_on(grid)
    thirds = [without(truth, truth.ndim - 1, a, a + 9) for a in (18, 27, 36)]
    played = session(Fake(*thirds * 4), grid)
    assert (played.ended, len(played.steps)) == ("stuck", 6)


@pytest.mark.parametrize("grid", [PLANE, VOLUME])
def test_slow_progress_is_not_stuck(grid):
    """One more voxel in every round."""
    results, voxels = [left(grid)], np.argwhere(truth_on(grid) & ~left(grid))
    for voxel in voxels[:11]:
        results.append(results[-1].copy())
        results[-1][tuple(voxel)] = True
    played = session(Fake(*results), grid, patience=1)
    assert (played.status, played.ended, played.error) == ("ok", "rounds", "")


def test_a_result_that_gets_worse_temporarily_is_not_stuck():
    """Marked errors are partly corrected while others appear."""
    truth = truth_on(PLANE)
    worse = [without(truth, 1, a, 99) for a in (40, 36, 32, 28, 24)]
    for k, result in enumerate(worse):
        result[20 + k : 22 + k, 44] = True
    assert session(Fake(*worse, truth)).ended == "satisfied"


def test_one_effective_round_restarts_patience():
    truth = truth_on(PLANE)
    steps = [without(truth, 1, a, 99) for a in (30, 30, 30, 34, 34, 34, 34)]
    assert [s.round for s in session(Fake(*steps)).steps][-1] == 6


@pytest.mark.parametrize("grid", [PLANE, VOLUME])
def test_a_marked_error_that_never_changes_is_stuck(grid):
    """The largest error stays while a different voxel elsewhere changes in each round."""
    results = [left(grid)]
    for k in range(8):
        results.append(left(grid))
        results[-1][(6,) * (truth_on(grid).ndim - 2) + (20, 20 + k)] = False
    played = session(Fake(*results), grid)
    assert (played.ended, [s.round for s in played.steps][-1]) == ("stuck", 3)
    assert played.error.startswith(
        "rounds 1, 2 and 3 changed no voxel of the errors that the strokes marked; still "
    )


def test_a_session_is_not_stuck_while_any_marked_error_changes():
    """The missed part stays; the leak, which is marked too, shrinks in each round."""
    truth = truth_on(PLANE)
    results = []
    for k in range(8):
        leak = np.zeros_like(truth)
        leak[16:48, 46 : 50 - min(k, 4)] = True
        results.append(left() | leak)
    played = session(Fake(*results), box="loose/1")
    # round 4 takes the last of the leak away; then the missed part alone is asked for, in vain since round 1
    assert [s.round for s in played.steps][-1] == 4
    assert "325 voxels missed" in played.error


@pytest.mark.parametrize("name", ["centre-click/1", "random-region/1", "econet/1", "contour/1"])
@pytest.mark.parametrize("grid", [PLANE, VOLUME])
def test_every_policy_gives_up(name, grid):
    assert session(Fake(left(grid)), grid, policy=name).ended == "stuck"


def test_without_patience_all_rounds_are_played():
    assert session(Fake(left()), patience=None).ended == "rounds"


def test_the_last_round_ends_the_session_before_patience_does():
    assert session(Fake(left()), rounds=3).ended == "rounds"


def test_corrections_of_the_initial_result_are_never_stuck():
    assert session(Fake(left()), scribbles_on="initial", rounds=6).ended == "rounds"


def test_careless_strokes_may_miss_the_error():
    """Strokes far from their error change nothing and cause no failure."""
    assert session(Fake(left()), user="careless").ended in ("stuck", "satisfied")
