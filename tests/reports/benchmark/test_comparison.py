"""Two runs side by side, and the gate that catches a method that was made worse on purpose."""

import csv
import json
from math import inf

import pytest
from fake_runs import rescore
from sides import RULES, session, side

from bifseg.analysis.names import OWN_SCRIBBLES, SHARED_SCRIBBLES
from bifseg.core.errors import InputError
from bifseg.reports.benchmark.changes import changes
from bifseg.reports.benchmark.comparison import Comparison, compare, to_markdown, write
from bifseg.reports.benchmark.gate import REGRESSION, Limits, judge
from bifseg.reports.benchmark.pairing import pair


@pytest.fixture(scope="module")
def worse(runs):
    return compare(*map(str, runs), Limits(), 0.9)


def regressed(found):
    rows = found.frame[found.frame["verdict"] == REGRESSION]
    return set(zip(rows["method"], rows["measure"], strict=True))


def test_gate_catches_the_worse_version_and_nobody_else(worse):
    found = regressed(worse)
    assert {method for method, _ in found} == {"bifseg"}
    assert {"dice", "unsupervised"} <= {measure for _, measure in found}
    rows = worse.frame[(worse.frame["method"] != "bifseg") & (worse.frame["measure"] == "dice")]
    assert len(rows)
    assert (rows[["change", "low", "high"]] == 0).all(axis=None)


def test_equal_runs_pass(runs):
    found = compare(str(runs[0]), str(runs[0]), Limits(), 0.9)
    assert found.regressions == 0
    assert found.sides.notes == ()
    assert to_markdown(found).startswith("# No regression shown in ")


def test_better_version_passes(runs):
    found = compare(*map(str, reversed(runs)), Limits(), 0.9)
    assert found.regressions == 0
    assert "Other changes: the interval excludes none, or fewer sessions failed" in to_markdown(found)


def test_open_gates_let_the_worse_version_through(runs):
    found = compare(*map(str, runs), Limits(dice=inf, rounds=inf, slowdown=inf), 0.9)
    assert found.regressions == 0
    assert "Regression: a session that failed in NEW and not in BASE." in to_markdown(found)


def test_versions_of_a_method_in_one_run(runs):
    sides = (f"{runs[0]}:bifseg@pnet", f"{runs[0]}:base-crf@pnet")
    found = compare(*sides, Limits(), 0.9)
    assert regressed(found) >= {("bifseg", "dice")}
    assert "bifseg@pnet → base-crf@pnet" in to_markdown(found)


def test_slow_version_is_caught(runs, tmp_path):
    slow = copy(runs[0], tmp_path / "slow")
    rescore(
        slow, lambda frame: frame.assign(machine_s=frame["machine_s"] * (1 + (frame["method"] == "geos")))
    )
    found = compare(str(runs[0]), str(slow), Limits(), 0.9)
    assert regressed(found) == {("geos", "session_s"), ("geos", "rounds_s")}
    text = to_markdown(found)
    assert "×2.00 [2.00, 2.00]" in text
    (times,) = (line for line in text.splitlines() if line.startswith("All times together"))
    assert times.startswith("All times together: ×1.00 in the median, nine in ten between ×1.00 and ×2.00.")
    assert compare(str(runs[0]), str(slow), Limits(slowdown=2.5), 0.9).regressions == 0


def test_new_failure_is_a_regression(runs, tmp_path):
    failing = copy(runs[0], tmp_path / "failing")

    def fail(frame):
        mine = (frame["method"] == "geos") & (frame["object"] == frame["object"].iloc[-1])
        return frame.assign(status=frame["status"].where(~mine, "failed"))

    rescore(failing, fail)
    found = compare(str(runs[0]), str(failing), Limits(), 0.9)
    assert regressed(found) == {("geos", "failed")}
    mended = compare(str(failing), str(runs[0]), Limits(), 0.9)
    assert mended.regressions == 0
    (row,) = (line for line in to_markdown(mended).splitlines() if "| Failed sessions |" in line)
    assert [cell.strip() for cell in row.split("|")[-4:-1]] == ["1", "0", "+0"]


def copy(run, place):
    """A run's folder that can be changed without the first one; big parts are not copied."""
    place.mkdir()
    for name in ("cohorts", "sessions", "provenance.json"):
        (place / name).symlink_to(run / name)
    (place / "scores.parquet").write_bytes((run / "scores.parquet").read_bytes())
    return place


# What is written


def test_rounds_are_named_by_where_each_protocol_stops():
    rules = {
        OWN_SCRIBBLES: RULES[OWN_SCRIBBLES] | {"target": 0.85},
        SHARED_SCRIBBLES: RULES[SHARED_SCRIBBLES],
    }
    sides = [side(session("a", *dice), rules=rules) for dice in ((0.1, 0.86), (0.1, 0.2, 0.3, 0.86))]
    found = pair(*sides)
    text = to_markdown(Comparison(found, judge(changes(found, 0.9), Limits()), Limits(), 0.9))
    assert "| Rounds to 85% " in text
    assert "rounds to 85% higher by more than 1," in text


def test_gate_of_rounds_is_not_named_where_none_are_counted():
    found = pair(*[side(session("a", 0.1, 0.86, protocol=SHARED_SCRIBBLES)) for _ in "ab"])
    text = to_markdown(Comparison(found, judge(changes(found, 0.9), Limits()), Limits(), 0.9))
    assert "rounds to" not in text


def test_markdown_says_what_a_reader_must_know(worse, runs):
    text = to_markdown(worse)
    assert f"# {worse.regressions} regressions in {len(worse.frame)} comparisons" in text
    assert f"- BASE: `{runs[0]}`, bifseg 0.1.0, commit abc123, 2026-01-01 03:04" in text
    assert "The images of fake2d are **simulated**." in text
    assert "lower by more than 1 points" in text
    table = text[text.index("## Regressions") :].split("\n\n")[1].splitlines()
    assert len(table) - 2 == worse.regressions
    assert all(line.count("|") == table[0].count("|") for line in table)


def test_every_comparison_is_in_a_table_or_counted(worse):
    text = to_markdown(worse)
    rows = sum(line.startswith("| fake2d") for line in text.splitlines())
    (rest,) = (int(line.split()[0]) for line in text.splitlines() if "are in none of these tables" in line)
    assert rows + rest == len(worse.frame)


def test_notes_are_loud(runs, tmp_path):
    fewer = copy(runs[0], tmp_path / "fewer")
    rescore(fewer, lambda frame: frame[frame["object"] != frame["object"].iloc[0]])
    text = to_markdown(compare(str(runs[0]), str(fewer), Limits(), 0.9))
    assert "- **Note.** Only BASE has 1 object (" in text


def test_csv_and_json_hold_every_comparison(worse, tmp_path):
    for name in ("a.csv", "a.json", "a.md"):
        write(worse, tmp_path / name)
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert len(rows) == len(worse.frame)
    told = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert told["regressions"] == worse.regressions
    assert len(told["comparisons"]) == len(worse.frame)
    assert told["limits"] == {"dice": 1.0, "rounds": 1.0, "slowdown": 1.25, "noticeable": 0.1, "failed": 0}
    assert told["base"]["commit"] == "abc123"
    assert (tmp_path / "a.md").read_text() == to_markdown(worse)
    for row, other in zip(rows, told["comparisons"], strict=True):
        assert row["verdict"] == other["verdict"]
        assert float(row["change"] or "nan") == pytest.approx(other["change"] or 0, nan_ok=True)


def test_other_endings_are_bad_input(worse, tmp_path):
    with pytest.raises(InputError, match=r"a.txt: write to a file that ends in .md, .csv, .json"):
        write(worse, tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())
