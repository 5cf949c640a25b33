"""Reading files of a run folder other than its scores."""

import shutil

import pytest
from fake_run import scores

from bifseg.analysis.run_files import read_metrics, with_origin, write_metrics
from bifseg.analysis.scores import read_scores, write_scores
from bifseg.core.errors import InputError
from bifseg.core.files import write_json
from bifseg.core.metrics import built_in


def test_rows_state_seed_weights_and_commit(tmp_path):
    write_json(tmp_path / "cohorts/c/cohort.json", {"seed": 7})
    write_json(tmp_path / "networks/c/pnet/card.json", {"weights_sha256": "ff"})
    frame = scores([("a", "m", "initial", 0.5), ("a", "tool", "initial", 0.5, {"network": ""})])
    rows = with_origin(frame, tmp_path, "abc")
    assert rows["seed"].tolist() == ["7", "7"]
    assert rows["weights_sha256"].tolist() == ["ff", ""]
    assert set(rows["commit"]) == {"abc"}
    assert list(rows) == list(frame), "columns keep their order"


def test_rows_of_a_later_training_seed_state_the_weights_of_its_own_network(tmp_path):
    write_json(tmp_path / "networks/c/pnet/card.json", {"weights_sha256": "first"})
    write_json(tmp_path / "networks/c/pnet.seed-2/card.json", {"weights_sha256": "second"})
    frame = scores([("a", "m", "initial", 0.5, {"training_seed": k}) for k in (1, 2)])
    assert with_origin(frame, tmp_path, "")["weights_sha256"].tolist() == ["first", "second"]


def test_scores_of_one_entry_are_refused_as_those_of_the_run(tmp_path):
    """The tables would otherwise cover that entry alone."""
    (tmp_path / "config.json").write_text("{}")
    write_scores(scores([("a", "m", "initial", 0.5)]), tmp_path / "scores/c/own/m.parquet")
    assert len(read_scores(tmp_path / "scores/c/own/m.parquet")) == 1
    shutil.copy(tmp_path / "scores/c/own/m.parquet", tmp_path / "scores.parquet")
    with pytest.raises(
        InputError, match=r"scores\.parquet: not its table .*written as scores/c/own/m\.parquet"
    ):
        read_scores(tmp_path / "scores.parquet")


def test_metrics_are_read_back_also_from_lists_of_older_versions(tmp_path):
    records = [metric.to_record() for metric in built_in()]
    write_metrics(built_in(), tmp_path / "metrics.json")
    assert [metric.to_record() for metric in read_metrics(tmp_path)] == records
    write_json(tmp_path / "metrics.json", records)
    assert [metric.to_record() for metric in read_metrics(tmp_path)] == records
