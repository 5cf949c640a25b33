"""The quicker scenarios of docs/reliability.md, and their judge; `python tests/reliability/faults.py` tries all."""

import os

import cuts
import disks
import kills
import pandas as pd
import pytest
from faults import line
from verdict import compare

from bifseg.analysis.scores import COLUMNS


@pytest.mark.faults
@pytest.mark.parametrize("victim", kills.KILLS)
def test_a_run_survives_kills_at_random_moments(tmp_path, victim):
    kills.kills(tmp_path / "project", victim, moments=2, cases=2)


@pytest.mark.faults
def test_two_jobs_with_one_shard_give_the_same_rows(tmp_path):
    kills.twice(tmp_path / "project", times=1)


@pytest.mark.faults
def test_truncated_sessions_are_replayed(tmp_path):
    cuts.cut_sessions(tmp_path / "project")


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_run_survives_a_full_disk(tmp_path):
    disks.full_disk_of_a_job(tmp_path / "project", ("16k",))


@pytest.mark.faults
def test_truncated_files_are_detected(tmp_path):
    names = ("the packed sessions", "the list of objects", "a plan", "a table")
    cuts.cut_files(tmp_path / "project", names)


# The judge itself


def rows():
    """Two sessions of two steps."""
    zero = {name: 0 for name, kind in COLUMNS.items() if kind != "str"} | {"machine_s": 0.5}
    words = {name: "x" for name, kind in COLUMNS.items() if kind == "str"}
    steps = [(name, step) for name in ("a", "b") for step in ("initial", "round-1")]
    return pd.DataFrame([words | zero | {"object": name, "step": step} for name, step in steps])


def test_times_and_memory_are_not_compared():
    verdict = compare(rows().assign(machine_s=9.0), rows(), None)
    assert (verdict.good, verdict.rows) == (True, 4)


@pytest.mark.parametrize(
    ("spoil", "counts"),
    [
        (lambda frame: frame.iloc[1:], (1, 0, 0)),
        (lambda frame: pd.concat([frame, frame.iloc[:2]]), (0, 2, 0)),
        (lambda frame: frame.assign(dice=[0, 0, 0.5, 0]), (0, 0, 1)),
        (lambda frame: frame.assign(dice=[0, None, 0, 0]), (0, 0, 1)),
        (lambda frame: frame.assign(object=["a", "a", "b", "c"]), (1, 0, 1)),
    ],
)
def test_missing_repeated_and_different_rows_are_counted(spoil, counts):
    verdict = compare(spoil(rows()), rows(), None)
    assert (verdict.missing, verdict.twice, verdict.other) == counts
    assert not verdict.good


def test_different_columns_are_named_and_the_commit_ignored():
    assert compare(rows().assign(commit="b"), rows()).good
    assert "2 different (dice)" in str(compare(rows().assign(dice=[0, 0.5, 0.5, 0]), rows()))


def test_replayed_sessions_are_recognised_by_their_times():
    again = rows()
    again.loc[again["object"] == "b", "machine_s"] = 0.7
    verdict = compare(again, rows(), rows())
    assert (verdict.kept, verdict.finished, verdict.good) == (1, 2, False)


def test_cells_are_escaped_in_the_table():
    assert line(("a|b", "c\nd", "", "e")) == "| a b | c d |  | e |\n"
