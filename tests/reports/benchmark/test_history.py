import json
import shutil

import numpy as np
import pandas as pd
import pytest
from fake_run import scores
from fake_runs import rescore

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.scores import read_scores, write_scores
from bifseg.cards.cards import LATER_RULES, ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.files import read_json, read_record, write_json, write_record
from bifseg.reports.benchmark.history import append_run, rules_hash, run_records, sessions_file
from bifseg.reports.benchmark.journal import read
from bifseg.reports.benchmark.outcomes import COLUMNS


@pytest.fixture
def run(runs, tmp_path):
    """A copy of the first run, to be changed; its sessions are those of the first run."""
    place = tmp_path / "results" / "one"
    shutil.copytree(runs[0], place, ignore=shutil.ignore_patterns("sessions"))
    (place / "sessions").symlink_to(runs[0] / "sessions")
    return place


@pytest.fixture(scope="module")
def known(runs):
    """The records of the first run and their sessions, by entry."""
    return records(runs[0])


def records(run):
    return {(r["method"], r["network"]): (r, sessions) for r, sessions in run_records(run, 0.9)}


@pytest.fixture
def history(run):
    return run.parent / "history.jsonl"


def test_each_entry_has_a_record_with_its_cohort_run_and_seed(known):
    assert set(known) == {(m, "pnet") for m in ("base-net", "base-crf", "bifseg-w", "bifseg")} | {
        ("geos", "")
    }
    record, _ = known["geos", ""]
    assert record["cohorts"] == {
        "fake2d": {
            "data": record["cohorts"]["fake2d"]["data"],
            "simulated": True,
            "dimension": 2,
            "split": "test",
        }
    }
    assert (record["run"], record["when"], record["commit"], record["seed"]) == (
        "one",
        "2026-01-01T03:04:05+00:00",
        "abc123",
        1,
    )
    assert {(r["protocol"], r["structure"]) for r in record["results"]} == {
        (OWN_SCRIBBLES, "fake_disc"),
        (OWN_SCRIBBLES, "fake_square"),
    }


@pytest.mark.parametrize("change", ["hashes", "objects_sha256", "box_margin", "seed"])
def test_the_data_hash_covers_images_objects_and_boxes(run, known, change):
    """A simulated cohort's manifest is the same list of names for every seed."""
    place = run / "cohorts/fake2d/cohort.json"
    about, before = read_record(place), data_of(known.values())
    if change == "hashes":
        about["hashes"]["case00.nii.gz"] = "other"
    elif change == "box_margin":
        about["card"]["box_margin"] += 30
    else:
        about[change] = 7
    write_record(place, about)
    assert (data_of(run_records(run, 0.9)) != before) == (change != "seed")


def test_a_run_of_some_patients_has_other_data(run, known):
    """Else a quick look at two patients would take the place of every entry's result on all."""
    frame, whole = read_scores(run / "scores.parquet"), data_of(known.values())
    write_scores(frame[frame["patient"] == frame["patient"].iloc[0]], run / "scores.parquet")
    assert data_of(run_records(run, 0.9)) == whole  # an entry that cannot play the others
    facts = read_record(run / "provenance.json")
    write_record(run / "provenance.json", facts | {"config": {"seed": 1, "patients": 1}})
    assert data_of(run_records(run, 0.9)) != whole
    write_scores(frame, run / "scores.parquet")
    assert data_of(run_records(run, 0.9)) == whole  # as many as there are


def data_of(records):
    (data,) = {record["cohorts"]["fake2d"]["data"] for record, _ in records}
    return data


def test_sessions_are_stored_beside_the_history(run, known, history):
    record, sessions = known["bifseg", "pnet"]
    assert sessions.columns.tolist() == COLUMNS
    append_run(run, history, 0.9)
    stored = pd.read_parquet(sessions_file(history, record))
    pd.testing.assert_frame_equal(stored, sessions)


def test_results_of_a_record_by_hand(run):
    values = [0.5, 0.7, 0.6, 0.9]
    patients = ["a", "a", "b", "c"]
    lines = [
        (
            f"{patient}{k}",
            "bifseg",
            "initial",
            dice,
            {"patient": patient, "protocol": OWN_SCRIBBLES, "machine_s": 1.0 + k},
        )
        for k, (patient, dice) in enumerate(zip(patients, values, strict=True))
    ]
    lines[-1][-1].update(status="failed", error="initial: no luck", dice=0.0)
    write_scores(scores(lines, cohort="fake2d"), run / "scores.parquet")
    ((record, _),) = run_records(run, 0.9)
    (result,) = record["results"]
    assert (result["n"], result["patients"], result["failed"], result["error"]) == (
        4,
        3,
        1,
        "initial: no luck",
    )
    mean, low, high = result["dice"]
    assert mean == pytest.approx(0.45)  # the failed one is 0
    assert (low, high) == (0, 1)  # three patients: -0.29 to 1.19, cut to what is possible
    assert result["session_s"][0] == pytest.approx(2)  # of 1, 2 and 3 s; the failed one has no time
    assert "rounds_s" not in result
    assert "unsupervised" not in result


def test_unknown_numbers_are_null_in_the_file(run, history):
    frame = read_scores(run / "scores.parquet")
    write_scores(frame[frame["patient"] == frame["patient"].iloc[0]], run / "scores.parquet")
    append_run(run, history, 0.9)
    frame = [json.loads(text, parse_constant=pytest.fail) for text in history.read_text().splitlines()]
    assert frame[0]["results"][0]["dice"][1:] == [None, None]


def test_run_is_added_once(run, history):
    assert len(append_run(run, history, 0.9)) == 5
    before, own = history.read_bytes(), (run / "history.jsonl").read_text()
    facts = read_json(run / "provenance.json")
    write_json(run / "provenance.json", facts | {"written": "2027-01-01T00:00:00+00:00", "commit": "later"})
    assert append_run(run, history, 0.9) == []
    assert history.read_bytes() == before
    assert own.count("\n") == 5


def test_new_entry_is_added_alone(run, history):
    append_run(run, history, 0.9)
    frame = read_scores(run / "scores.parquet")
    new_entry = frame[frame["method"] == "geos"].assign(method="geos-v2")
    write_scores(pd.concat([frame, new_entry], ignore_index=True), run / "scores.parquet")
    assert [record["method"] for record in append_run(run, history, 0.9)] == ["geos-v2"]


@pytest.mark.parametrize("column", ["dice", "machine_s", "status"])
def test_changed_sessions_are_added_again(run, history, column):
    append_run(run, history, 0.9)

    def change(frame):
        geos = frame["method"] == "geos"
        value = "failed" if column == "status" else frame[column] * 0.5
        return frame.assign(**{column: frame[column].where(~geos, value)})

    rescore(run, change)
    assert [record["method"] for record in append_run(run, history, 0.9)] == ["geos"]


def test_a_corrected_exposure_is_added_again(run, history):
    """The author of `geos` says that it saw the patients: the leaderboard must not go on to rank it with the others."""
    append_run(run, history, 0.9)

    def correct(frame):
        return frame.assign(exposure=frame["exposure"].where(frame["method"] != "geos", "seen patient"))

    rescore(run, correct)
    assert [record["method"] for record in append_run(run, history, 0.9)] == ["geos"]


def test_a_run_without_a_cohort_s_record_is_bad_input(run, history):
    (run / "cohorts/fake2d/cohort.json").unlink()
    with pytest.raises(InputError, match=r"fake2d/cohort\.json: missing; start snakemake again"):
        append_run(run, history, 0.9)


@pytest.mark.parametrize("name", ["", "results", "scores.csv"])
def test_a_path_that_is_no_history_gets_no_folder_of_sessions(run, tmp_path, name):
    (tmp_path / "scores.csv").write_text("a,b\n")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError):
        append_run(run, tmp_path / "own" / name if name == "results" else tmp_path / name, 0.9)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_second_run_of_equal_sessions_is_added(run, history):
    append_run(run, history, 0.9)
    assert len(append_run(shutil.copytree(run, run.with_name("other"), symlinks=True), history, 0.9)) == 5


def test_a_new_column_does_not_change_a_record_s_fingerprint(run, known):
    """The fingerprint is of the outcomes, so that a new column of the scores adds no run twice."""
    before = [record["fingerprint"] for record, _ in known.values()]
    rescore(run, lambda frame: frame.assign(hd95_mm=np.pi))
    assert [record["fingerprint"] for record, _ in run_records(run, 0.9)] == before


def test_a_kill_before_the_line_is_written_loses_no_record(run, history, monkeypatch):
    """A record's sessions are stored before its line."""

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bifseg.reports.benchmark.journal.append", killed)
        with pytest.raises(KeyboardInterrupt):
            append_run(run, history, 0.9)
    assert not history.exists()
    assert len(append_run(run, history, 0.9)) == 5
    assert all(sessions_file(history, record).is_file() for record in read(history))


def test_weights_of_every_training_seed_are_named(run, known):
    first, _ = known["bifseg", "pnet"]
    frame = read_scores(run / "scores")
    write_scores(
        pd.concat([frame, frame[frame["network"] == "pnet"].assign(training_seed=2)]), run / "scores"
    )
    facts = read_record(run / "provenance.json")
    facts["networks"] = {
        f"fake2d/{name}": {"weights_sha256": name} for name in ("pnet", "pnet.seed-2", "other")
    }
    write_record(run / "provenance.json", facts)
    after = records(run)
    assert after["bifseg", "pnet"][0]["weights"] == {"fake2d": "pnet pnet.seed-2"}
    assert after["geos", ""][0]["weights"] == {}
    assert first["weights"] == {"fake2d": None}


FIRST_RULES = {
    "policy": "centre-line/1",
    "box": "margin/1",
    "user": "expert",
    "rounds": 10,
    "strokes_per_label": 1,
    "target": 0.9,
    "tolerance_mm": 0.0,
    "patience": 3,
    "time_limit_s": 600.0,
    "memory_mb": None,
    "fresh_process": None,
    "scribbles_on": "current",
    "begin": "auto",
    "initial_from": None,
    "undo": False,
    "correct": "scribbles",
    "window": "box",
    "disturb": None,
}


def test_the_hash_of_known_rules_never_changes():
    """Otherwise results of before have other rules, and are never compared again."""
    assert rules_hash(FIRST_RULES) == "6c3e8b1b455c9cb1"


def test_a_new_key_of_protocols_is_listed_as_later():
    assert set(ProtocolCard.model_fields) == FIRST_RULES.keys() | LATER_RULES.keys()


def test_a_later_key_is_another_rule_only_where_it_plays_otherwise(monkeypatch):
    monkeypatch.setitem(LATER_RULES, "breaks", False)
    assert rules_hash(FIRST_RULES | {"breaks": False}) == rules_hash(FIRST_RULES)
    assert rules_hash(FIRST_RULES | {"breaks": True}) != rules_hash(FIRST_RULES)
    assert rules_hash(FIRST_RULES | {"patience": 4}) != rules_hash(FIRST_RULES), (
        "a changed default is another rule"
    )
