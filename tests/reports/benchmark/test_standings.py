import numpy as np
import pandas as pd
import pytest
from fake_run import scores

from bifseg.analysis.names import OWN_SCRIBBLES, SHARED_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.reports.benchmark.history import sessions_file
from bifseg.reports.benchmark.outcomes import MEASURES, outcomes
from bifseg.reports.benchmark.standings import entries, standings

RULES = {OWN_SCRIBBLES: StoppingRule(4, 0.9), SHARED_SCRIBBLES: StoppingRule(1, None)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.jsonl"


def record(
    path, key, method, dice, day=1, protocol=SHARED_SCRIBBLES, data="m", rules="r", goal=0.9, failed=0
):
    """A record of sessions with these final Dice, one a patient, and the file of their outcomes."""
    lines = [
        (f"case{k}", method, "initial", value, {"protocol": protocol, "network": ""})
        for k, value in enumerate(dice)
    ]
    place = sessions_file(path, {"fingerprint": key})
    place.parent.mkdir(exist_ok=True)
    outcomes(scores(lines), RULES, 0.9).to_parquet(place)
    result = {"cohort": "c", "protocol": protocol, "seen": False, "structure": "lung", "n": len(dice)}
    result |= {"patients": len(dice), "failed": failed, "dice": [float(np.mean(dice)), 0.1, 0.9]}
    if protocol == OWN_SCRIBBLES:
        result |= {"goal": goal, "rounds": [float(np.mean([0 if d >= 0.9 else 4 for d in dice])), 0, 4]}
    return {
        "fingerprint": key,
        "when": f"2026-01-{day:02}T00:00:00+00:00",
        **{"run": "r", "method": method, "network": "", "bifseg": "0", "commit": "abc", "target": 0.9},
        "cohorts": {"c": {"data": data, "simulated": True, "dimension": 2, "split": "test"}},
        "protocols": {protocol: rules},
        "results": [result],
    }


def only(records, path):
    (found,) = standings(records, path)
    return found


def places(standing):
    return {row["method"]: (row["rank"], row["group"]) for row in standing.now.to_dict("records")}


def test_newest_of_each_entry_counts(path):
    better = np.linspace(0.5, 0.8, 8)
    found = only(
        [
            record(path, "1", "geos", better + 0.1, day=1),
            record(path, "2", "growcut", better, day=2),
            record(path, "3", "geos", better - 0.1, day=3),
        ],
        path,
    )
    assert places(found) == {"growcut": (1, "a"), "geos": (2, "b")}  # eight patients, p = 2 / 2**8
    assert found.now["dice_mean"].tolist() == pytest.approx([0.65, 0.55])
    assert len(found.past) == 3
    assert found.past["when"].is_monotonic_increasing


def test_order_in_the_file_does_not_matter(path):
    records = [record(path, "3", "geos", [0.5] * 3, day=3), record(path, "1", "geos", [0.9] * 3, day=1)]
    assert only(records, path).now["dice_mean"].tolist() == [0.5]


def test_entries_that_cannot_be_told_apart_share_a_letter(path):
    found = only(
        [
            record(path, "1", "geos", [0.5, 0.6, 0.7, 0.5, 0.6, 0.9]),
            record(path, "2", "growcut", [0.6, 0.7, 0.8, 0.6, 0.7, 0.8]),
        ],
        path,
    )
    assert places(found) == {"growcut": (1, "a"), "geos": (2, "a")}


def test_too_few_patients_have_no_letters(path):
    """Three: no p-value of theirs is below 0.25."""
    found = only([record(path, "1", "geos", [0.5] * 3), record(path, "2", "growcut", [0.6] * 3)], path)
    assert places(found) == {"growcut": (1, ""), "geos": (2, "")}


@pytest.mark.parametrize("other", [{"data": "old"}, {"rules": "old"}, {"goal": 0.8}])
def test_other_data_rules_and_goals_are_apart_and_told(path, other):
    records = [
        record(path, "1", "geos", [0.9] * 3, day=1, protocol=OWN_SCRIBBLES, **other),
        record(path, "2", "growcut", [0.1] * 3, day=2, protocol=OWN_SCRIBBLES, **other),
        record(path, "3", "growcut", [0.5] * 3, day=3, protocol=OWN_SCRIBBLES),
    ]
    found = only(records, path)
    assert places(found).keys() == {"growcut"}
    assert found.apart == ("geos",)
    assert found.older == 2
    assert len(found.past) == 1


def test_target_does_not_part_entries_whose_rounds_are_not_counted(path):
    records = [record(path, "1", "geos", [0.5] * 3), record(path, "2", "growcut", [0.6] * 3)]
    records[0]["target"] = 0.8
    assert only(records, path).apart == ()


def test_records_from_before_data_and_goal_are_on_other_data(path):
    records = [
        record(path, key, key, [0.5] * 3, day=day, protocol=OWN_SCRIBBLES)
        for key, day in (("geos", 1), ("new", 2))
    ]
    cohort, (result,) = records[0]["cohorts"]["c"], records[0]["results"]
    cohort["manifest_sha256"] = cohort.pop("data") + "anifest"
    del result["goal"]
    assert only(records, path).apart == ("geos",)
    assert only(records[:1], path).now[["data", "goal"]].to_numpy().tolist() == [["manifest", 0.9]]


def test_rounds_give_the_place_where_the_protocol_counts_them(path):
    records = [
        record(path, "1", "geos", [0.95, 0.92, 0.5], protocol=OWN_SCRIBBLES),
        record(path, "2", "growcut", [0.89] * 3, protocol=OWN_SCRIBBLES),
    ]
    found = only(records, path)
    assert found.by == "rounds"
    assert {m: rank for m, (rank, _) in places(found).items()} == {"geos": 1, "growcut": 2}
    assert only([record(path, "1", "geos", [0.9] * 3)], path).by == "dice"


def test_prompts_give_the_place_unless_an_older_record_has_none(path):
    records = [
        record(path, "1", "geos", [0.95, 0.92, 0.5], protocol=OWN_SCRIBBLES),
        record(path, "2", "growcut", [0.89] * 3, protocol=OWN_SCRIBBLES),
    ]
    for entry, prompts in zip(records, (3.0, 9.0), strict=True):
        entry["results"][0]["prompts"] = [prompts, 1.0, 10.0]
    assert only(records, path).by == "prompts"
    assert {m: rank for m, (rank, _) in places(only(records, path)).items()} == {"geos": 1, "growcut": 2}
    del records[0]["results"][0]["prompts"]
    assert only(records, path).by == "rounds"


def test_missing_sessions_leave_no_place(path):
    records = [record(path, "1", "geos", [0.5] * 3)]
    sessions_file(path, records[0]).unlink()
    row = only(records, path).now.iloc[0]
    assert np.isnan(row["rank"])
    assert row["group"] == ""
    assert row["dice_mean"] == 0.5


def test_sessions_from_before_there_were_patients_are_ranked_by_case(path):
    better = np.linspace(0.5, 0.8, 8)
    records = [record(path, "1", "geos", better + 0.1), record(path, "2", "growcut", better)]
    old = sessions_file(path, records[0])
    pd.read_parquet(old).drop(columns="patient").to_parquet(old)
    assert places(only(records, path)) == {"geos": (1, "a"), "growcut": (2, "b")}


def test_every_protocol_stands_alone(path):
    records = [
        record(path, "1", "geos", [0.5] * 3),
        record(path, "2", "geos", [0.6] * 3, protocol=OWN_SCRIBBLES),
    ]
    assert [found.protocol for found in standings(records, path)] == [OWN_SCRIBBLES, SHARED_SCRIBBLES]


def test_empty_history_has_no_standing(path):
    assert standings([], path) == []


def test_entries_by_hand(path):
    row = entries([record(path, "1", "geos", [0.5, 0.7], failed=1)]).iloc[0]
    assert row[["dice_mean", "dice_low", "dice_high", "n", "failed", "rules"]].tolist() == pytest.approx(
        [0.6, 0.1, 0.9, 2, 1, "r"]
    )
    assert np.isnan(row["assd_mm_mean"])
    assert {f"{m.name}_mean" for m in MEASURES} <= set(row.index)
