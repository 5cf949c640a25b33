"""What a run shows while it is played, in a file and on a terminal."""

import io
import json
import re
from collections import Counter

import pytest
from fake_run import fake_session
from rich.console import Console

from bifseg.core.errors import InputError
from bifseg.core.files import write_json
from bifseg.runs import run_display, run_state
from bifseg.runs.expected_times import ExpectedTimes
from bifseg.runs.run_display import LineDisplay, LiveDisplay, duration, entry_text, stage_text
from bifseg.runs.run_state import RunState
from bifseg.runs.status import Progress
from bifseg.sessions.archive import Archive

CONFIG = {
    "run": "r",
    "cohorts": {"discs": {"networks": ["pnet"], "protocols": {"own-scribbles": ["bifseg@pnet", "geos"]}}},
}


@pytest.fixture
def folder(discs, tmp_path):
    """A run whose cohort is prepared."""
    run = tmp_path / "r"
    write_json(run / "config.json", CONFIG)
    (run / "cohorts").mkdir()
    (run / "cohorts/discs").symlink_to(discs.folder)
    return run


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests move by hand."""
    now = [100.0]
    for module in (run_display, run_state):
        monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def play(discs, folder, entry, count):
    """Store sessions of the first objects."""
    archive = Archive(folder / "sessions/discs/own-scribbles" / entry)
    for row in discs.select(split="test")[:count]:
        session = fake_session(discs, row, "bifseg", "", "own-scribbles", 1)
        archive.save(row.object, session, discs.whole_grid(row))


def test_lines_name_finished_entries_and_the_time_left(discs, folder, clock, capsys):
    display = LineDisplay("r", RunState(folder, cores=1), Console(file=io.StringIO()))
    display.n_session_jobs = 1
    display.refresh()
    play(discs, folder, "geos", 6)
    clock[0] += 30
    display.refresh()
    start, ended, summary = (line.partition(" ")[2] for line in capsys.readouterr().err.splitlines())
    assert start == "r: 1 cohort, 1 network, 2 entries"
    assert ended == "done: geos on discs, own-scribbles: 6 of 6"
    assert re.fullmatch(r"r: \d+ % done, 30 s spent, about \d+ min( \d+ s)? left", summary)


def test_a_line_is_printed_once_a_minute_without_news(discs, folder, clock, capsys):
    display = LineDisplay("r", RunState(folder, cores=1), Console(file=io.StringIO()))
    for _ in range(3):
        display.refresh()
    assert len(capsys.readouterr().err.splitlines()) == 1
    clock[0] += 61
    log = folder / "pnet.log"
    log.write_text("training pnet: 80 of 800, no validation yet, 0:00:36 spent, 0:05:24 left\n")
    display.running = [("training pnet on discs", log)]
    display.refresh()
    (line,) = capsys.readouterr().err.splitlines()
    assert "training pnet on discs: 80 of 800, no validation yet" in line


def test_live_table_shows_stages_and_entries_at_work(discs, folder, clock):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    display = LiveDisplay("r", RunState(folder, cores=2), console)
    play(discs, folder, "geos", 2)
    display.say("note: [not markup]")
    display.close()
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "note: [not markup]" in text
    assert re.search(r"sessions +━* +2 of 12 in 2 entries", text)
    assert "geos on discs, own-scribbles: 2 of 6" in text
    assert "bifseg@pnet on discs" not in text  # it has not begun


@pytest.mark.parametrize("cluster", [False, True])
def test_a_job_without_a_log_is_shown_as_waiting(folder, clock, capsys, monkeypatch, cluster):
    monkeypatch.setattr("bifseg.runs.run_state.which", lambda name: "/usr/bin/squeue" if cluster else None)
    display = LineDisplay("r", RunState(folder, cores=1), Console(file=io.StringIO()))
    display.running = [("training pnet on discs", folder / "pnet.log")]
    display.refresh()
    clock[0] += 61
    display.refresh()
    shown = capsys.readouterr().err
    assert "training pnet on discs: waits for its start" in shown
    assert ("squeue --me -o '%k %r' says why" in shown) == cluster


def test_time_left_follows_the_measured_pace(discs, folder, clock):
    (folder / "networks/discs/pnet").mkdir(parents=True)
    (folder / "networks/discs/pnet/weights.pt").touch()
    seconds_left = []
    for pace in (40, 400):
        state = RunState(folder, cores=1)
        state.read([], 1)
        clock[0] += pace
        play(discs, folder, "geos", 6)
        seconds_left.append(state.read([], 1).left_s)
        for path in folder.glob("sessions/discs/own-scribbles/geos/unpacked/*.zip"):
            path.unlink()
    slow, fast = (left - run_state.RESULTS_S for left in (seconds_left[1], seconds_left[0]))
    assert slow / fast == pytest.approx((400 + 20) / (40 + 20)), "ten times slower, but for the prior of 20 s"


def test_time_left_is_at_least_that_of_the_running_training(folder, clock):
    log = folder / "pnet.log"
    log.write_text("training pnet: 1 of 800, no validation yet, 0:00:36 spent, 1 day, 2:05:24 left\n")
    state = RunState(folder, cores=64).read([("training pnet on discs", log)], 0)
    assert state.left_s == 86400 + 2 * 3600 + 5 * 60 + 24 + run_state.RESULTS_S


def test_time_left_is_unknown_before_the_first_session(folder):
    assert RunState(folder, cores=2).read([], 0).left_s is None


@pytest.mark.parametrize("error", [FileNotFoundError("packed meanwhile"), InputError("half written")])
def test_errors_while_reading_keep_the_last_state(folder, monkeypatch, capsys, error):
    display = LineDisplay("r", RunState(folder, cores=1), Console(file=io.StringIO()))

    def fail(*_):
        raise error

    monkeypatch.setattr(run_state, "progress", fail)
    display.refresh()
    display.close()
    assert capsys.readouterr().err == ""


def test_a_run_that_is_slow_to_read_is_read_less_often(folder, clock, monkeypatch):
    display = LineDisplay("r", RunState(folder, cores=1), Console(file=io.StringIO()))
    read, durations = run_state.progress, [0.01, 2.0]

    def slow(*words):
        clock[0] += durations.pop(0)
        return read(*words)

    monkeypatch.setattr(run_state, "progress", slow)
    display.refresh()
    assert display.wait_s == display.every_s
    display.refresh()
    assert display.wait_s == pytest.approx(40)


def test_failed_sessions_are_counted():
    parts = [Progress("a", 5, 6, "running", failed=Counter({("failed", "no luck"): 2}))]
    assert stage_text(parts) == "5 of 6, 2 failed"


def test_stuck_sessions_are_not_called_failed():
    endings = Counter({("failed", "no luck"): 2, ("failed", "no memory"): 1, ("stuck", "no effect"): 2})
    part = Progress("a on b, c", 5, 6, "running", failed=endings)
    assert stage_text([part]) == "5 of 6, 3 failed, 2 stuck"
    assert entry_text(part) == "a on b, c: 5 of 6, 3 failed, 2 stuck"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (725, "12 min"),
        (3599, "1 h 0 min"),
        (7800, "2 h 10 min"),
        (43000, "12 h"),
        (541720, "6 days"),
    ],
)
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text


def test_expected_times_prefer_the_same_cohort_then_the_dimension_then_the_demo(tmp_path):
    record = {
        "method": "geos",
        "cohorts": {"a": {"dimension": 3}},
        "results": [{"cohort": "a", "session_s": [7.0, 6.0, 8.0]}],
    }
    half = '{"fingerprint": "é'.encode()[:-1]  # of a writer that was killed within a letter
    (tmp_path / "history.jsonl").write_bytes(json.dumps(record).encode() + b"\nno json\n[]\n{}\n" + half)
    times = ExpectedTimes(tmp_path / "history.jsonl")
    same_cohort, other_cohort, demo, guess = (
        times.sessions(cohort, dimension, method, 10)
        for cohort, dimension, method in [
            ("a", 3, "geos"),
            ("b", 3, "geos"),
            ("b", 2, "grabcut"),
            ("b", 2, "mine"),
        ]
    )
    assert same_cohort.seconds == other_cohort.seconds == pytest.approx(10 * 7.1 + 5)
    assert demo.seconds < guess.seconds < same_cohort.seconds
    assert [e.source.split(":")[0] for e in (same_cohort, other_cohort, demo, guess)] == [
        "earlier runs on this cohort",
        "earlier runs on other cohorts",
        "as in the demo, whose images are small",
        "a guess",
    ]


@pytest.mark.parametrize(("done", "end"), [(0, "; writing tables"), (1, " spent")])
def test_nothing_is_at_work_once_the_report_is_done(folder, clock, capsys, done, end):
    display = LineDisplay("r", RunState(folder, cores=1), Console(file=io.StringIO()))
    for number in (0, done):
        clock[0] += 61
        display.show(
            run_state.State([Progress("report", number, 1, "running")], 1.0, None, [("writing tables", "")])
        )
    assert capsys.readouterr().err.splitlines()[-1].endswith(end)
