from functools import cache

import numpy as np
import pandas as pd
import pytest
from fake_run import run_of, scores

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.paired import compare
from bifseg.analysis.paper_claims import FAILS, HOLDS, SHOWN, UNKNOWN, claims, together
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.stages import stage_rows

RULES = {OWN_SCRIBBLES: StoppingRule(10, 0.90)}
BASE = np.linspace(0.60, 0.80, 8)
WAVE = np.array([1, -1, 2, -2, 3, -3, 4, -4]) / 100  # a difference that no test sees


def play(method, step, values, **more):
    """One row of each case."""
    return [(f"case{k}", method, step, value, more) for k, value in enumerate(values)]


def adapt(method, values):
    """Sessions without scribbles: the base net's initial result, then another."""
    return play(method, "initial", BASE[: len(values)]) + play(method, "unsupervised", values)


def tool(method, dice, rounds, seconds, **more):
    """The end of sessions of a tool, or with a network of a method, on own mistakes."""
    common = {"protocol": OWN_SCRIBBLES, "network": "", **more}
    return [
        (
            f"case{k}",
            method,
            f"round-{number}",
            value,
            {**common, "user_s": time, "n_prompts": 1 + 2 * number},
        )
        for k, (value, number, time) in enumerate(zip(dice, rounds, seconds, strict=True))
    ]


def full_run(n=8, **changed):
    """A run in which all claims hold, but for the results that are `changed`."""
    ramp = np.linspace(0, 0.01, n)
    parts = {
        "base": play("base-net", "initial", BASE[:n]),
        "other": play("base-net", "initial", BASE[:n] - 0.02, network="unet"),
        "unweighted": adapt("bifseg-w", BASE[:n] - 0.02),
        "adapted": adapt("bifseg", BASE[:n] + 0.02),
        "crf": play("base-crf", "round-1", BASE[:n] + 0.04),
        "refined-w": play("bifseg-w", "round-1", BASE[:n] + 0.06),
        "refined": play("bifseg", "round-1", 0.90 + ramp),
        "corrected": tool("bifseg", 0.92 + ramp, [1] * n, [10 + k for k in range(n)], network="pnet"),
        "crf-corrected": tool(
            "base-crf", 0.905 + ramp, range(3, 3 + n), [40 + 3 * k for k in range(n)], network="pnet"
        ),
        "grabcut": tool("grabcut", 0.91 + ramp, range(2, 2 + n), [30 + 2 * k for k in range(n)]),
    }
    return scores([line for lines in (parts | changed).values() for line in lines])


@cache
def holding():
    """The claims about the full run."""
    return claims(run_of(full_run(), RULES))


def claim(frame, number):
    return claims(run_of(frame, RULES))[number - 1]


def only(rows, **keys):
    """The one row with these values."""
    for key, value in keys.items():
        rows = rows[rows[key] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def test_all_claims_hold():
    found = holding()
    assert [(c.number, c.verdict) for c in found] == [(k, HOLDS) for k in (1, 2, 3, 4)]
    assert [c.count(seen=False) for c in found] == ["1 of 1", "1 of 1", "6 of 6", "2 of 2"]
    assert [c.count(seen=True) for c in found] == ["0 of 0"] * 4
    assert all((c.rows["note"] == "").all() for c in found if c.number != 2)


@pytest.mark.parametrize(
    ("number", "part", "lines", "note"),
    [
        (1, "other", play("base-net", "initial", BASE + 0.02, network="unet"), "the opposite"),
        (1, "other", play("base-net", "initial", BASE + 5 * WAVE, network="unet"),
         "no difference shown, but it may be 2 points worse"),
        (2, "adapted", adapt("bifseg", BASE - 0.01), "the opposite"),
        (2, "adapted", adapt("bifseg", BASE + WAVE), "no difference shown"),
        (2, "adapted", adapt("bifseg", BASE), "no difference shown"),
        (3, "base", play("base-net", "initial", 0.88 + np.linspace(0, 0.01, 8) * 2),
         "a gain of less than 4 points"),
        (3, "crf", play("base-crf", "round-1", BASE + 0.4), "the opposite"),
        (4, "grabcut", tool("grabcut", [0.9] * 8, [1] * 8, [90] * 8), "no difference shown"),
        (4, "grabcut", tool("grabcut", [0.9] * 8, [3] * 8, [9] * 8), "the opposite"),
        (4, "grabcut", tool("grabcut", [0.99] * 8, [3] * 8, [90] * 8), "the opposite"),
    ],
)  # fmt: skip
def test_claim_that_does_not_hold_says_why(number, part, lines, note):
    found = claim(full_run(**{part: lines}), number)
    assert found.verdict == FAILS
    counted = found.rows[found.rows["rule"] != SHOWN]
    assert note in set(counted.loc[counted["verdict"] == FAILS, "note"])


def test_worse_within_the_margin_is_as_good_unless_it_is_told_apart():
    for wave, verdict in ((WAVE / 2, HOLDS), (WAVE, FAILS)):  # within 2 points, and it may be more
        other = play("base-net", "initial", BASE + wave, network="unet")
        assert claim(full_run(other=other), 1).verdict == verdict


@pytest.mark.parametrize(
    ("cases", "verdicts"),
    [
        (5, [UNKNOWN] * 4),
        (6, [HOLDS, UNKNOWN, UNKNOWN, UNKNOWN]),  # 2/64 is below 0.05, twice that is not
        (7, [HOLDS] * 4),  # three times 2/128 is
    ],
)
def test_too_few_cases_for_the_family(cases, verdicts):
    found = claims(run_of(full_run(cases), RULES))
    # Without the spread: the case in the middle of seven has none, and one pair less tells anything.
    dice = [c.rows[(c.rows["measure"] != "spread") & (c.rows["rule"] != SHOWN)] for c in found]
    assert [together(rows["verdict"]) for rows in dice] == verdicts
    assert f"{cases} patients" in set(found[1].rows["note"]) or cases == 7


def test_objects_of_few_patients_are_few_data():
    frame = full_run()
    frame["patient"] = frame["patient"].map(lambda name: f"of{int(name[-1]) // 2}")
    rows = claim(frame, 2).rows
    assert set(rows["note"]) == {"4 patients"}
    assert rows["n"].tolist() == [8, 8]


def test_missing_methods_are_not_enough_data():
    found = claims(
        run_of(full_run(other=[], unweighted=[], adapted=[], refined=[], grabcut=[], corrected=[]), RULES)
    )
    assert [c.verdict for c in found] == [UNKNOWN] * 4
    assert found[0].rows["against_method"].tolist() == ["other CNNs"]
    assert set(found[3].rows["against_method"]) == {"base-crf", "traditional tools"}
    assert found[3].count(seen=False) == "0 of 2 (2 without enough data)"
    assert set(found[2].rows["note"]) == {"no sessions to pair"}
    assert found[2].rows["holm_p"].isna().all()


def test_one_row_that_does_not_hold_decides_over_missing_ones():
    missing = {"refined-w": [], "unweighted": []}
    found = claim(full_run(**missing), 3)
    assert (found.verdict, found.count(seen=False)) == (UNKNOWN, "4 of 6 (2 without enough data)")
    found = claim(full_run(**missing, crf=play("base-crf", "round-1", BASE + 0.4)), 3)
    assert found.verdict == FAILS


def test_scores_without_any_network():
    found = claims(run_of(scores(tool("grabcut", BASE, [1] * 8, [9] * 8)), RULES))
    assert [c.verdict for c in found] == [UNKNOWN] * 4


def test_no_scores_no_claims():
    assert claims(run_of(scores([]))) == []


def test_methods_without_weights_are_shown_and_do_not_count():
    found = holding()[1]
    row = only(found.rows, method="bifseg-w")
    assert (row["rule"], row["verdict"], row["note"]) == (SHOWN, FAILS, "the opposite")
    assert found.comparisons["method"].tolist() == ["bifseg"]


def test_plug_in_without_network_is_no_traditional_tool():
    frame = full_run(plugin=tool("somebodys", [0.99] * 8, [1] * 8, [5] * 8))
    assert set(claim(frame, 4).rows["against_method"]) == {"base-crf", "grabcut"}


def test_numbers_are_those_of_compare_turned_to_the_claims_side():
    found = only(holding()[0].rows, against_network="unet")
    assert (found["method"], found["network"], found["against_method"]) == ("base-net", "pnet", "base-net")
    assert found["difference_mean"] == pytest.approx(0.02)
    assert (found["mean"], found["against_mean"]) == pytest.approx((0.70, 0.68))
    assert found["std"] == pytest.approx(BASE.std(ddof=1))
    frame = full_run(other=play("base-net", "initial", BASE + WAVE, network="unet"))
    rows = stage_rows(frame, "initial")
    other = compare(rows[rows["method"] == "base-net"], ("base-net", "pnet")).iloc[0]
    found = claim(frame, 1).rows.iloc[0]
    for name, opposite in (("mean", "mean"), ("low", "high"), ("high", "low")):
        assert found[f"difference_{name}"] == -other[f"difference_{opposite}"]
    assert found["difference_low"] < 0 < found["difference_high"]
    assert (found["holm_p"], found["t_p"]) == (other["holm_p"], other["t_p"])


def test_adapted_methods_are_one_family_against_the_base_net():
    rows = holding()[1].rows
    assert rows["method"].tolist() == ["bifseg", "bifseg-w"]
    assert rows["wilcoxon_p"].tolist() == pytest.approx([2 / 256] * 2)
    assert rows["holm_p"].tolist() == pytest.approx([4 / 256] * 2)


def test_spread_by_hand():
    found = only(holding()[2].rows, against_method="base-net", measure="spread")
    # Eight values one step apart lie 0.5, 1.5, 2.5 and 3.5 steps from their median.
    assert found["against_mean"] == pytest.approx(2 * 0.20 / 7)
    assert found["mean"] == pytest.approx(2 * 0.01 / 7)
    assert found["difference_mean"] == pytest.approx(2 * (0.01 - 0.20) / 7)
    assert found["verdict"] == HOLDS


# What never costs: one round more than ten; box, and in each round a look and two strokes as long as the box (30 mm).
NEVER = {"round": 11, "n_prompts": 1 + 11 * 2, "user_s": 7 + 11 * (0.54 + 2 * (3.55 + 0.16 * 3 * 3))}


def test_failed_session_counts_with_no_dice_and_the_protocol_s_limit():
    frame = full_run()
    mine = (frame["method"] == "bifseg") & (frame["protocol"] == OWN_SCRIBBLES) & (frame["object"] == "case7")
    frame.loc[mine, ["status", "dice", "user_s"]] = ["failed", 0.0, 7.0]
    rows = claim(frame, 4).rows
    rows = rows[rows["against_method"] == "grabcut"]
    assert rows["failed"].tolist() == [1] * 4
    assert only(rows, measure="round")["mean"] == (7 * 1 + NEVER["round"]) / 8
    assert only(rows, measure="n_prompts")["mean"] == (7 * 3 + NEVER["n_prompts"]) / 8
    assert only(rows, measure="user_s")["mean"] == pytest.approx((sum(range(10, 17)) + NEVER["user_s"]) / 8)
    assert only(rows, measure="dice")["verdict"] == FAILS


def test_giving_up_below_the_target_is_no_merit():
    """Half of the sessions end after a round, satisfied with less; the tool takes three and gets there."""
    early = tool("bifseg", [0.87] * 4 + [0.95] * 4, [1] * 8, [10] * 8, network="pnet")
    frame = full_run(corrected=early, grabcut=tool("grabcut", [0.91] * 8, [3] * 8, [30] * 8))
    rows = claim(frame, 4).rows
    rows = rows[rows["against_method"] == "grabcut"]
    assert only(rows, measure="round")["mean"] == (4 * NEVER["round"] + 4 * 1) / 8
    assert only(rows, measure="user_s")["mean"] == pytest.approx((4 * NEVER["user_s"] + 4 * 10) / 8)
    assert only(rows, measure="n_prompts")["verdict"] == FAILS


def test_a_slow_plug_in_moves_no_other_comparison():
    """Who never reached the target costs what the protocol says, not the most of whoever else played."""
    lost = full_run(corrected=tool("bifseg", [0.5] * 8, [1] * 8, [10] * 8, network="pnet"))
    slow = scores(tool("slowpoke", [0.99] * 8, [1] * 8, [9000] * 8))
    alone, among = (claim(frame, 4).rows for frame in (lost, pd.concat([lost, slow], ignore_index=True)))
    pd.testing.assert_frame_equal(alone, among)


def test_the_goal_is_what_the_protocol_shows():
    """Its sessions end at 0.85, so that nothing is known of 0.90; they are counted under the name it has."""
    frame = full_run().replace({"protocol": {OWN_SCRIBBLES: "mine"}})
    found = claims(run_of(frame, {"mine": StoppingRule(10, 0.85)}))[3]
    assert "Under mine: " in found.rule
    assert "at least 85%" in found.rule
    assert found.verdict == HOLDS
    assert claims(run_of(frame))[3].verdict == UNKNOWN


def test_a_tool_counts_once_and_needs_all_three():
    frame = full_run(grabcut=tool("grabcut", [0.99] * 8, [3] * 8, [90] * 8))
    found = claim(frame, 4)
    rows = found.rows[found.rows["against_method"] == "grabcut"]
    assert rows["rule"].tolist() == [SHOWN, "better", "better", "at least as good"]
    assert rows["verdict"].tolist() == [HOLDS, HOLDS, HOLDS, FAILS]
    assert found.comparisons["verdict"].tolist() == [HOLDS, FAILS]
    assert found.count(seen=False) == "1 of 2"


def test_prompts_decide_where_images_state_no_spacing():
    """User time is not known there."""
    frame = full_run().assign(stroke_mm=np.nan)
    frame["user_s"] = frame["user_s"].where(frame["round"] == 0)
    found = claim(frame, 4)
    assert found.verdict == HOLDS
    assert set(found.rows.loc[found.rows["measure"] == "user_s", "rule"]) == {SHOWN}


def test_value_that_is_not_finite_is_no_verdict():
    frame = full_run()
    frame.loc[(frame["method"] == "bifseg") & (frame["step"] == "unsupervised"), "dice"] = np.nan
    row = only(claim(frame, 2).rows, method="bifseg")
    assert (row["verdict"], row["note"]) == (UNKNOWN, "a value is not finite")


def test_seen_and_unseen_are_apart_and_seen_come_first():
    seen = full_run(adapted=adapt("bifseg", BASE - 0.02))
    seen = seen.assign(seen=True, structure="zone", object=seen["object"] + "z")
    found = claim(pd.concat([full_run(), seen], ignore_index=True), 2)
    assert found.rows["structure"].tolist() == ["zone", "zone", "lung", "lung"]
    assert (found.count(seen=True), found.count(seen=False)) == ("0 of 1", "1 of 1")
    assert found.verdict == FAILS


def test_cohorts_are_apart():
    other = full_run(adapted=adapt("bifseg", BASE - 0.02)).assign(cohort="d")
    found = claims(run_of(pd.concat([other, full_run()], ignore_index=True), RULES))
    assert [(c.cohort, c.number) for c in found] == [(name, k) for name in "cd" for k in (1, 2, 3, 4)]
    assert [c.verdict for c in found if c.number == 2] == [HOLDS, FAILS]


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [([], UNKNOWN), ([HOLDS], HOLDS), ([HOLDS, UNKNOWN], UNKNOWN), ([HOLDS, UNKNOWN, FAILS], FAILS)],
)
def test_together(verdicts, whole):
    assert together(verdicts) == whole
