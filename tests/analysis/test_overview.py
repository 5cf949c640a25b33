"""Every entry of a cohort on one line, by hand."""

import numpy as np
import pytest
from fake_run import scores

from bifseg.analysis.interactions import interactions
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.overview import overview
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


def test_numbers_by_hand():
    shown = table(LINES)
    assert (shown.protocol, shown.by, shown.rounds) == (OWN_SCRIBBLES, "rounds", 2)
    rows = shown.frame.set_index("method")
    assert rows.loc["bifseg", "rounds_mean"] == pytest.approx((1 + 1 + 3) / 3), (
        "never: one more than the last round"
    )
    assert rows.loc["geos", "rounds_mean"] == pytest.approx((1 + 1 + 3) / 3), "a failure never reaches it"
    assert rows.loc["bifseg", "dice_mean"] == pytest.approx((0.95 + 0.95 + 0.7) / 3)
    assert rows.loc["geos", "dice_mean"] == pytest.approx(2 * 0.92 / 3), "a failure counts with the worst"
    limit = 7 + 3 * (0.54 + 2 * (3.55 + 0.16 * 3 * 3))  # three rounds of two strokes of 30 mm
    assert rows.loc["geos", "user_s_mean"] == pytest.approx((10 + 10 + limit) / 3), (
        "and with the protocol's limit"
    )
    assert rows["reached_mean"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert rows[["n", "failed"]].to_numpy().tolist() == [[3, 0], [3, 1]]
    assert (rows["dice_low"] <= rows["dice_mean"]).all()
    assert (rows["dice_mean"] <= rows["dice_high"]).all()


def test_who_never_reaches_the_target_costs_the_limit_whatever_was_spent():
    """Entry `bifseg` misses it on one of three objects, after 40 s; the box is a prompt, and so is each stroke."""
    rows = table(LINES).frame.set_index("method")
    limit = 7 + 3 * (0.54 + 2 * (3.55 + 0.16 * 3 * 3))
    assert rows.loc["bifseg", "user_s_mean"] == pytest.approx((20 + 20 + limit) / 3)
    spent = scores(LINES).query("method == 'bifseg' and step == 'round-1'")["n_prompts"].tolist()
    assert rows.loc["bifseg", "prompts_mean"] == pytest.approx((sum(spent[:2]) + 1 + 3 * 2) / 3)


def test_who_starts_from_scribbles_has_no_initial_result():
    rows = table(LINES).frame.set_index("method")
    assert rows.loc["bifseg", "initial_mean"] == 0.5
    assert np.isnan(rows.loc["geos", "initial_mean"])


def test_nor_a_share_in_areas():
    frame = interactions(scores(LINES), 0.9, StoppingRule(2, None)).set_index("method")
    assert frame.loc["geos", ["initial_mean", "area_mean", "area_low"]].isna().all()
    assert frame.loc["geos", "final_mean"] == pytest.approx(2 * 0.92 / 3)
    assert frame.loc["bifseg", ["initial_mean", "area_mean"]].notna().all()


def test_equal_ranks_go_by_dice():
    assert table(LINES).frame["method"].tolist() == ["bifseg", "geos"]


@pytest.mark.parametrize("card", [{"rounds": 1}, {"target": 0.8}])
def test_ranked_by_dice_where_the_protocol_does_not_show_the_target(card):
    lines = [line for line in LINES if line[2] != "round-2"]
    shown = table(lines, **card)
    assert shown.by == "dice"
    assert shown.frame[["reached_mean", "rounds_mean"]].isna().all(axis=None)
    assert shown.frame["dice_mean"].is_monotonic_decreasing
