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
def test_killed_at_random_moments(tmp_path, victim):
    kills.kills(tmp_path / "project", victim, moments=2, cases=2)


@pytest.mark.faults
def test_same_shard_twice(tmp_path):
    kills.twice(tmp_path / "project", times=1)


@pytest.mark.faults
def test_sessions_that_were_cut_off(tmp_path):
    cuts.cut_sessions(tmp_path / "project")


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_full_disk(tmp_path):
    disks.full_disk_of_a_job(tmp_path / "project", ("16k",))


@pytest.mark.faults
def test_files_that_were_cut_off(tmp_path):
    names = ("the packed sessions", "the list of objects", "a plan", "a table")
    cuts.cut_files(tmp_path / "project", names)


# The judge itself


def rows():
    """Two sessions of two steps."""
    zero = {name: 0 for name, kind in COLUMNS.items() if kind != "str"} | {"machine_s": 0.5}
    words = {name: "x" for name, kind in COLUMNS.items() if kind == "str"}
    steps = [(name, step) for name in ("a", "b") for step in ("initial", "round-1")]
    return pd.DataFrame([words | zero | {"object": name, "step": step} for name, step in steps])


def test_equal_rows_are_good_whatever_they_took():
    verdict = compare(rows().assign(machine_s=9.0), rows(), None)
    assert (verdict.good, verdict.rows) == (True, 4)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda frame: frame.iloc[1:], (1, 0, 0)),
        (lambda frame: pd.concat([frame, frame.iloc[:2]]), (0, 2, 0)),
        (lambda frame: frame.assign(dice=[0, 0, 0.5, 0]), (0, 0, 1)),
        (lambda frame: frame.assign(dice=[0, None, 0, 0]), (0, 0, 1)),
        (lambda frame: frame.assign(object=["a", "a", "b", "c"]), (1, 0, 1)),
    ],
)
def test_what_is_lost_is_counted(spoil, found):
    verdict = compare(spoil(rows()), rows(), None)
    assert (verdict.missing, verdict.twice, verdict.other) == found
    assert not verdict.good


def test_the_columns_that_differ_are_named_and_the_commit_does_not_count():
    assert compare(rows().assign(commit="b"), rows()).good
    assert "2 different (dice)" in str(compare(rows().assign(dice=[0, 0.5, 0.5, 0]), rows()))


def test_sessions_that_were_played_again_are_known_by_their_times():
    again = rows()
    again.loc[again["object"] == "b", "machine_s"] = 0.7
    verdict = compare(again, rows(), rows())
    assert (verdict.kept, verdict.finished, verdict.good) == (1, 2, False)


def test_a_cell_cannot_break_the_table():
    assert line(("a|b", "c\nd", "", "e")) == "| a b | c d |  | e |\n"
