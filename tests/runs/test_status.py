"""Progress of a run, read from its files."""

import os
from dataclasses import replace

import pytest
from fake_run import fake_session

from bifseg.cli.watch import status
from bifseg.core.errors import InputError
from bifseg.core.files import write_json, write_record, write_text
from bifseg.runs.at_work import begin_work
from bifseg.runs.run_folder import Condition, Run
from bifseg.runs.status import STILL_S, progress
from bifseg.sessions.archive import Archive

CONFIG = {
    "run": "r",
    "cohorts": {
        "discs": {"networks": ["pnet"], "protocols": {"own-scribbles": ["bifseg@pnet", "geos"]}},
        "later": {"protocols": {"own-scribbles": ["geos"]}},
    },
}
NOW = 1e9


@pytest.fixture
def folder(discs, tmp_path):
    """A run whose first cohort is prepared; nothing else is there yet."""
    write_json(tmp_path / "config.json", CONFIG)
    (tmp_path / "cohorts").mkdir()
    (tmp_path / "cohorts/discs").symlink_to(discs.folder)
    return tmp_path


def store(discs, folder, entry, count, status="ok", error=""):
    """Sessions of the first objects, one every 10 s, the last of them now."""
    archive = Archive(folder / "sessions/discs/own-scribbles" / entry)
    for k, row in enumerate(discs.select(split="test")[:count]):
        session = fake_session(discs, row, "bifseg", "", "own-scribbles", 1)
        archive.save(row.object, replace(session, status=status, error=error), discs.whole_grid(row))
        when = NOW - 10 * (count - 1 - k)
        os.utime(archive.folder / f"unpacked/{row.object}.zip", (when, when))
    return archive


def damage(path):
    """Overwrite a session's masks, and leave the list of the file's entries as it is."""
    content = path.read_bytes()
    start = content.index(b"masks.npz") + len(b"masks.npz")
    path.write_bytes(content[:start] + bytes(20) + content[start + 20 :])


def items_of(folder, now=NOW):
    return {item.what: item for item in progress(folder, now)}


def test_all_configured_parts_are_listed_in_order(folder):
    assert [(item.what, item.done, item.of, item.state) for item in progress(folder)] == [
        ("cohort discs", 1, 1, "done"),
        ("cohort later", 0, 1, "waiting"),
        ("network pnet on discs", 0, 1, "waiting"),
        ("bifseg@pnet on discs, own-scribbles", 0, 6, "waiting"),
        ("geos on discs, own-scribbles", 0, 6, "waiting"),
        ("geos on later, own-scribbles", 0, 0, "waiting"),
        ("report", 0, 1, "waiting"),
    ]


def test_a_running_entry_has_a_rate_and_a_stopped_one_has_none(discs, folder):
    store(discs, folder, "geos", 3)
    item = items_of(folder)["geos on discs, own-scribbles"]
    assert (item.done, item.of, item.state) == (3, 6, "running")
    assert item.left_s == pytest.approx(30)
    item = items_of(folder, NOW + STILL_S + 1)["geos on discs, own-scribbles"]
    assert (item.done, item.state, item.left_s) == (3, "stopped", None)


def test_objects_that_lack_a_channel_are_not_waited_for(discs, folder):
    archive = store(discs, folder, "geos", 5)
    last = discs.select(split="test")[-1].object
    write_record(archive.folder / "left-out.json", {last: "no channel ct"})
    item = items_of(folder)["geos on discs, own-scribbles"]
    assert (item.done, item.of, item.state) == (5, 5, "done")


def test_failures_are_counted_by_reason(discs, folder):
    store(discs, folder, "bifseg@pnet", 6)
    archive = store(discs, folder, "bifseg@pnet", 2, "failed", "round-1: RuntimeError: no luck")
    for _ in range(2):
        item = items_of(folder)["bifseg@pnet on discs, own-scribbles"]
        assert (item.done, item.of, item.state) == (6, 6, "done")
        assert item.failed == {("failed", "RuntimeError: no luck"): 2}
        archive.pack([row.object for row in discs.select(split="test")], 1)


def test_a_session_that_was_given_up_is_no_failure_and_has_a_reason(discs, folder):
    reason = "rounds 1, 2 and 3 changed nothing; still 12 voxels missed around (1.0, 2.0) mm"
    store(discs, folder, "geos", 2, "stuck", reason)
    item = items_of(folder)["geos on discs, own-scribbles"]
    assert item.failed == {("stuck", "the last corrections had no effect"): 2}


def test_the_report_of_an_earlier_configuration_is_not_done(discs, folder):
    (folder / "report.html").touch()
    assert items_of(folder)["report"].state == "waiting", "sessions are still to be played"
    write_json(
        folder / "config.json", CONFIG | {"cohorts": {"discs": {"protocols": {"own-scribbles": ["geos"]}}}}
    )
    store(discs, folder, "geos", 6)
    assert items_of(folder)["report"].state == "done"


def test_while_snakemake_works_on_a_finished_run_its_report_is_not_done(discs, folder, capsys):
    write_json(
        folder / "config.json", CONFIG | {"cohorts": {"discs": {"protocols": {"own-scribbles": ["geos"]}}}}
    )
    store(discs, folder, "geos", 6)
    (folder / "report.html").touch()
    with begin_work(folder):
        status(folder)
    *_, report, at_work = capsys.readouterr().out.splitlines()
    assert report.split() == ["0/1", "report"]
    assert f"{folder}: snakemake works on this run (process {os.getpid()} on " in at_work
    status(folder)
    assert capsys.readouterr().out.splitlines()[-1].split() == ["done", "1/1", "report"]


def test_a_damaged_list_of_objects_left_out_does_not_hide_the_rest(discs, folder):
    archive = store(discs, folder, "geos", 6)
    write_text(archive.folder / "left-out.json", "{")
    items = items_of(folder)
    assert items["report"].done == 0
    ((kind, reason),) = items["geos on discs, own-scribbles"].failed
    assert kind == "damaged file"
    assert reason.startswith(str(archive.folder / "left-out.json"))
    assert reason.endswith("delete it and run these sessions again")


def test_a_damaged_failed_session_does_not_hide_the_rest(discs, folder):
    archive = store(discs, folder, "geos", 2, "failed", "round-1: RuntimeError: no luck")
    damage(archive.folder / f"unpacked/{discs.select(split='test')[0].object}.zip")
    item = items_of(folder)["geos on discs, own-scribbles"]
    assert (item.done, item.of) == (2, 6)
    assert item.failed == {
        ("failed", "RuntimeError: no luck"): 1,
        ("failed", "its file is damaged; `bifseg retry` has it run again"): 1,
    }


def test_a_running_training_is_shown(folder):
    write_text(folder / "networks/discs/pnet/checkpoint.pt", "half")
    os.utime(folder / "networks/discs/pnet/checkpoint.pt", (NOW, NOW))
    assert items_of(folder)["network pnet on discs"].state == "running"
    assert items_of(folder, NOW + STILL_S + 1)["network pnet on discs"].state == "stopped"
    write_text(folder / "networks/discs/pnet/weights.pt", "whole")
    assert items_of(folder)["network pnet on discs"].state == "done"


@pytest.mark.parametrize("text", [None, "{", "[]", '{"run": "r"}'])
def test_a_folder_that_is_not_a_run_is_bad_input(tmp_path, text):
    if text is not None:
        write_text(tmp_path / "config.json", text)
    with pytest.raises(InputError, match=r"config\.json: run: missing or damaged"):
        list(progress(tmp_path))


def test_a_run_lists_its_conditions_and_networks(folder):
    run = Run(folder)
    assert next(iter(run.conditions())) == Condition("discs", "own-scribbles", "bifseg@pnet")
    assert (run.card.run, list(run.networks())) == ("r", [("discs", "pnet")])
    assert [(condition.method, condition.network) for condition in run.conditions()] == [
        ("bifseg", "pnet"),
        ("geos", ""),
        ("geos", ""),
    ]
