"""Comparing two runs, in one of which a method was made worse on purpose; the gate must catch it."""

import csv
import json
from dataclasses import replace
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


@pytest.fixture(scope="module")
def same(runs):
    return compare(str(runs[0]), str(runs[0]), Limits(), 0.9)


def regressed(comparison):
    rows = comparison.frame[comparison.frame["verdict"] == REGRESSION]
    return set(zip(rows["method"], rows["measure"], strict=True))


def test_gate_catches_only_the_worse_version(worse):
    regressions = regressed(worse)
    assert {method for method, _ in regressions} == {"bifseg"}
    assert {"dice", "unsupervised"} <= {measure for _, measure in regressions}
    rows = worse.frame[(worse.frame["method"] != "bifseg") & (worse.frame["measure"] == "dice")]
    assert len(rows)
    assert (rows[["change", "low", "high"]] == 0).all(axis=None)


def test_equal_runs_pass(same):
    assert same.regressions == 0
    assert same.sides.notes == ()
    assert to_markdown(same).startswith("# No regression shown in ")


def test_better_version_passes(runs):
    comparison = compare(*map(str, reversed(runs)), Limits(), 0.9)
    assert comparison.regressions == 0
    assert "Other changes: the interval excludes none, or fewer sessions failed" in to_markdown(comparison)


def test_infinite_limits_accept_the_worse_version(runs):
    comparison = compare(*map(str, runs), Limits(dice=inf, rounds=inf, slowdown=inf), 0.9)
    assert comparison.regressions == 0
    assert "Regression: a session that failed in NEW and not in BASE." in to_markdown(comparison)


def test_two_versions_of_a_method_in_one_run_are_compared(runs):
    sides = (f"{runs[0]}:bifseg@pnet", f"{runs[0]}:base-crf@pnet")
    comparison = compare(*sides, Limits(), 0.9)
    assert regressed(comparison) >= {("bifseg", "dice")}
    assert "bifseg@pnet → base-crf@pnet" in to_markdown(comparison)


def test_slow_version_is_caught(runs, tmp_path):
    slow = copy(runs[0], tmp_path / "slow")
    rescore(
        slow, lambda frame: frame.assign(machine_s=frame["machine_s"] * (1 + (frame["method"] == "geos")))
    )
    comparison = compare(str(runs[0]), str(slow), Limits(), 0.9)
    assert regressed(comparison) == {("geos", "session_s"), ("geos", "rounds_s")}
    text = to_markdown(comparison)
    assert "×2.00 [2.00, 2.00]" in text
    (times,) = (line for line in text.splitlines() if line.startswith("All times together"))
    assert times.startswith("All times together: ×1.00 in the median, nine in ten between ×1.00 and ×2.00.")
    assert compare(str(runs[0]), str(slow), Limits(slowdown=2.5), 0.9).regressions == 0


def test_new_failure_is_a_regression(runs, tmp_path):
    failing = copy(runs[0], tmp_path / "failing")

    def fail(frame):
        last_of_geos = (frame["method"] == "geos") & (frame["object"] == frame["object"].iloc[-1])
        return frame.assign(status=frame["status"].where(~last_of_geos, "failed"))

    rescore(failing, fail)
    comparison = compare(str(runs[0]), str(failing), Limits(), 0.9)
    assert regressed(comparison) == {("geos", "failed")}
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


def test_rounds_are_named_by_the_target_of_each_protocol():
    rules = {
        OWN_SCRIBBLES: RULES[OWN_SCRIBBLES] | {"target": 0.85},
        SHARED_SCRIBBLES: RULES[SHARED_SCRIBBLES],
    }
    sides = [side(session("a", *dice), rules=rules) for dice in ((0.1, 0.86), (0.1, 0.2, 0.3, 0.86))]
    paired_sides = pair(*sides)
    text = to_markdown(Comparison(paired_sides, judge(changes(paired_sides, 0.9), Limits()), Limits(), 0.9))
    assert "| Rounds to 85% " in text
    assert "rounds to 85% higher by more than 1," in text


def test_the_limit_of_rounds_is_not_named_if_no_rounds_are_counted():
    sides = pair(*[side(session("a", 0.1, 0.86, protocol=SHARED_SCRIBBLES)) for _ in "ab"])
    text = to_markdown(Comparison(sides, judge(changes(sides, 0.9), Limits()), Limits(), 0.9))
    assert "rounds to" not in text


def test_markdown_names_runs_regressions_limits_and_simulated_images(worse, runs):
    text = to_markdown(worse)
    assert f"# {worse.regressions} regressions in {len(worse.frame)} comparisons" in text
    assert f"- BASE: `{runs[0]}`, bifseg 0.1.0, commit abc123, 2026-01-01 03:04" in text
    assert "The images of fake2d are **simulated**." in text
    assert "lower by more than 1 points" in text
    table = text[text.index("## Regressions") :].split("\n\n")[1].splitlines()
    assert len(table) - 2 == worse.regressions
    assert all(line.count("|") == table[0].count("|") for line in table)


def test_every_comparison_is_in_a_table_or_counted(worse):
    text = to_markdown(worse).partition("## What these patients could have shown")[0]
    rows = sum(line.startswith("| fake2d") for line in text.splitlines())
    (not_shown,) = (
        int(line.split()[0]) for line in text.splitlines() if "are in none of these tables" in line
    )
    assert rows + not_shown == len(worse.frame)


def test_the_smallest_change_that_could_have_been_found_is_printed(worse, same):
    table = to_markdown(worse).partition("## What these patients could have shown")[2]
    rows = [[cell.strip() for cell in line.split("|")] for line in table.splitlines() if "| bifseg" in line]
    frame = worse.frame[(worse.frame["measure"] == "dice") & (worse.frame["detectable"] > 0)]
    assert len(rows) == len(frame) > 0
    assert rows[0][-3] == f"{100 * frame['detectable'].iloc[0]:.1f}"
    assert int(rows[0][-2]) == frame["more_patients"].iloc[0] > 0
    assert "could have shown" not in to_markdown(same), "nothing has changed"


def test_notes_are_marked_in_bold(runs, tmp_path):
    fewer = copy(runs[0], tmp_path / "fewer")
    rescore(fewer, lambda frame: frame[frame["object"] != frame["object"].iloc[0]])
    text = to_markdown(compare(str(runs[0]), str(fewer), Limits(), 0.9))
    assert "- **Note.** Only BASE has 1 object (" in text


def test_an_infinite_limit_is_null_in_json(worse, tmp_path):
    """JSON has no infinity: a browser or jq would refuse the whole file of a night with --max-slowdown inf."""
    write(replace(worse, limits=Limits(slowdown=inf)), tmp_path / "a.json")
    content = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert content["limits"]["slowdown"] is None
    assert content["limits"]["dice"] == 1


def test_csv_and_json_hold_every_comparison(worse, tmp_path):
    for name in ("a.csv", "a.json", "a.md"):
        write(worse, tmp_path / name)
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert len(rows) == len(worse.frame)
    content = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert content["regressions"] == worse.regressions
    assert len(content["comparisons"]) == len(worse.frame)
    assert content["limits"] == {"dice": 1.0, "rounds": 1.0, "slowdown": 1.25, "noticeable": 0.1, "failed": 0}
    assert content["base"]["commit"] == "abc123"
    assert (tmp_path / "a.md").read_text() == to_markdown(worse)
    for row, record in zip(rows, content["comparisons"], strict=True):
        assert row["verdict"] == record["verdict"]
        assert float(row["change"] or "nan") == pytest.approx(record["change"] or 0, nan_ok=True)


def test_unknown_file_endings_are_bad_input(worse, tmp_path):
    with pytest.raises(InputError, match=r"a.txt: write to a file that ends in .md, .csv, .json"):
        write(worse, tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())
