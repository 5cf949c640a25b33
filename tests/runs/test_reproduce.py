"""Reproduced sessions equal the stored ones; changed sessions are detected."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bifseg.cli.main import main
from bifseg.core.files import write_json, write_text
from bifseg.runs.reproduce import compare_sessions, reproduce
from bifseg.runs.run_folder import Run
from bifseg.runs.shards import run_shard
from bifseg.sessions.archive import Archive

CARDS = {"methods/geos.yaml": "method: geos\n", "protocols/own-scribbles.yaml": "rounds: 2\ntarget: 0.99\n"}


def write_config(place, cards=CARDS, **keys):
    """The configuration of the run in a folder, and its cards, the first of which is that of the method."""
    for name, text in cards.items():
        write_text(place / "cards" / name, text)
    cohorts = {"discs": {"protocols": {"own-scribbles": [Path(next(iter(cards))).stem]}}}
    config = {"run": "r", "cards": str(place / "cards"), "cohorts": cohorts, **keys}
    write_json(place / "r/config.json", config)


def played(place, discs):
    """The folder of the configured run, whose sessions are played."""
    (place / "r/cohorts").mkdir()
    (place / "r/cohorts/discs").symlink_to(discs.folder)
    run = Run(place / "r")
    (condition,) = run.conditions()
    setup = run.setup(condition, discs)
    run_shard(setup, setup.trials(run.objects(discs)), run.sessions(condition))
    return run.folder


@pytest.fixture(scope="module")
def finished(discs, tmp_path_factory):
    """A finished run of GeoS, which no test changes."""
    place = tmp_path_factory.mktemp("finished")
    write_config(place)
    return played(place, discs)


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the finished run."""
    shutil.copytree(finished, tmp_path / "r", symlinks=True)
    write_config(tmp_path)
    return tmp_path / "r"


def test_a_run_is_reproduced_to_the_bit(folder):
    verdicts = list(reproduce(folder, 4))
    assert len(verdicts) == 4
    assert all(v.same and v.dice == 1 and not v.outdated for v in verdicts)
    assert [v.name for v in reproduce(folder, 4)] == [v.name for v in verdicts]


@pytest.mark.parametrize(
    ("card", "processes", "sessions"),
    [
        (
            "method: broken_methods:Clicks\n"
            "plays: {dimensions: [2], prompts: [box, points], scribbles_as_points: {points: 2}}\n",
            "fresh_process: job\n",
            12,
        ),
        ("method: broken_methods:Remembers\n", "", 12),
        ("method: broken_methods:TwoChannels\nplays: {dimensions: [2], channels: [flair]}\n", "", 0),
    ],
    ids=["adapted prompts", "a fresh process for each session", "objects that are left out"],
)
def test_sessions_are_played_again_as_the_run_played_them(
    card, processes, sessions, discs, tmp_path, monkeypatch
):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "helpers"))
    rules = {"protocols/own-scribbles.yaml": CARDS["protocols/own-scribbles.yaml"] + processes}
    write_config(tmp_path, {"methods/odd.yaml": card, **CARDS, **rules}, replicates=2)
    verdicts = list(reproduce(played(tmp_path, discs), 20))
    assert len(verdicts) == sessions
    assert all(verdict.same for verdict in verdicts)


def test_a_changed_session_is_detected(discs, folder):
    archive = Archive(folder / "sessions/discs/own-scribbles/geos")
    for trial in Run(folder).trials(discs):
        name = trial.session
        session = archive.load(name)
        steps = (*session.steps[:-1], replace(session.steps[-1], mask=~session.steps[-1].mask))
        archive.save(name, replace(session, steps=steps), discs.whole_grid(discs.object(name)))
    (verdict,) = reproduce(folder, 1)
    assert not verdict.same
    assert verdict.dice < 0.5


def test_changed_cards_are_reported_as_outdated(folder):
    write_text(folder.parent / "cards/methods/geos.yaml", "method: geos\nsettings: {gamma: 1.0}\n")
    assert all(verdict.outdated for verdict in reproduce(folder, 2))


def test_the_command_reports_equal_close_and_different_sessions(discs, folder, monkeypatch, capsys):
    def said(*words):
        monkeypatch.setattr("sys.argv", ["bifseg", "reproduce", str(folder), "--sample", "1", *words])
        with pytest.raises(SystemExit) as raised:
            main()
        return raised.value.code or 0, capsys.readouterr().out

    code, text = said()
    assert code == 0
    assert text.endswith(": the same\n1 of 1 sessions reproduced\n")
    (verdict,) = reproduce(folder, 1)
    archive = Archive(folder / "sessions/discs/own-scribbles/geos")
    session = archive.load(verdict.name)
    mask = session.steps[-1].mask.copy()
    mask[tuple(np.argwhere(mask)[0])] = False
    steps = (*session.steps[:-1], replace(session.steps[-1], mask=mask))
    archive.save(verdict.name, replace(session, steps=steps), discs.whole_grid(discs.object(verdict.name)))
    assert said()[0] == 1
    code, text = said("--tolerance", "0.02")
    assert code == 0
    assert "close, Dice 0.99" in text


def test_times_and_memory_are_not_compared(discs, folder):
    name = Run(folder).trials(discs)[0].session
    session = Archive(Path(folder) / "sessions/discs/own-scribbles/geos").load(name)
    steps = tuple(replace(step, seconds={"machine": 9.0, "robot": 9.0}) for step in session.steps)
    assert compare_sessions(session, replace(session, steps=steps, peak_mb={})) == (True, 1.0)
    assert compare_sessions(session, replace(session, steps=session.steps[:-1])) == (False, 0.0)
