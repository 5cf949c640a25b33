"""What is read from a run folder beside its scores."""

from fake_run import scores

from bifseg.analysis.run_files import with_origin
from bifseg.core.files import write_json


def test_rows_say_where_they_come_from(tmp_path):
    write_json(tmp_path / "cohorts/c/cohort.json", {"seed": 7})
    write_json(tmp_path / "networks/c/pnet/card.json", {"weights_sha256": "ff"})
    frame = scores([("a", "m", "initial", 0.5), ("a", "tool", "initial", 0.5, {"network": ""})])
    known = with_origin(frame, tmp_path, "abc")
    assert known["seed"].tolist() == ["7", "7"]
    assert known["weights_sha256"].tolist() == ["ff", ""]
    assert set(known["commit"]) == {"abc"}
    assert list(known) == list(frame), "columns keep their order"
