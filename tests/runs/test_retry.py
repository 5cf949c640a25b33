"""What failed for a reason that has passed is played again, and nothing else."""

from dataclasses import replace

import pytest
from fake_run import fake_session

from bifseg.core.errors import InputError
from bifseg.core.files import write_json
from bifseg.runs.retry import retry
from bifseg.runs.run_folder import Condition
from bifseg.sessions.archive import Archive

CONFIG = {"run": "r", "cohorts": {"discs": {"protocols": {"own": ["geos", "growcut", "grabcut"]}}}}


@pytest.fixture
def run(discs, tmp_path):
    """Two entries, each with a session of every status; the third has not begun."""
    write_json(tmp_path / "config.json", CONFIG)
    statuses = ("ok", "failed", "timeout", "stuck")
    for entry in ("geos", "growcut"):
        archive = Archive(tmp_path / "sessions/discs/own" / entry)
        rows = discs.select(split="test")[:4]
        for row, status in zip(rows, statuses, strict=True):
            session = fake_session(discs, row, "bifseg", "", "own", 1)
            archive.save(
                row.object, replace(session, status=status, fingerprint=status), discs.whole_grid(row)
            )
        archive.pack([row.object for row in rows], 1)
        (archive.folder / "shard-1.tsv").write_text("")
    return tmp_path


def test_failed_and_timed_out_sessions_are_outdated_and_their_jobs_begin_again(run, discs):
    found = retry(run)
    assert found == {Condition("discs", "own", name): 2 for name in ("geos", "growcut")}
    archive = Archive(run / "sessions/discs/own/geos")
    names = [row.object for row in discs.select(split="test")[:4]]
    assert [archive.fingerprint(name) for name in names] == ["ok", "", "", "stuck"]
    assert not list(run.rglob("shard-1.tsv"))


def test_where_nothing_failed_nothing_is_begun_again(run, discs):
    for entry in ("geos", "growcut"):
        archive = Archive(run / "sessions/discs/own" / entry)
        for name in archive.stored():
            session = replace(archive.load(name), status="ok")
            archive.save(name, session, discs.whole_grid(discs.object(name)))
    assert not retry(run)
    assert len(list(run.rglob("shard-1.tsv"))) == 2


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"config.json: run: missing or damaged"):
        retry(tmp_path)
