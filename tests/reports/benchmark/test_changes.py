import numpy as np
import pytest
from scipy import stats
from sides import RULES, session, side

from bifseg.analysis.names import OWN_SCRIBBLES, SHARED_SCRIBBLES
from bifseg.reports.benchmark.changes import changes
from bifseg.reports.benchmark.pairing import pair


def change_of(base, new, measure, target=0.9, **common):
    """The one row of a measure."""
    frame = changes(pair(side(base, **common), side(new, **common)), target)
    rows = frame[frame["measure"] == measure]
    assert len(rows) == 1
    return rows.iloc[0]


def many(*dice, **more):
    """A session of one round for each Dice; objects a, b, c, ..., each a patient."""
    return [
        line
        for name, value in zip("abcdefgh", dice, strict=False)
        for line in session(name, 0.1, value, **more)
    ]


def test_difference_by_hand():
    row = change_of(many(0.5, 0.6, 0.7), many(0.4, 0.4, 0.4), "dice")
    assert (row["n"], row["patients"]) == (3, 3)
    assert row[["base", "new", "change"]].tolist() == pytest.approx([0.6, 0.4, -0.2])
    interval = stats.ttest_1samp([-0.1, -0.2, -0.3], 0).confidence_interval()  # three patients: Student's t
    assert row[["low", "high"]].tolist() == pytest.approx(list(interval))


def test_equal_sides_have_no_change():
    row = change_of(many(0.5, 0.6, 0.7), many(0.5, 0.6, 0.7), "dice")
    assert row[["change", "low", "high"]].tolist() == [0, 0, 0]


def test_pairs_are_by_object_not_by_order():
    new = list(reversed(many(0.5, 0.6, 0.7)))
    assert change_of(many(0.5, 0.6, 0.7), new, "dice")["change"] == 0


def test_objects_of_one_patient_count_once():
    base = [("a", 0.5), ("b", 0.5), ("c", 0.5), ("d", 0.5)]
    new = [("a", 0.4), ("b", 0.3), ("c", 0.5), ("d", 0.5)]
    sides = [
        [
            line
            for name, value in lines
            for line in session(name, 0.1, value, patient="one" if name in "ab" else "two")
        ]
        for lines in (base, new)
    ]
    row = change_of(*sides, "dice")
    assert (row["n"], row["patients"]) == (4, 2)
    assert row["change"] == pytest.approx(-0.075)
    # Two patients of two objects each: Student's interval of their means.
    assert row[["low", "high"]].tolist() == pytest.approx(
        list(stats.ttest_1samp([-0.15, 0], 0).confidence_interval())
    )


def test_replicates_of_an_object_are_averaged_first():
    base = [*session("a", 0.1, 0.5), *session("a", 0.1, 0.5, replicate=1), *session("b", 0.1, 0.5)]
    new = [*session("a", 0.1, 0.3), *session("a", 0.1, 0.5, replicate=1), *session("b", 0.1, 0.5)]
    row = change_of(base, new, "dice")
    assert row["n"] == 2  # objects
    assert row["change"] == pytest.approx(-0.05)  # of -0.1 and 0


def test_single_patient_has_no_interval():
    row = change_of(many(0.5), many(0.4), "dice")
    assert row["change"] == pytest.approx(-0.1)
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])


def test_sessions_below_the_target_count_with_the_round_limit():
    base = [*session("a", 0.1, 0.95), *session("b", 0.1, 0.2, 0.95)]
    new = [*session("a", 0.1, 0.2, 0.3, 0.95), *session("b", 0.1, 0.2, 0.3, 0.4, 0.5)]
    row = change_of(base, new, "rounds")
    assert row[["base", "new", "change"]].tolist() == [
        1.5,
        4,
        2.5,
    ]  # never: one more than the last round, the fourth


def test_rounds_are_counted_to_the_target_of_the_protocol_if_it_is_lower():
    rules = {OWN_SCRIBBLES: RULES[OWN_SCRIBBLES] | {"target": 0.85}}
    sides = [side(session("a", *dice), rules=rules) for dice in ((0.1, 0.86), (0.1, 0.2, 0.86))]
    frame = changes(pair(*sides), 0.9).set_index("measure")
    assert frame.loc["rounds", ["goal", "base", "new", "change"]].tolist() == [0.85, 1, 2, 1]


def test_time_is_the_ratio_of_sums_by_hand():
    base = [*session("a", 0.1, 0.95), *session("b", 0.1, 0.2, 0.95)]  # 2 s, 3 s; rounds: 1 s in 1, 2 s in 2
    new = [*session("a", 0.1, 0.2, 0.95), *session("b", 0.1, 0.2, 0.95)]
    row = change_of(base, new, "session_s")
    assert row[["base", "new", "change"]].tolist() == pytest.approx([2.5, 3, 6 / 5])
    # Two patients: the logarithm's parts are 3/6 - 2/5 and 3/6 - 3/5, one degree of freedom.
    half = stats.t.ppf(0.975, 1) * np.sqrt(2 * (0.1**2 + 0.1**2))
    assert row[["low", "high"]].tolist() == pytest.approx([6 / 5 * np.exp(-half), 6 / 5 * np.exp(half)])
    row = change_of(base, new, "rounds_s")
    assert row[["base", "new", "change"]].tolist() == pytest.approx([1, 1, 1])


def test_patients_without_a_round_do_not_count_in_the_time_of_a_round():
    """Two of three patients need no round."""
    easy = [*session("a", 0.95), *session("b", 0.95)]
    base, new = ([*easy, *session("c", 0.1, 0.95, machine_s=0.0)] for _ in range(2))
    base[-1][-1]["machine_s"], new[-1][-1]["machine_s"] = 2.0, 3.0
    assert change_of(base, new, "rounds_s")[["change", "low", "high"]].tolist() == (
        pytest.approx([1.5, 1.5, 1.5])
    )


def test_failed_sessions_count_in_dice_but_in_no_time():
    base = many(0.5, 0.6)
    new = [*session("a", 0.1, 0.5), *session("b", 0.1, 0.0, status="failed", machine_s=0.001)]
    assert change_of(base, new, "dice")["change"] == pytest.approx(-0.3)
    row = change_of(base, new, "session_s")
    assert (row["n"], row["change"]) == (1, 1)


def test_only_failures_absent_from_base_count_as_new():
    base = [*session("a", 0.1, 0.0, status="failed"), *session("b", 0.1, 0.5), *session("c", 0.1, 0.5)]
    new = [*session("a", 0.1, 0.5), *session("b", 0.1, 0.0, status="timeout"), *session("c", 0.1, 0.5)]
    row = change_of(base, new, "failed")
    assert row[["n", "base", "new", "change"]].tolist() == [3, 1, 1, 1]


def test_a_stage_of_one_side_has_a_row_without_pairs():
    lines = session("a", 0.5, 0.7, method="bifseg", protocol=SHARED_SCRIBBLES)
    row = change_of(lines, [*lines, ("a", "bifseg", "unsupervised", 0.6)], "unsupervised")
    assert row["n"] == 0
    assert np.isnan(row["change"])


def test_sessions_without_rounds_have_no_time_of_a_round():
    frame = changes(pair(side(session("a", 0.5)), side(session("a", 0.5))), 0.9)
    assert "rounds_s" not in set(frame["measure"])


def test_each_structure_cohort_and_protocol_is_compared_separately():
    lines = [
        *session("a", 0.1, 0.5),
        *session("b", 0.1, 0.5, structure="brain", seen=True),
        *session("a", 0.1, 0.5, protocol=SHARED_SCRIBBLES),
        *session("a", 0.1, 0.5, cohort="other"),
    ]
    frame = changes(pair(side(lines), side(lines)), 0.9)
    keys = frame[frame["measure"] == "dice"][["cohort", "protocol", "structure"]].to_numpy().tolist()
    assert keys == [
        ["c", "own-scribbles", "brain"],  # seen ones first
        ["c", "own-scribbles", "lung"],
        ["c", "shared-scribbles", "lung"],
        ["other", "own-scribbles", "lung"],
    ]


def test_intervals_do_not_depend_on_other_entries():
    base, new = many(0.5, 0.6, 0.7, 0.9), many(0.4, 0.65, 0.4, 0.8)
    alone = changes(pair(side(base), side(new)), 0.9)
    other_entry = many(0.3, 0.3, 0.3, 0.3, method="growcut")
    beside = changes(pair(side(base + other_entry), side(new + other_entry)), 0.9)
    beside = beside[beside["method"] == "geos"].reset_index(drop=True)
    assert alone.equals(beside)
