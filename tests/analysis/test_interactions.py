import numpy as np
import pytest
from fake_run import scores

from bifseg.analysis.interactions import (
    cost_to_target,
    counts_at,
    dice_per_round,
    interactions,
    reached_per_round,
    time_to_target,
)
from bifseg.analysis.intervals import mean_interval
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.rules import StoppingRule, stopping_rule
from bifseg.analysis.run_files import played_cards
from bifseg.analysis.run_scores import RunScores
from bifseg.cards.cards import ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.files import write_json

FOUR = StoppingRule(rounds=4, target=0.90)


def session(name, *dice, method="bifseg", status="ok", **more):
    """Lines of a session with this Dice after rounds 0, 1, ...: two strokes a round, 1 s each; `status` at the end."""
    last = len(dice) - 1
    return [
        (
            name,
            method,
            f"round-{k}" if k else "initial",
            value,
            {
                "protocol": OWN_SCRIBBLES,
                "n_prompts": 1 + 2 * k,
                "n_strokes": 2 * k,
                "user_s": 7.0 + 2 * k,
                "status": status if k == last else "ok",
                **more,
            },
        )
        for k, value in enumerate(dice)
    ]


# a reaches the target in round 2, b at once; c ends with the last round; d stops satisfied in round 1, below it.
PLAYED = [
    *session("a", 0.50, 0.80, 0.90),
    *session("b", 0.95),
    *session("c", 0.10, 0.20, 0.30, 0.40, 0.50),
    *session("d", 0.70, 0.75),
]


def only(frame):
    assert len(frame) == 1
    return frame.iloc[0]


def test_time_to_target_by_hand():
    sessions = time_to_target(scores(PLAYED), 0.90, FOUR).set_index("object")
    assert sessions["reached"].to_dict() == {"a": True, "b": True, "c": False, "d": False}
    assert sessions["round"].to_dict() == {"a": 2, "b": 0, "c": np.inf, "d": np.inf}
    assert sessions["user_s"].to_dict() == {"a": 11, "b": 7, "c": np.inf, "d": np.inf}


def test_unknown_user_time_gives_no_user_time_results():
    pixels = scores(PLAYED).assign(box_mm=np.nan)
    pixels["user_s"] = pixels["user_s"].where(pixels["round"] == 0)
    unknown_time = only(interactions(pixels, 0.90, FOUR))
    assert unknown_time[["user_s_restricted", "user_s_low", "user_s_high"]].isna().all()
    assert np.isnan(unknown_time["user_s_median"])
    known_time = only(interactions(scores(PLAYED), 0.90, FOUR))
    other_columns = [name for name in known_time.index if not name.startswith("user_s")]
    assert unknown_time[other_columns].to_dict() == known_time[other_columns].to_dict()


def test_interactions_by_hand():
    row = only(interactions(scores(PLAYED), 0.90, FOUR))
    assert (row["n"], row["failed"], row["reached"], row["never"]) == (4, 0, 2, 2)
    assert (row["reached_share"], row["round_limit"]) == (0.5, 4)
    assert row["round_restricted"] == pytest.approx(
        (2 + 0 + 5 + 5) / 4
    )  # never: one more than the last round
    assert 0 <= row["round_low"] < 3 < row["round_high"] <= 5
    assert row["n_prompts_restricted"] == pytest.approx((5 + 1 + 11 + 11) / 4)
    never = 7 + 5 * (
        0.54 + 2 * (1.35 + 1.1 + 0.2 + 0.9 + 0.16 * 3 * 50 / 10)
    )  # box; look, two strokes of 50 mm
    assert row["user_s_restricted"] == pytest.approx((11 + 7 + 2 * never) / 4)
    assert row["round_median"] == np.inf  # of 0, 2, never and never
    assert row["initial_mean"] == pytest.approx((0.5 + 0.95 + 0.1 + 0.7) / 4)
    assert row["final_mean"] == pytest.approx((0.9 + 0.95 + 0.5 + 0.75) / 4)
    areas = [(0.25 + 0.8 + 0.9 + 0.9 + 0.45) / 4, 0.95, 0.3, (0.35 + 0.75 * 3.5) / 4]
    assert row["area_mean"] == pytest.approx(np.mean(areas))
    interval = mean_interval(areas, list("abcd")).within(0, 1)
    assert [row["area_low"], row["area_high"]] == pytest.approx([interval.low, interval.high])


def test_reaching_the_target_in_the_last_round_costs_less_than_never():
    """Session a reaches the target in the last round; b draws the same strokes and never does."""
    lines = session("a", 0.5, 0.5, 0.5, 0.5, 0.9) + session("b", 0.5, 0.5, 0.5, 0.5, 0.5)
    cost = cost_to_target(scores(lines), 0.90, FOUR).set_index("object")
    for name in ("round", "n_prompts", "user_s"):
        assert cost.loc["a", name] < cost.loc["b", name]


def test_cost_of_never_does_not_depend_on_other_entries():
    slow = session("a", 0.5, 0.6, method="slow", network="", user_s=900.0)
    alone, among_others = (
        cost_to_target(scores(lines), 0.90, FOUR).set_index(["method", "object"])
        for lines in (PLAYED, PLAYED + slow)
    )
    assert among_others.loc[alone.index, "user_s"].tolist() == alone["user_s"].tolist()


def test_medians_are_over_all_sessions():
    row = only(interactions(scores(PLAYED + session("e", 0.5, 0.5, 0.5, 0.92)), 0.90, FOUR))
    medians = [row[f"{way}_median"] for way in ("round", "n_strokes", "user_s")]
    assert medians == [3, 6, 13]


def test_the_first_round_at_the_target_counts():
    row = only(interactions(scores(session("a", 0.5, 0.9, 0.2)), 0.90, FOUR))
    assert (row["reached"], row["round_restricted"]) == (1, 1)


@pytest.mark.parametrize(
    ("dice", "status"),
    [
        ((0.5,), "ok"),
        ((0.5, 0.6), "ok"),
        ((0.0,), "failed"),
        ((0.5, 0.6, 0.0), "timeout"),
        ((0.5, 0.6), "stuck"),
        ((0.5, 0.5, 0.5, 0.5, 0.0), "failed"),
        ((0.5, 0.5, 0.5, 0.5, 0.6), "stuck"),
    ],
)
def test_a_session_that_ends_below_the_target_never_reaches_it(dice, status):
    sessions = time_to_target(scores(session("a", *dice, status=status)), 0.90, FOUR)
    assert sessions["round"].tolist() == [np.inf]
    assert only(interactions(scores(session("a", *dice, status=status)), 0.90, FOUR))["round_restricted"] == 5


def test_the_round_limit_is_that_of_the_protocol_not_the_most_played():
    row = only(interactions(scores(session("a", 0.5, 0.6) + session("b", 0.9)), 0.90, StoppingRule(10, 0.90)))
    assert (row["round_restricted"], row["round_limit"]) == (5.5, 10)


def test_a_session_that_fails_after_the_target_has_reached_it():
    row = only(
        interactions(scores(session("a", 0.5, 0.92, 0.0, status="failed")), 0.90, StoppingRule(4, None))
    )
    assert (row["reached"], row["failed"], row["round_restricted"]) == (1, 1, 1)


def test_a_protocol_without_rounds_counts_the_initial_result():
    row = only(interactions(scores(session("a", 0.5) + session("b", 0.9)), 0.90, StoppingRule(0, 0.90)))
    assert (row["round_restricted"], row["area_mean"], row["reached"]) == (0.5, pytest.approx(0.7), 1)


def test_targets_by_hand():
    counts = counts_at(scores(PLAYED), (0.40, 0.80, 0.90), FOUR).set_index("target")
    assert counts["never"].to_dict() == {0.40: 0, 0.80: 2, 0.90: 2}
    assert counts["round_restricted"].to_dict() == {0.40: 0.75, 0.80: 2.75, 0.90: 3.0}


def test_sessions_stopped_at_a_target_give_no_count_for_a_higher_one():
    higher = only(counts_at(scores(PLAYED), [0.95], FOUR))
    assert (higher["n"], higher["round_limit"]) == (4, 4)
    assert higher[["reached", "never", "round_restricted", "round_low", "round_median"]].isna().all()
    assert only(counts_at(scores(PLAYED), [0.95], StoppingRule(4, None)))["reached"] == 1
    whole = only(interactions(scores(PLAYED), 0.95, FOUR))
    assert np.isnan(whole["reached"])
    assert whole["final_mean"] == pytest.approx(0.775)


def test_entries_and_structures_are_counted_separately():
    lines = session("a", 0.9) + session("a", 0.5, method="other") + session("b", 0.2, structure="liver")
    rows = interactions(scores(lines), 0.90, FOUR)
    assert rows[["structure", "method", "reached"]].to_numpy().tolist() == [
        ["liver", "bifseg", 0],
        ["lung", "bifseg", 1],
        ["lung", "other", 0],
    ]
    assert rows["area_mean"].tolist() == pytest.approx([0.2, 0.9, 0.5])


def test_only_sessions_of_own_scribbles_count():
    lines = [(name, method, step, 0.99, {}) for name, method, step, _, _ in PLAYED]
    assert interactions(scores(lines), 0.90, FOUR).empty
    assert only(interactions(scores(lines + PLAYED), 0.90, FOUR))["reached"] == 2


def test_curve_by_hand():
    shares = [point.mean for point in reached_per_round(time_to_target(scores(PLAYED), 0.90, FOUR), 4)]
    assert shares == pytest.approx([0.25, 0.25, 0.5, 0.5, 0.5])
    area = 5 - np.sum(shares)
    assert area == pytest.approx(only(interactions(scores(PLAYED), 0.90, FOUR))["round_restricted"])


def test_last_value_is_carried_forward_and_failures_stay():
    lines = [("a", "m", "initial", 0.2), ("a", "m", "unsupervised", 0.3), ("a", "m", "round-1", 0.9)]
    lines += [("b", "m", "initial", 0.4), ("b", "m", "round-1", 0.5), ("b", "m", "round-2", 0.0)]
    values, keys = dice_per_round(scores(lines), 3)
    assert keys["patient"].tolist() == ["a", "b"]
    assert values.tolist() == [[0.3, 0.9, 0.9, 0.9], [0.4, 0.5, 0.0, 0.0]]


def write_rules(run, entry, rounds, protocol=OWN_SCRIBBLES):
    card = {"rounds": rounds, "target": None, "policy": "centre-line/1"}
    write_json(run / "sessions" / "c" / protocol / entry / "protocol.json", card)


def played_rules(run, frame):
    return RunScores(frame, played_cards(run, frame)).rules


def played(*entries, protocol=OWN_SCRIBBLES):
    """Scores of one session of each."""
    return [("a", entry, "initial", 0.5, {"network": "", "protocol": protocol}) for entry in entries]


def test_rules_are_read_from_the_sessions(tmp_path):
    write_rules(tmp_path, "one", 3)
    write_rules(tmp_path, "two", 3)
    write_rules(tmp_path, "one", 1, "shared")
    frame = scores(played("one", "two") + played("one", protocol="shared"))
    assert played_rules(tmp_path, frame) == {
        OWN_SCRIBBLES: StoppingRule(3, None, longest_mm=40.0),
        "shared": StoppingRule(1, None, longest_mm=40.0),
    }


def test_played_cards_have_defaults_for_keys_that_came_later(tmp_path):
    write_rules(tmp_path, "one", 3)
    card = played_cards(tmp_path, scores(played("one")))[OWN_SCRIBBLES]
    assert card == ProtocolCard(rounds=3, target=None).model_dump(mode="json")


def test_entries_with_different_rules_for_one_protocol_are_refused(tmp_path):
    write_rules(tmp_path, "one", 3)
    write_rules(tmp_path, "two", 4)
    with pytest.raises(InputError, match=r"two/protocol.json: .*rounds=4.* run them again"):
        played_rules(tmp_path, scores(played("one", "two")))


def test_the_goal_is_at_most_the_target_at_which_sessions_end():
    assert [StoppingRule(3, own).goal(0.90) for own in (None, 0.85, 0.95)] == [0.90, 0.85, 0.90]


def test_folders_of_an_earlier_configuration_are_ignored(tmp_path):
    """An entry or protocol that is not played any more keeps its folder."""
    write_rules(tmp_path, "one", 3)
    write_rules(tmp_path, "gone", 4)
    write_rules(tmp_path, "one", 5, "also-gone")
    assert played_rules(tmp_path, scores(played("one"))) == {
        OWN_SCRIBBLES: StoppingRule(3, None, longest_mm=40.0)
    }
    assert set(played_cards(tmp_path, scores(played("one")))) == {OWN_SCRIBBLES}


def test_more_rounds_than_the_rules_allow_are_bad_input():
    with pytest.raises(InputError, match=r"round: 4 under own-scribbles, whose protocol\.json allows 3"):
        time_to_target(scores(PLAYED), 0.90, StoppingRule(3, 0.90))


def test_unknown_rules_are_bad_input():
    with pytest.raises(InputError, match="run `bifseg run` again"):
        stopping_rule({}, OWN_SCRIBBLES)
