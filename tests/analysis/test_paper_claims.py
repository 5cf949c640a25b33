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
    """Sessions without scribbles: the base net's initial result, then an unsupervised one."""
    return play(method, "initial", BASE[: len(values)]) + play(method, "unsupervised", values)


def tool(method, dice, rounds, seconds, **more):
    """Last steps of sessions under the own-scribbles protocol, of a tool or of a method with a network."""
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
    """A run in which all claims hold, with the results in `changed` replaced."""
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
    all_claims = holding()
    assert [(c.number, c.verdict) for c in all_claims] == [(k, HOLDS) for k in (1, 2, 3, 4)]
    assert [c.count(seen=False) for c in all_claims] == ["1 of 1", "1 of 1", "6 of 6", "2 of 2"]
    assert [c.count(seen=True) for c in all_claims] == ["0 of 0"] * 4
    assert all((c.rows["note"] == "").all() for c in all_claims if c.number != 2)


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
    failing = claim(full_run(**{part: lines}), number)
    assert failing.verdict == FAILS
    counted = failing.rows[failing.rows["rule"] != SHOWN]
    assert note in set(counted.loc[counted["verdict"] == FAILS, "note"])


def test_a_loss_within_the_margin_holds_unless_it_may_be_larger():
    for wave, verdict in ((WAVE / 2, HOLDS), (WAVE, FAILS)):  # within 2 points, and it may be more
        unet = play("base-net", "initial", BASE + wave, network="unet")
        assert claim(full_run(other=unet), 1).verdict == verdict


@pytest.mark.parametrize(
    ("cases", "verdicts"),
    [
        (5, [UNKNOWN] * 4),
        (6, [HOLDS, UNKNOWN, UNKNOWN, UNKNOWN]),  # 2/64 is below 0.05, twice that is not
        (7, [HOLDS] * 4),  # three times 2/128 is
    ],
)
def test_a_claim_stays_open_if_the_family_has_too_few_cases(cases, verdicts):
    all_claims = claims(run_of(full_run(cases), RULES))
    # Without the spread: the median case of seven has none, which leaves one pair fewer.
    dice = [c.rows[(c.rows["measure"] != "spread") & (c.rows["rule"] != SHOWN)] for c in all_claims]
    assert [together(rows["verdict"]) for rows in dice] == verdicts
    assert f"{cases} patients" in set(all_claims[1].rows["note"]) or cases == 7


def test_many_objects_of_few_patients_are_not_enough_data():
    frame = full_run()
    frame["patient"] = frame["patient"].map(lambda name: f"of{int(name[-1]) // 2}")
    rows = claim(frame, 2).rows
    assert set(rows["note"]) == {"4 patients"}
    assert rows["n"].tolist() == [8, 8]


def test_missing_methods_are_not_enough_data():
    all_claims = claims(
        run_of(full_run(other=[], unweighted=[], adapted=[], refined=[], grabcut=[], corrected=[]), RULES)
    )
    assert [c.verdict for c in all_claims] == [UNKNOWN] * 4
    assert all_claims[0].rows["against_method"].tolist() == ["other CNNs"]
    assert set(all_claims[3].rows["against_method"]) == {"base-crf", "traditional tools"}
    assert all_claims[3].count(seen=False) == "0 of 2 (2 without enough data)"
    assert set(all_claims[2].rows["note"]) == {"no sessions to pair"}
    assert all_claims[2].rows["holm_p"].isna().all()


def test_one_row_that_does_not_hold_decides_over_missing_ones():
    missing = {"refined-w": [], "unweighted": []}
    third = claim(full_run(**missing), 3)
    assert (third.verdict, third.count(seen=False)) == (UNKNOWN, "4 of 6 (2 without enough data)")
    third = claim(full_run(**missing, crf=play("base-crf", "round-1", BASE + 0.4)), 3)
    assert third.verdict == FAILS


def test_scores_without_a_network_are_not_enough_data():
    all_claims = claims(run_of(scores(tool("grabcut", BASE, [1] * 8, [9] * 8)), RULES))
    assert [c.verdict for c in all_claims] == [UNKNOWN] * 4


@pytest.mark.parametrize("one", [0.15, -0.15])
def test_a_mean_that_one_patient_turns_gives_no_verdict(one):
    """Thirteen of fourteen patients are a little on the other side, which the signed ranks find significant."""
    base = np.linspace(0.60, 0.80, 14)
    values = base + np.array([one] + [-np.sign(one) * 0.005] * 13)
    lines = play("base-net", "initial", base) + play("bifseg", "initial", base)
    row = only(claim(scores(lines + play("bifseg", "unsupervised", values)), 2).rows, method="bifseg")
    assert row["holm_p"] < 0.05
    assert row["difference_mean"] * one > 0
    assert (row["verdict"], row["note"]) == (FAILS, "no difference shown")


def test_empty_scores_give_no_claims():
    assert claims(run_of(scores([]))) == []


def test_methods_without_weights_are_shown_but_not_counted():
    second = holding()[1]
    row = only(second.rows, method="bifseg-w")
    assert (row["rule"], row["verdict"], row["note"]) == (SHOWN, FAILS, "the opposite")
    assert second.comparisons["method"].tolist() == ["bifseg"]


def test_a_plug_in_without_network_is_not_a_traditional_tool():
    frame = full_run(plugin=tool("somebodys", [0.99] * 8, [1] * 8, [5] * 8))
    assert set(claim(frame, 4).rows["against_method"]) == {"base-crf", "grabcut"}


def test_differences_are_those_of_compare_with_the_sign_of_the_claim():
    row = only(holding()[0].rows, against_network="unet")
    assert (row["method"], row["network"], row["against_method"]) == ("base-net", "pnet", "base-net")
    assert row["difference_mean"] == pytest.approx(0.02)
    assert (row["mean"], row["against_mean"]) == pytest.approx((0.70, 0.68))
    assert row["std"] == pytest.approx(BASE.std(ddof=1))
    frame = full_run(other=play("base-net", "initial", BASE + WAVE, network="unet"))
    rows = stage_rows(frame, "initial")
    comparison = compare(rows[rows["method"] == "base-net"], ("base-net", "pnet")).iloc[0]
    row = claim(frame, 1).rows.iloc[0]
    for name, opposite in (("mean", "mean"), ("low", "high"), ("high", "low")):
        assert row[f"difference_{name}"] == -comparison[f"difference_{opposite}"]
    assert row["difference_low"] < 0 < row["difference_high"]
    assert (row["holm_p"], row["t_p"]) == (comparison["holm_p"], comparison["t_p"])


def test_adapted_methods_are_one_family_against_the_base_net():
    rows = holding()[1].rows
    assert rows["method"].tolist() == ["bifseg", "bifseg-w"]
    assert rows["wilcoxon_p"].tolist() == pytest.approx([2 / 256] * 2)
    assert rows["holm_p"].tolist() == pytest.approx([4 / 256] * 2)


def test_spread_by_hand():
    row = only(holding()[2].rows, against_method="base-net", measure="spread")
    # Eight values one step apart lie 0.5, 1.5, 2.5 and 3.5 steps from their median.
    assert row["against_mean"] == pytest.approx(2 * 0.20 / 7)
    assert row["mean"] == pytest.approx(2 * 0.01 / 7)
    assert row["difference_mean"] == pytest.approx(2 * (0.01 - 0.20) / 7)
    assert row["verdict"] == HOLDS


# The cost of never: eleven rounds; a box, and in each round a look and two strokes as long as the box (50 mm).
NEVER = {"round": 11, "n_prompts": 1 + 11 * 2, "user_s": 7 + 11 * (0.54 + 2 * (3.55 + 0.16 * 3 * 5))}


def test_failed_session_counts_with_zero_dice_and_the_protocol_s_limit():
    frame = full_run()
    failed = (
        (frame["method"] == "bifseg") & (frame["protocol"] == OWN_SCRIBBLES) & (frame["object"] == "case7")
    )
    frame.loc[failed, ["status", "dice", "user_s"]] = ["failed", 0.0, 7.0]
    rows = claim(frame, 4).rows
    rows = rows[rows["against_method"] == "grabcut"]
    assert rows["failed"].tolist() == [1] * 4
    assert only(rows, measure="round")["mean"] == (7 * 1 + NEVER["round"]) / 8
    assert only(rows, measure="n_prompts")["mean"] == (7 * 3 + NEVER["n_prompts"]) / 8
    assert only(rows, measure="user_s")["mean"] == pytest.approx((sum(range(10, 17)) + NEVER["user_s"]) / 8)
    assert only(rows, measure="dice")["verdict"] == FAILS


def test_ending_early_below_the_target_costs_as_much_as_never():
    """Half of the sessions stop satisfied after one round, below the target; the tool reaches it in three."""
    early = tool("bifseg", [0.87] * 4 + [0.95] * 4, [1] * 8, [10] * 8, network="pnet")
    frame = full_run(corrected=early, grabcut=tool("grabcut", [0.91] * 8, [3] * 8, [30] * 8))
    rows = claim(frame, 4).rows
    rows = rows[rows["against_method"] == "grabcut"]
    assert only(rows, measure="round")["mean"] == (4 * NEVER["round"] + 4 * 1) / 8
    assert only(rows, measure="user_s")["mean"] == pytest.approx((4 * NEVER["user_s"] + 4 * 10) / 8)
    assert only(rows, measure="n_prompts")["verdict"] == FAILS


def test_a_slow_plug_in_changes_no_other_comparison():
    """A session that never reaches the target costs what the protocol says, not what other entries took."""
    without_plug_in = full_run(corrected=tool("bifseg", [0.5] * 8, [1] * 8, [10] * 8, network="pnet"))
    slow = scores(tool("slowpoke", [0.99] * 8, [1] * 8, [9000] * 8))
    alone, among_others = (
        claim(frame, 4).rows
        for frame in (without_plug_in, pd.concat([without_plug_in, slow], ignore_index=True))
    )
    pd.testing.assert_frame_equal(alone, among_others)


def test_the_goal_is_limited_by_the_target_of_the_protocol():
    """Its sessions end at 0.85, so they cannot show 0.90; the rule names the protocol."""
    frame = full_run().replace({"protocol": {OWN_SCRIBBLES: "mine"}})
    fourth = claims(run_of(frame, {"mine": StoppingRule(10, 0.85)}))[3]
    assert "Under mine: " in fourth.rule
    assert "at least 85%" in fourth.rule
    assert fourth.verdict == HOLDS
    assert claims(run_of(frame))[3].verdict == UNKNOWN


def test_a_tool_counts_as_one_comparison_and_needs_all_three_measures():
    frame = full_run(grabcut=tool("grabcut", [0.99] * 8, [3] * 8, [90] * 8))
    fourth = claim(frame, 4)
    rows = fourth.rows[fourth.rows["against_method"] == "grabcut"]
    assert rows["rule"].tolist() == [SHOWN, "better", "better", "at least as good"]
    assert rows["verdict"].tolist() == [HOLDS, HOLDS, HOLDS, FAILS]
    assert fourth.comparisons["verdict"].tolist() == [HOLDS, FAILS]
    assert fourth.count(seen=False) == "1 of 2"


def test_prompts_replace_user_time_if_images_have_no_spacing():
    """User time is unknown without a spacing."""
    frame = full_run().assign(stroke_mm=np.nan)
    frame["user_s"] = frame["user_s"].where(frame["round"] == 0)
    fourth = claim(frame, 4)
    assert fourth.verdict == HOLDS
    assert set(fourth.rows.loc[fourth.rows["measure"] == "user_s", "rule"]) == {SHOWN}


def test_a_non_finite_value_gives_no_verdict():
    frame = full_run()
    frame.loc[(frame["method"] == "bifseg") & (frame["step"] == "unsupervised"), "dice"] = np.nan
    row = only(claim(frame, 2).rows, method="bifseg")
    assert (row["verdict"], row["note"]) == (UNKNOWN, "a value is not finite")


def test_seen_and_unseen_structures_are_separate_and_seen_ones_come_first():
    seen_run = full_run(adapted=adapt("bifseg", BASE - 0.02))
    seen_run = seen_run.assign(seen=True, structure="zone", object=seen_run["object"] + "z")
    second = claim(pd.concat([full_run(), seen_run], ignore_index=True), 2)
    assert second.rows["structure"].tolist() == ["zone", "zone", "lung", "lung"]
    assert (second.count(seen=True), second.count(seen=False)) == ("0 of 1", "1 of 1")
    assert second.verdict == FAILS


def test_training_seeds_with_equal_results_give_the_claims_of_one():
    frame = full_run()
    twice = pd.concat([frame, frame.assign(training_seed=frame["training_seed"] + 1)], ignore_index=True)
    for number in (1, 2, 3, 4):
        one, both = claim(frame, number).rows, claim(twice, number).rows
        assert both["difference_mean"].tolist() == pytest.approx(one["difference_mean"].tolist())
        assert both["verdict"].tolist() == one["verdict"].tolist()


def test_each_cohort_has_its_claims():
    cohort_d = full_run(adapted=adapt("bifseg", BASE - 0.02)).assign(cohort="d")
    all_claims = claims(run_of(pd.concat([cohort_d, full_run()], ignore_index=True), RULES))
    assert [(c.cohort, c.number) for c in all_claims] == [(name, k) for name in "cd" for k in (1, 2, 3, 4)]
    assert [c.verdict for c in all_claims if c.number == 2] == [HOLDS, FAILS]


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [([], UNKNOWN), ([HOLDS], HOLDS), ([HOLDS, UNKNOWN], UNKNOWN), ([HOLDS, UNKNOWN, FAILS], FAILS)],
)
def test_verdict_of_several_rows(verdicts, whole):
    assert together(verdicts) == whole
