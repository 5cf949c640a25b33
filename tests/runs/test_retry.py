"""Retry plays failed sessions again, and no others."""

from dataclasses import replace

import pytest
from fake_run import fake_session
from project import ROOT

from bifseg.core.errors import InputError
from bifseg.core.files import write_json
from bifseg.runs.at_work import begin_work
from bifseg.runs.retry import retry
from bifseg.runs.run_folder import Condition
from bifseg.sessions.archive import Archive

OWN = ["geos", "growcut", "grabcut"]
CONFIG = {
    "run": "r",
    "cards": str(ROOT / "config"),
    "cohorts": {"discs": {"protocols": {"own-scribbles": OWN}}},
}
SCORES = "scores/discs/tools/shard-{}.parquet"


@pytest.fixture
def run(discs, tmp_path):
    """Two entries, each with a session of every status; the third has not begun."""
    write_json(tmp_path / "config.json", CONFIG)
    statuses = ("ok", "failed", "timeout", "stuck")
    for entry in ("geos", "growcut"):
        archive = Archive(tmp_path / "sessions/discs/own-scribbles" / entry)
        rows = discs.select(split="test")[:4]
        for row, status in zip(rows, statuses, strict=True):
            session = fake_session(discs, row, "bifseg", "", "own-scribbles", 1)
            archive.save(
                row.object, replace(session, status=status, fingerprint=status), discs.whole_grid(row)
            )
        archive.pack([row.object for row in rows], 1)
    (tmp_path / SCORES).parent.mkdir(parents=True)
    for number in (1, 2):
        (tmp_path / SCORES.format(number)).write_text("")
    return tmp_path


def test_retry_outdates_failed_sessions_and_restarts_their_jobs(run, discs):
    counts = retry(run)
    assert counts == {Condition("discs", "own-scribbles", name): 2 for name in ("geos", "growcut")}
    archive = Archive(run / "sessions/discs/own-scribbles/geos")
    names = [row.object for row in discs.select(split="test")[:4]]
    assert [archive.fingerprint(name) for name in names] == ["ok", "", "", "stuck"]
    assert [(run / SCORES.format(number)).exists() for number in (1, 2)] == [False, True]


def test_retry_restarts_the_job_of_a_damaged_session(run, discs):
    folder = run / "sessions/discs/own-scribbles/geos"
    names = [row.object for row in discs.select(split="test")[:4]]
    content = (folder / "shard-1.zip").read_bytes()
    start = content.index(f"{names[1]}/masks.npz".encode()) + len(f"{names[1]}/masks.npz")
    (folder / "shard-1.zip").write_bytes(content[:start] + bytes(20) + content[start + 20 :])
    assert retry(run)[Condition("discs", "own-scribbles", "geos")] == 2
    assert [Archive(folder).fingerprint(name) for name in names] == ["ok", None, "", "stuck"]
    assert [(run / SCORES.format(number)).exists() for number in (1, 2)] == [False, True]


def test_retry_without_failures_restarts_nothing(run, discs):
    for entry in ("geos", "growcut"):
        archive = Archive(run / "sessions/discs/own-scribbles" / entry)
        for name in archive.stored():
            session = replace(archive.load(name), status="ok")
            archive.save(name, session, discs.whole_grid(discs.object(name)))
    assert not retry(run)
    assert (run / SCORES.format(1)).exists()


def test_retry_refuses_a_folder_that_is_not_a_run(tmp_path):
    with pytest.raises(InputError, match=r"config.json: run: missing or damaged"):
        retry(tmp_path)


def test_retry_leaves_a_run_alone_at_which_snakemake_works(run):
    """Its jobs write the packs that would be marked, and the scores that would be deleted are their input."""
    lock = begin_work(run)
    with pytest.raises(InputError, match=r"a snakemake works on this run \(process .*; wait for it to end"):
        retry(run)
    lock.close()
    assert retry(run)
