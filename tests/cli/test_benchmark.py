"""`bifseg compare`, `history` and `leaderboard`: exit codes, files, and bad input in one line."""

import shutil

import pytest
from command_line import bifseg
from fake_runs import rescore

from bifseg.core.files import write_json
from bifseg.reports.benchmark.journal import read


def test_the_exit_code_is_1_for_a_worse_version_only(runs, capsys):
    one, two = runs
    assert bifseg("compare", one, one) == 0
    assert capsys.readouterr().out.startswith("# No regression shown in ")
    assert bifseg("compare", one, two) == 1
    captured = capsys.readouterr()
    assert "## Regressions" in captured.out
    assert captured.err == ""
    assert bifseg("compare", two, one) == 0


def test_wide_limits_accept_a_worse_version(runs):
    wide = ("--max-dice-drop", "100", "--max-more-rounds", "inf", "--max-slowdown", "inf")
    assert bifseg("compare", *runs, *wide) == 0


def test_the_target_option_sets_the_target_of_rounds(runs, capsys):
    bifseg("compare", *runs, "--target", "0.5")
    assert "rounds to 50% higher by more than 1" in capsys.readouterr().out


def test_the_comparison_is_written_despite_a_regression(runs, tmp_path):
    names = [tmp_path / f"c.{end}" for end in ("md", "csv", "json")]
    assert bifseg("compare", *runs, *(word for name in names for word in ("--out", name))) == 1
    assert all(name.stat().st_size for name in names)


def test_history_and_leaderboard_commands(runs, tmp_path, capsys):
    history, page = tmp_path / "history.jsonl", tmp_path / "page.html"
    assert bifseg("history", "append", runs[0], "--history", history) == 0
    assert bifseg("history", "append", runs[0], "--history", history) == 0
    assert capsys.readouterr().out == f"{history}: 5 new records\n{history}: 0 new records\n"
    assert bifseg("history", "list", history) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[4] for line in lines[2:]] == [
        "base-crf@pnet",
        "base-net@pnet",
        "bifseg@pnet",
        "bifseg-w@pnet",
        "geos",
    ]
    assert bifseg("leaderboard", history, "--out", page) == 0
    assert "<h1>Leaderboard</h1>" in page.read_text()


def test_a_run_is_appended_with_its_own_target(runs, tmp_path):
    """The workflow has written its lines so: another target is another line, whose entries are compared with none."""
    run = shutil.copytree(runs[0], tmp_path / "one")
    write_json(run / "config.json", {"target": 0.8})
    for more in ([], ["--target", "0.8"]):
        assert bifseg("history", "append", run, "--history", tmp_path / "history.jsonl", *more) == 0
    records = read(tmp_path / "history.jsonl")
    assert {record["target"] for record in records} == {0.8}
    assert len(records) == 5


def test_a_damaged_history_ends_the_last_step_before_its_work(runs, tmp_path, capsys):
    """Snakemake deletes what a failed job wrote: the report of the run, for a line of somebody else's."""
    (tmp_path / "history.jsonl").write_text("<<<<<<< mine\n")
    before = {path: path.stat().st_mtime_ns for path in runs[0].iterdir()}
    assert bifseg("results", runs[0], "--history", tmp_path / "history.jsonl") == 2
    assert "history.jsonl: line 1: is no record of a run" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in runs[0].iterdir()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("compare {one} nowhere", "nowhere: no such run; name the folder"),
        ("compare {one} {one}/cohorts", "scores.parquet: no such scores"),
        ("compare {one}:geos {two}", "name an entry on both sides or on neither"),
        ("compare {one}:geo {two}:geo", "geo does not play in"),
        ("compare {one}:geos {other}:geos", "Only BASE has cohort fake2d (8 sessions)"),
        ("compare {one} {two} --out {out}/c.txt", "c.txt: write to a file that ends in .md, .csv, .json"),
        (
            "history append nowhere --history {out}/h.jsonl",
            "nowhere: no such folder; correct the path",
        ),
        ("history append {bare} --history {out}/h.jsonl", "provenance.json: missing; run `bifseg prov"),
        ("history list nowhere.jsonl", "nowhere.jsonl: cannot be read: No such file"),
        ("leaderboard nowhere.jsonl --out {out}/l.html", "nowhere.jsonl: cannot be read: No such file"),
        ("leaderboard {damaged} --out {out}/l.html", "damaged.jsonl: line 1: is no record of a run"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(runs, desk, tmp_path, capsys, words, message):
    assert bifseg(*words.format(one=runs[0], two=runs[1], out=tmp_path, **desk).split()) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def desk(runs, tmp_path_factory):
    """A run of another cohort, one without provenance, and a damaged history."""
    folder = tmp_path_factory.mktemp("desk")
    other_run, bare = folder / "other", folder / "bare"
    for run in (other_run, bare):
        run.mkdir()
        (run / "scores.parquet").write_bytes((runs[0] / "scores.parquet").read_bytes())
    rename_cohort(other_run)
    (other_run / "sessions").symlink_to(runs[0] / "sessions")
    (folder / "damaged.jsonl").write_text("half\n")
    return {"other": other_run, "bare": bare, "damaged": folder / "damaged.jsonl"}


def rename_cohort(run):
    rescore(run, lambda frame: frame.assign(cohort="elsewhere"))
