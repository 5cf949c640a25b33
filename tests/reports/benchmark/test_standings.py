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
    (standing,) = standings(records, path)
    return standing


def places(standing):
    return {row["method"]: (row["rank"], row["group"]) for row in standing.now.to_dict("records")}


def test_an_entry_that_played_fewer_objects_is_named(path):
    records = [record(path, "1", "geos", [0.5] * 8), record(path, "2", "mine", [0.9] * 6)]
    assert only(records, path).fewer == ("mine 6 of 8 (lung)",)
    assert only(records[:1], path).fewer == ()


def test_newest_of_each_entry_counts(path):
    better = np.linspace(0.5, 0.8, 8)
    standing = only(
        [
            record(path, "1", "geos", better + 0.1, day=1),
            record(path, "2", "growcut", better, day=2),
            record(path, "3", "geos", better - 0.1, day=3),
        ],
        path,
    )
    assert places(standing) == {"growcut": (1, "a"), "geos": (2, "b")}  # eight patients, p = 2 / 2**8
    assert standing.now["dice_mean"].tolist() == pytest.approx([0.65, 0.55])
    assert len(standing.past) == 3
    assert standing.past["when"].is_monotonic_increasing


def test_order_in_the_file_does_not_matter(path):
    records = [record(path, "3", "geos", [0.5] * 3, day=3), record(path, "1", "geos", [0.9] * 3, day=1)]
    assert only(records, path).now["dice_mean"].tolist() == [0.5]


def test_entries_without_a_significant_difference_share_a_letter(path):
    standing = only(
        [
            record(path, "1", "geos", [0.5, 0.6, 0.7, 0.5, 0.6, 0.9]),
            record(path, "2", "growcut", [0.6, 0.7, 0.8, 0.6, 0.7, 0.8]),
        ],
        path,
    )
    assert places(standing) == {"growcut": (1, "a"), "geos": (2, "a")}


def test_too_few_patients_have_no_letters(path):
    """With three patients no p-value is below 0.25."""
    standing = only([record(path, "1", "geos", [0.5] * 3), record(path, "2", "growcut", [0.6] * 3)], path)
    assert places(standing) == {"growcut": (1, ""), "geos": (2, "")}


@pytest.mark.parametrize("change", [{"data": "old"}, {"rules": "old"}, {"goal": 0.8}])
def test_entries_with_other_data_rules_or_goal_are_listed_separately(path, change):
    records = [
        record(path, "1", "geos", [0.9] * 3, day=1, protocol=OWN_SCRIBBLES, **change),
        record(path, "2", "growcut", [0.1] * 3, day=2, protocol=OWN_SCRIBBLES, **change),
        record(path, "3", "growcut", [0.5] * 3, day=3, protocol=OWN_SCRIBBLES),
    ]
    standing = only(records, path)
    assert places(standing).keys() == {"growcut"}
    assert standing.apart == ("geos",)
    assert standing.older == 2
    assert len(standing.past) == 1


def test_the_target_is_irrelevant_if_rounds_are_not_counted(path):
    records = [record(path, "1", "geos", [0.5] * 3), record(path, "2", "growcut", [0.6] * 3)]
    records[0]["target"] = 0.8
    assert only(records, path).apart == ()


def test_old_records_without_data_and_goal_are_listed_separately(path):
    records = [
        record(path, key, key, [0.5] * 3, day=day, protocol=OWN_SCRIBBLES)
        for key, day in (("geos", 1), ("new", 2))
    ]
    cohort, (result,) = records[0]["cohorts"]["c"], records[0]["results"]
    cohort["manifest_sha256"] = cohort.pop("data") + "anifest"
    del result["goal"]
    assert only(records, path).apart == ("geos",)
    assert only(records[:1], path).now[["data", "goal"]].to_numpy().tolist() == [["manifest", 0.9]]


def test_entries_are_ranked_by_rounds_if_the_protocol_counts_them(path):
    records = [
        record(path, "1", "geos", [0.95, 0.92, 0.5], protocol=OWN_SCRIBBLES),
        record(path, "2", "growcut", [0.89] * 3, protocol=OWN_SCRIBBLES),
    ]
    standing = only(records, path)
    assert standing.by == "rounds"
    assert {m: rank for m, (rank, _) in places(standing).items()} == {"geos": 1, "growcut": 2}
    assert only([record(path, "1", "geos", [0.9] * 3)], path).by == "dice"


def test_entries_are_ranked_by_prompts_unless_an_old_record_has_none(path):
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


def test_an_entry_without_stored_sessions_has_no_rank(path):
    records = [record(path, "1", "geos", [0.5] * 3)]
    sessions_file(path, records[0]).unlink()
    row = only(records, path).now.iloc[0]
    assert np.isnan(row["rank"])
    assert row["group"] == ""
    assert row["dice_mean"] == 0.5
    assert only(records, path).lost == ("geos",)


def test_what_the_patients_show_is_against_the_first_that_did_not_see_them(path):
    better = np.linspace(0.5, 0.8, 8)
    records = [
        record(path, "1", "trained", better + 0.1 * np.arange(8) / 8),
        record(path, "2", "geos", better - 0.1),
        record(path, "3", "growcut", better - 0.2),
    ]
    records[0]["results"][0]["exposure"] = "seen patient"
    detectable = only(records, path).now.set_index("method")["detectable"]
    assert np.isnan(detectable[["trained", "geos"]]).all()
    assert detectable["growcut"] == pytest.approx(0)  # every patient differs from geos by the same


def test_old_sessions_without_patients_are_ranked_by_case(path):
    better = np.linspace(0.5, 0.8, 8)
    records = [record(path, "1", "geos", better + 0.1), record(path, "2", "growcut", better)]
    old = sessions_file(path, records[0])
    pd.read_parquet(old).drop(columns="patient").to_parquet(old)
    assert places(only(records, path)) == {"geos": (1, "a"), "growcut": (2, "b")}


def test_each_protocol_has_its_standing(path):
    records = [
        record(path, "1", "geos", [0.5] * 3),
        record(path, "2", "geos", [0.6] * 3, protocol=OWN_SCRIBBLES),
    ]
    assert [standing.protocol for standing in standings(records, path)] == [OWN_SCRIBBLES, SHARED_SCRIBBLES]


def test_empty_history_has_no_standing(path):
    assert standings([], path) == []


def test_entries_by_hand(path):
    row = entries([record(path, "1", "geos", [0.5, 0.7], failed=1)]).iloc[0]
    assert row[["dice_mean", "dice_low", "dice_high", "n", "failed", "rules"]].tolist() == pytest.approx(
        [0.6, 0.1, 0.9, 2, 1, "r"]
    )
    assert np.isnan(row["assd_mm_mean"])
    assert {f"{m.name}_mean" for m in MEASURES} <= set(row.index)
