"""The overview, one row for each entry of a cohort, checked against numbers computed by hand."""

import numpy as np
import pandas as pd
import pytest
from fake_run import scores

from bifseg.analysis.interactions import interactions
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.overview import overview, overview_over_cohorts
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.run_scores import RunScores

OWN = {"protocol": OWN_SCRIBBLES}
WAITS = OWN | {"network": "", "volume_ml": 0.0, "user_s": 0.0}  # starts from scribbles
LINES = [
    *((name, "bifseg", "initial", 0.5, OWN) for name in "abc"),
    *(
        (name, "bifseg", "round-1", dice, OWN | {"user_s": 20.0})
        for name, dice in zip("abc", (0.95, 0.95, 0.6), strict=True)
    ),
    ("c", "bifseg", "round-2", 0.7, OWN | {"user_s": 40.0}),
    *((name, "geos", "initial", 0.0, WAITS) for name in "abc"),
    *((name, "geos", "round-1", 0.92, WAITS | {"user_s": 10.0}) for name in "ab"),
    ("c", "geos", "round-1", 0.0, WAITS | {"status": "failed"}),
]
CARD = {"rounds": 2, "target": None, "scribbles_on": "current", "user": "expert"}


def table(lines, **card):
    run = RunScores(scores(lines), {OWN_SCRIBBLES: CARD | card}, target=0.9)
    return overview(run.cohorts[0])


def test_overview_by_hand():
    shown = table(LINES)
    assert (shown.protocol, shown.by, shown.rounds) == (OWN_SCRIBBLES, "prompts", 2)
    rows = shown.frame.set_index("method")
    assert rows.loc["bifseg", "rounds_mean"] == pytest.approx((1 + 1 + 3) / 3), (
        "never: one more than the last round"
    )
    assert rows.loc["geos", "rounds_mean"] == pytest.approx((1 + 1 + 3) / 3), "a failure never reaches it"
    assert rows.loc["bifseg", "dice_mean"] == pytest.approx((0.95 + 0.95 + 0.7) / 3)
    assert rows.loc["geos", "dice_mean"] == pytest.approx(2 * 0.92 / 3), "a failure counts with the worst"
    limit = 7 + 3 * (0.54 + 2 * (3.55 + 0.16 * 3 * 5))  # three rounds of two strokes of 50 mm
    assert rows.loc["geos", "user_s_mean"] == pytest.approx((10 + 10 + limit) / 3), (
        "and with the protocol's limit"
    )
    assert rows["reached_mean"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert rows[["n", "failed"]].to_numpy().tolist() == [[3, 0], [3, 1]]
    assert (rows["dice_low"] <= rows["dice_mean"]).all()
    assert (rows["dice_mean"] <= rows["dice_high"]).all()


def test_a_session_of_each_training_seed_counts_once():
    lines = [(name, "bifseg", "initial", 0.5, OWN | {"training_seed": k}) for name in "abc" for k in (1, 2)]
    lines += [("a", "bifseg", "round-1", 0.0, OWN | {"training_seed": 2, "status": "failed"})]
    row = table(lines).frame.iloc[0]
    assert (row["n"], row["failed"]) == (6, 1)
    assert row["dice_mean"] == pytest.approx(5 * 0.5 / 6)


def test_a_share_of_one_has_an_interval():
    """Clopper and Pearson's lower limit of three of three: the cube root of 0.025."""
    rows = table([(*line[:3], 0.95, *line[4:]) if line[1] == "bifseg" else line for line in LINES]).frame
    bifseg = rows.set_index("method").loc["bifseg"]
    assert bifseg[["reached_mean", "reached_low", "reached_high"]].tolist() == pytest.approx(
        [1, 0.025 ** (1 / 3), 1]
    )


def test_a_session_that_never_reaches_the_target_costs_the_limit():
    """Entry `bifseg` misses it on one of three objects, after 40 s; the box is a prompt, and so is each stroke."""
    rows = table(LINES).frame.set_index("method")
    limit = 7 + 3 * (0.54 + 2 * (3.55 + 0.16 * 3 * 5))
    assert rows.loc["bifseg", "user_s_mean"] == pytest.approx((20 + 20 + limit) / 3)
    spent = scores(LINES).query("method == 'bifseg' and step == 'round-1'")["n_prompts"].tolist()
    assert rows.loc["bifseg", "prompts_mean"] == pytest.approx((sum(spent[:2]) + 1 + 3 * 2) / 3)


def test_limits_are_those_of_the_table_of_interactions():
    """Of three sessions one never reaches the target, and no interval leaves what the protocol allows."""
    rows, card = scores(LINES), StoppingRule(rounds=2, target=None)
    shown = table(LINES).frame.set_index("method").loc["bifseg"]
    listed = interactions(rows, 0.9, card).set_index("method").loc["bifseg"]
    for name, column in (("rounds", "round"), ("prompts", "n_prompts"), ("user_s", "user_s")):
        assert [shown[f"{name}_{end}"] for end in ("low", "high")] == pytest.approx(
            [listed[f"{column}_{end}"] for end in ("low", "high")]
        )
    assert shown["rounds_high"] <= 3
    assert shown["prompts_high"] <= 1 + 3 * 2


def test_a_method_that_starts_from_scribbles_has_no_initial_result():
    rows = table(LINES).frame.set_index("method")
    assert rows.loc["bifseg", "initial_mean"] == 0.5
    assert np.isnan(rows.loc["geos", "initial_mean"])


def test_a_method_that_starts_from_scribbles_has_no_area_under_the_curve():
    frame = interactions(scores(LINES), 0.9, StoppingRule(2, None)).set_index("method")
    assert frame.loc["geos", ["initial_mean", "area_mean", "area_low"]].isna().all()
    assert frame.loc["geos", "final_mean"] == pytest.approx(2 * 0.92 / 3)
    assert frame.loc["bifseg", ["initial_mean", "area_mean"]].notna().all()


def test_entries_are_ranked_by_prompts_then_by_dice():
    assert table(LINES).frame["method"].tolist() == ["bifseg", "geos"]


@pytest.mark.parametrize(
    ("exposure", "order", "ranks"),
    [
        ("unseen", ["bifseg", "geos"], [1, 2]),
        ("unknown", ["bifseg", "geos"], [1, 2]),
        ("seen structure", ["bifseg", "geos"], [1, 2]),
        ("seen patient", ["geos", "bifseg"], [1, 1]),
    ],
)
def test_entries_that_were_trained_on_a_patient_they_played_are_ranked_apart(exposure, order, ranks):
    frame = scores([line for line in LINES if line[2] != "round-2"])
    played = frame["method"].eq("bifseg") & frame["object"].eq(frame["object"].iloc[0])
    frame = frame.assign(exposure=np.where(played, exposure, "unseen"))
    run = RunScores(frame, {OWN_SCRIBBLES: CARD | {"target": 0.8}}, target=0.9)
    shown = overview(run.cohorts[0]).frame
    assert shown["method"].tolist() == order
    assert shown["rank"].tolist() == ranks


@pytest.mark.parametrize("card", [{"rounds": 1}, {"target": 0.8}])
def test_entries_are_ranked_by_dice_if_the_protocol_does_not_show_the_target(card):
    lines = [line for line in LINES if line[2] != "round-2"]
    shown = table(lines, **card)
    assert shown.by == "dice"
    assert shown.frame[["reached_mean", "rounds_mean"]].isna().all(axis=None)
    assert shown.frame["dice_mean"].is_monotonic_decreasing


def test_a_box_counts_as_a_prompt_so_fewer_rounds_can_rank_second():
    """`boxed`: a box and a stroke in each of 2 rounds. `opener`: 4 strokes in its only round."""
    steps = (("initial", 0.5, 1), ("round-1", 0.7, 2), ("round-2", 0.95, 3))
    boxed = [(name, "boxed", step, dice, OWN | {"n_prompts": n}) for name in "abc" for step, dice, n in steps]
    opener = [(name, "opener", "round-1", 0.95, OWN | {"network": "", "n_prompts": 4}) for name in "abc"]
    frame = table(boxed + opener).frame
    assert frame["method"].tolist() == ["boxed", "opener"]
    assert frame["prompts_mean"].tolist() == [3, 4]
    assert frame["rounds_mean"].tolist() == [2, 1]


def test_an_entry_that_played_fewer_objects_is_named():
    lacking = [line for line in LINES if (line[0], line[1]) != ("b", "bifseg")]
    assert table(LINES).fewer == ()
    assert table(lacking).fewer == ("bifseg@pnet 2 of 3",)
    both = [line for line in LINES if line[1] == "bifseg"]
    assert over_cohorts(both, both).fewer == ()
    assert over_cohorts(LINES, lacking).fewer == ("bifseg 5 of 6",)


def over_cohorts(*parts, **cards):
    """The overview of cohorts c0, c1, ..., each of some lines."""
    frame = pd.concat([scores(lines, cohort=f"c{k}") for k, lines in enumerate(parts)], ignore_index=True)
    return overview_over_cohorts(RunScores(frame, {OWN_SCRIBBLES: CARD | cards}, target=0.9))


def test_over_cohorts_entries_with_another_network_than_the_main_one_are_named():
    more = [
        (name, "bifseg", "initial", 0.9, OWN | {"network": net}) for name in "ab" for net in ("pnet", "unet")
    ]
    more += [(name, "base-net", "initial", 0.9, OWN) for name in "ab"]
    shown = over_cohorts(LINES, more)
    assert (shown.partial, shown.others) == (("base-net", "geos"), ("bifseg@unet",))
    assert over_cohorts(LINES, LINES).others == ()


def test_over_cohorts_an_initial_result_in_one_of_two_cohorts_is_no_mean_of_both():
    begun = [(name, "geos", "initial", 0.6, OWN | {"network": ""}) for name in "ab"]
    (row,) = over_cohorts([line for line in LINES if line[1] == "geos"], begun).frame.to_dict("records")
    assert np.isnan(row["initial_mean"])
    assert row["dice_mean"] == pytest.approx((2 * 0.92 / 3 + 0.6) / 2)


def test_over_cohorts_each_cohort_counts_the_same():
    more = [
        ("d", "bifseg", "initial", 0.9, OWN | {"network": "unet"}),
        ("e", "bifseg", "initial", 0.3, OWN | {"network": "unet"}),
    ]
    shown = over_cohorts(LINES, more)
    assert (shown.cohorts, shown.partial) == (("c0", "c1"), ("geos",))
    (row,) = shown.frame.to_dict("records")
    assert (row["method"], row["network"], row["n"], row["patients"]) == ("bifseg", "", 5, 5)
    assert row["dice_mean"] == pytest.approx(((0.95 + 0.95 + 0.7) / 3 + 0.6) / 2)
    assert row["initial_mean"] == pytest.approx((0.5 + 0.6) / 2)
    assert row["dice_low"] < row["dice_mean"] < row["dice_high"]


def test_over_cohorts_the_larger_cohort_does_not_turn_the_letters():
    """geos is first by the cohorts' means, bifseg better in 30 of 35 patients: neither is better than the other."""
    gains = {"few": [0.3] * 5, "many": [-0.02] * 30}
    parts = [
        [
            (f"{cohort}{k}", method, "initial", 0.5 + gain * (method == "geos"), OWN | {"network": ""})
            for k, gain in enumerate(values)
            for method in ("bifseg", "geos")
        ]
        for cohort, values in gains.items()
    ]
    frame = over_cohorts(*parts, target=0.4).frame
    assert frame["method"].tolist() == ["geos", "bifseg"]
    assert frame["group"].tolist() == ["a", "a"]
    same_way = [[(name, m, s, 0.5 + 0.1 * (m == "geos"), k) for name, m, s, _, k in part] for part in parts]
    assert over_cohorts(*same_way, target=0.4).frame["group"].tolist() == ["a", "b"]


def test_over_cohorts_equal_patients_of_one_cohort_add_no_width():
    """Only the spread inside a cohort widens the interval; the distance between cohorts does not."""
    rows = [[(name, "bifseg", "initial", dice, OWN) for name in "abcdef"] for dice in (0.5, 0.9)]
    (row,) = over_cohorts(*rows).frame.to_dict("records")
    assert (row["dice_low"], row["dice_high"]) == (pytest.approx(0.7), pytest.approx(0.7))


def test_over_cohorts_a_share_of_one_has_an_interval():
    """Six of six patients in both cohorts are worth twelve of twelve."""
    (row,) = over_cohorts(*[[(name, "bifseg", "initial", 0.95, OWN) for name in "abcdef"]] * 2).frame.to_dict(
        "records"
    )
    shares = [row[f"reached_{kind}"] for kind in ("mean", "low", "high")]
    assert shares == pytest.approx([1, 0.025 ** (1 / 12), 1])


def test_over_cohorts_one_patient_of_a_cohort_gives_no_interval():
    many = [(name, "bifseg", "initial", 0.5 + 0.01 * k, OWN) for k, name in enumerate("abcdefghij")]
    (row,) = over_cohorts(many, [("a", "bifseg", "initial", 0.95, OWN)]).frame.to_dict("records")
    assert row["dice_mean"] == pytest.approx((0.545 + 0.95) / 2)
    assert np.isnan([row[f"{name}_{end}"] for name in ("dice", "reached") for end in ("low", "high")]).all()


def test_one_cohort_has_no_overview_over_cohorts():
    assert over_cohorts(LINES) is None
    assert over_cohorts(LINES[:6], [line for line in LINES if line[1] == "geos"]) is None, "no common method"
