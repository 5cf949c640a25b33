"""A job's sessions: rows do not depend on the shards, and no session is played twice."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from disc_cases import HEADER, make_case
from fake_run import scores

from bifseg.analysis.interactions import interactions
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.run_files import played_cards
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.scores import score_session, to_frame
from bifseg.cards.cards import CohortCard, MethodCard, ProtocolCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.preparation import prepare
from bifseg.core.errors import InputError
from bifseg.core.files import read_json, read_record
from bifseg.core.images import read_array, write_array
from bifseg.methods.process.process import MethodError, MethodProcess
from bifseg.runs.job_setup import JobSetup, derived_from_truth
from bifseg.runs.scheduling import share_out_shards
from bifseg.runs.session_worker import EntryJob
from bifseg.runs.shards import load_sessions, missing, run_entries, run_shard, write_index
from bifseg.sessions.archive import Archive
from bifseg.sessions.users import SimulatedUser

HELPERS = Path(__file__).parents[1] / "helpers"
PROTOCOL = ProtocolCard(rounds=2, target=0.99)
TIMES = ["robot_s", "network_s", "label_update_s", "machine_s", "method_s", "peak_rss_mb", "peak_gpu_mb"]


@pytest.fixture(scope="module")
def setup(discs, discs_network):
    card = MethodCard(method="bifseg")
    return JobSetup("run", 1, discs, "own", PROTOCOL, Path("bifseg.yaml"), card, discs_network)


@pytest.fixture(scope="module")
def trials(discs, setup):
    return setup.trials(discs.select(split="test"))


@pytest.fixture(scope="module")
def whole(setup, trials, tmp_path_factory):
    """The folder of all sessions, played in one shard by one process."""
    folder = tmp_path_factory.mktemp("whole")
    run_shard(setup, trials, folder)
    return folder


@pytest.fixture
def odd(setup, monkeypatch):
    """A setup with one of the odd methods."""
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))

    def make(name="Half", **settings):
        card = MethodCard(method=f"odd_methods:{name}", settings=settings)
        return replace(setup, card_path=Path("odd.yaml"), card=card, network=None)

    return make


def rows_of(discs, folder):
    objects = discs.select(split="test")
    rows = [
        r for row, s in load_sessions(folder, objects) for r in score_session(s, discs.truth(row), "anna")
    ]
    return to_frame(rows).drop(columns=TIMES)


@pytest.mark.parametrize(
    ("dimension", "why"),
    [
        (2, "starts from scribbles and has no initial result; this protocol has `scribbles_on: initial`"),
        (3, "plays in 3D, the cohort is 2D"),
    ],
)
def test_an_unfit_program_is_named_by_its_card(setup, dimension, why):
    answer = f'{{"dimensions": [{dimension}], "prompts": ["scribbles"], "adapts": false}}'
    card = MethodCard(command=["sh", "-c", f"echo '{answer}'; cat"])
    shared = ProtocolCard(scribbles_on="initial")
    wrong = replace(setup, card_path=Path("tool.yaml"), card=card, network=None, protocol=shared)
    with pytest.raises(InputError) as caught:
        wrong.method()
    assert str(caught.value) == f"method: tool {why}; leave it out here"


@pytest.fixture(scope="module")
def parts(setup, trials, tmp_path_factory):
    """The folder of all sessions, played in two shards in reverse order: one by two processes, one by one process."""
    folder, shards = tmp_path_factory.mktemp("parts"), share_out_shards(dict.fromkeys(trials, 1.0), 2)
    for number, workers in ((2, 2), (1, 1)):
        assert len(shards[number - 1]) >= workers
        run_shard(setup, shards[number - 1][::-1], folder, number, workers)
    return folder


def test_rows_do_not_depend_on_shards_order_or_processes(discs, trials, whole, parts):
    rows = rows_of(discs, whole)
    assert len(rows) > len(trials)
    assert rows.equals(rows_of(discs, parts))


def test_every_job_checks_that_the_network_is_unchanged(parts):
    for number in (1, 2):
        check = read_json(parts / f"forgetting-{number}.json")
        assert check["before"] == check["after"]
    assert not list(parts.glob(".forgetting*"))


def test_intact_sessions_are_kept_and_damaged_ones_replayed(odd, trials, tmp_path):
    setup = odd()
    assert run_shard(setup, trials, tmp_path) == {"ok": len(trials)}
    assert run_shard(setup, trials, tmp_path) == {"kept": len(trials)}
    pack = tmp_path / "shard-1.zip"
    pack.write_bytes(pack.read_bytes()[:-100])
    assert run_shard(setup, trials, tmp_path) == {"ok": len(trials)}
    assert not missing(setup, trials, tmp_path)


def test_an_interrupted_job_resumes(odd, trials, tmp_path):
    """Stored sessions that are not packed yet are kept."""
    setup = odd()

    def two(played, total):
        for count, item in enumerate(played, start=1):
            yield item
            if count == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_shard(setup, trials, tmp_path, progress=two)
    assert not list(tmp_path.glob("shard-*.zip"))
    assert run_shard(setup, trials, tmp_path) == {"kept": 2, "ok": len(trials) - 2}


CHANGES = {
    "seed": lambda setup, folder: replace(setup, seed=2),
    "run": lambda setup, folder: replace(setup, run="other"),
    "protocol": lambda setup, folder: replace(setup, protocol=PROTOCOL.model_copy(update={"rounds": 1})),
    "settings": lambda setup, folder: replace(
        setup, card=setup.card.model_copy(update={"settings": {"do": "print"}})
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_setup_is_played_again(odd, trials, tmp_path, change):
    setup = odd()
    run_shard(setup, trials[:2], tmp_path)
    changed = CHANGES[change](setup, tmp_path)
    assert missing(changed, trials[:2], tmp_path) == trials[:2]
    assert run_shard(changed, trials[:2], tmp_path) == {"ok": 2}


def test_other_weights_are_played_again(setup, trials, tmp_path):
    before = setup.fingerprint(trials[0])
    content = torch.load(setup.network / "weights.pt", weights_only=True)
    content["weights"] = {name: values + 1 for name, values in content["weights"].items()}
    torch.save(content, tmp_path / "weights.pt")
    shutil.copy2(setup.network / "card.json", tmp_path)
    assert replace(setup, network=tmp_path).fingerprint(trials[0]) != before


def test_other_source_of_a_plug_in_is_played_again(odd, trials, tmp_path, monkeypatch):
    source = (HELPERS / "odd_methods.py").read_text()
    (tmp_path / "odd_copy.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    marks = set()
    for text in (source, source + "CHANGED = 1\n"):
        (tmp_path / "odd_copy.py").write_text(text)
        marks.add(replace(odd(), card=MethodCard(method="odd_copy:Half")).fingerprint(trials[0]))
    assert len(marks) == 2


def test_a_failure_is_stored_and_other_sessions_are_played(discs, odd, trials, tmp_path):
    assert run_shard(odd(do="raise"), trials, tmp_path) == {"failed": len(trials)}
    frame = rows_of(discs, tmp_path)
    failed = frame[frame.status == "failed"]
    assert len(failed) == len(trials)
    assert (failed.dice == 0).all()
    assert (failed.error == "round-1: RuntimeError: two lines").all()
    write_index(tmp_path, trials, tmp_path / "index.tsv")
    assert len((tmp_path / "index.tsv").read_text().splitlines()) == 1 + len(trials)


def test_a_stuck_session_is_stored_with_its_last_result(discs, odd, trials, tmp_path):
    rules = ProtocolCard(rounds=9, target=None, policy="centre-click/1")
    assert run_shard(replace(odd("Deaf"), protocol=rules), trials, tmp_path) == {"stuck": len(trials)}
    frame = rows_of(discs, tmp_path)
    assert frame.groupby("object")["status"].agg(list).tolist() == [["ok"] * 3 + ["stuck"]] * len(trials)
    stuck = frame[frame["status"] == "stuck"]
    assert (stuck["dice"] > 0).all()
    assert stuck["error"].str.startswith("rounds 1, 2 and 3 changed nothing; ").all()
    counts = interactions(frame.assign(protocol=OWN_SCRIBBLES), 0.9, StoppingRule(9, None))
    assert (counts["failed"].sum(), counts["never"].sum()) == (0, len(trials))


@pytest.fixture
def mark():
    """A path in shared memory, where a method can leave a mark for its next process."""
    path = Path(f"/dev/shm/bifseg-test-{os.getpid()}")
    yield path
    path.unlink(missing_ok=True)


def test_a_killed_method_is_tried_once_more(odd, trials, tmp_path, mark):
    setup = odd(do="die_once", path=str(mark))
    assert run_shard(setup, trials[:2], tmp_path / "out") == {"ok": 2}
    assert mark.exists()
    one = trials[:1]
    setup = odd(do="die")
    assert run_shard(setup, one, tmp_path / "out") == {"failed": 1}
    session = Archive(tmp_path / "out").load(trials[0].session)
    assert session.error == "round-1: the method's process ended by signal SIGKILL"
    assert run_shard(odd(do="die"), one, tmp_path / "out") == {"failed": 1}  # is not kept
    assert run_shard(odd(do="leave"), one, tmp_path / "crash") == {"failed": 1}
    assert run_shard(odd(do="leave"), one, tmp_path / "crash") == {"kept": 1}


def test_a_method_killed_at_start_is_started_once_more(odd, trials, tmp_path, mark):
    """All sessions of the job need it."""
    setup = odd("KilledAsItOpens", path=str(mark))
    assert run_shard(setup, trials[:2], tmp_path / "out") == {"ok": 2}
    setup = odd("KilledAsItOpens", path=str(mark), always=True)
    for _ in range(2):  # not kept: the next job may have more memory
        assert run_shard(setup, trials[:2], tmp_path / "killed") == {"failed": 2}


def test_a_method_that_cannot_start_fails_each_session(odd, trials, tmp_path):
    assert run_shard(odd("NeverOpens"), trials[:2], tmp_path) == {"failed": 2}
    sessions = [Archive(tmp_path).load(trial.session) for trial in trials[:2]]
    assert {session.error for session in sessions} == {"initial: RuntimeError: the model is too large"}


@pytest.mark.parametrize(
    ("replicates", "setting", "sessions"),
    [(1, None, "12"), (2, None, "11"), (2, "job", "12"), (1, "object", "11")],
)
def test_the_number_of_sessions_per_process_follows_the_protocol(
    odd, trials, tmp_path, replicates, setting, sessions
):
    rules = PROTOCOL.model_copy(update={"fresh_process": setting})
    run_shard(replace(odd(do="count"), protocol=rules, replicates=replicates), trials[:2], tmp_path)
    errors = [Archive(tmp_path).load(trial.session).error for trial in trials[:2]]
    assert "".join(error.split("session ")[1][0] for error in errors) == sessions


def test_replicates_of_bifsegs_methods_share_a_process_and_score_as_in_processes_of_their_own(
    setup, discs, trials, tmp_path
):
    """Only the rules' text and the times differ."""
    scores_by = {}
    for setting in (None, "object"):
        rules = PROTOCOL.model_copy(update={"fresh_process": setting})
        twice = replace(setup, protocol=rules, replicates=2)
        assert twice.fresh_process == (setting == "object")
        run_shard(twice, twice.trials([twice.rows[trials[0].object]]), tmp_path / str(setting))
        sessions = load_sessions(tmp_path / str(setting), [twice.rows[trials[0].object]], 2)
        rows = [r for row, s in sessions for r in score_session(s, discs.truth(row), "anna")]
        scores_by[setting] = to_frame(rows).drop(columns=TIMES)
    assert set(scores_by[None]["replicate"]) == {0, 1}
    same = [c for c in scores_by[None] if c not in ("fingerprint", "session_sha256")]
    assert scores_by[None][same].equals(scores_by["object"][same])


def test_files_derived_from_the_truth_are_hidden(tmp_path):
    for name in ("r/config.json", "other/config.json", "history.jsonl", "notes/config.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    hidden = derived_from_truth(tmp_path / "r/sessions/discs/own/half")
    assert hidden == {tmp_path / name for name in ("r", "other", "history.jsonl", "history")}
    assert derived_from_truth(tmp_path / "out") == {tmp_path / "out"}


def test_results_of_single_commands_are_hidden_from_the_next_entry(tmp_path):
    for name in ("a/.session-key", "b/.session-key", "a.parquet", "code/plugin.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    hidden = {tmp_path / name for name in ("a", "b", "a.parquet")}
    assert derived_from_truth(tmp_path / "b") == hidden
    assert derived_from_truth(tmp_path / "c") == hidden | {tmp_path / "c"}


def test_a_hard_link_of_the_truth_beside_the_card_is_refused(odd, discs, trials, tmp_path):
    label = next(iter(discs.truth_files))
    os.link(label, tmp_path / "notes.bin")
    try:
        with pytest.raises(InputError, match=r"notes\.bin: is a hard link"):
            run_shard(replace(odd(), card_path=tmp_path / "odd.yaml"), trials[:1], tmp_path / "out")
    finally:
        (tmp_path / "notes.bin").unlink()


def test_sessions_moved_to_another_entry_are_refused(odd, discs, trials, tmp_path):
    """Their seal is good, for all sessions of a run have one key; their rows would stand under another name."""
    (tmp_path / "config.json").write_text("{}")
    folders = [tmp_path / "sessions/discs/own" / name for name in ("odd", "other")]
    run_shard(odd(), trials[:1], folders[0])
    shutil.copytree(folders[0], folders[1])
    (folders[1] / "left-out.json").unlink()  # it says itself where it belongs
    objects = discs.select(split="test")[:1]
    assert len(list(load_sessions(folders[0], objects))) == 1
    with pytest.raises(
        InputError, match=r"other: the session of \S+ is of odd on \S+, discs/own: its file was put"
    ):
        list(load_sessions(folders[1], objects))


def test_timeout_is_a_row(discs, odd, trials, tmp_path):
    setup = odd(do="hang")
    setup = replace(setup, protocol=PROTOCOL.model_copy(update={"time_limit_s": 0.5}))
    assert run_shard(setup, trials[:1], tmp_path) == {"timeout": 1}
    ((row, session),) = load_sessions(tmp_path, discs.select(split="test")[:1])
    rows = score_session(session, discs.truth(row), "anna")
    assert [(r["step"], r["status"]) for r in rows] == [("initial", "ok"), ("round-1", "timeout")]
    assert rows[-1]["dice"] == 0


def test_an_unreadable_image_stops_the_job_after_other_sessions(odd, discs, trials, tmp_path):
    image = discs._root / discs.object(trials[0].object).image
    content = image.read_bytes()
    other_trials = [
        trial for trial in trials if discs.object(trial.object).image != discs.object(trials[0].object).image
    ]
    try:
        image.write_bytes(b"half")
        discs._images.cache_clear()
        discs._objects_images.cache_clear()
        with pytest.raises(InputError, match="2 objects cannot be read"):
            run_shard(odd(), trials, tmp_path)
    finally:
        image.write_bytes(content)
    assert not missing(odd(), other_trials, tmp_path)
    assert run_shard(odd(), trials, tmp_path) == {"ok": 2, "kept": len(other_trials)}


@pytest.mark.parametrize(
    ("fresh", "call", "error", "line"),
    [
        (
            "object",
            "next_strokes",
            KeyError("k"),
            "bifseg failed after initial, not the method: KeyError: 'k'",
        ),
        ("job", "box", KeyError("k"), "bifseg failed before initial, not the method: KeyError: 'k'"),
        ("job", "next_strokes", InputError("stroke 1: leaves"), "stroke 1: leaves"),
    ],
)
def test_an_error_of_the_robot_stops_the_job_after_other_sessions(
    odd, trials, tmp_path, monkeypatch, caplog, fresh, call, error, line
):
    """It is no failure of the method, and one entry's result must not end the job of others."""
    original, first = getattr(SimulatedUser, call), trials[0]

    def failing(self, *inputs):
        if first.object in self.seed_key and self.protocol.target is None:
            raise error
        return original(self, *inputs)

    monkeypatch.setattr(SimulatedUser, call, failing)
    rules = PROTOCOL.model_copy(update={"fresh_process": fresh})
    fine = replace(odd(), protocol=rules)
    broken = replace(fine, protocol=rules.model_copy(update={"target": None}), protocol_name="all-rounds")
    jobs = [EntryJob(broken, tmp_path / "broken"), EntryJob(fine, tmp_path / "fine")]
    with pytest.raises(InputError, match=r"broken: 1 session could not be played, see above; all others"):
        run_entries(jobs, trials)
    assert [m for m in caplog.messages if line in m] == [
        f"{first.session}: {first.object + ': ' if 'bifseg' in line else ''}{line}"
    ]
    assert missing(broken, trials, tmp_path / "broken") == [first]
    assert not missing(fine, trials, tmp_path / "fine")
    assert not Archive(tmp_path / "fine").unpacked()
    monkeypatch.setattr(SimulatedUser, call, original)
    assert run_entries(jobs, trials) == {"ok": 1, "kept": 2 * len(trials) - 1}


@pytest.mark.parametrize(("call", "by_hash"), [("weights", True), ("base", False)])
def test_a_method_killed_in_the_last_check_keeps_its_sessions(
    setup, trials, tmp_path, caplog, monkeypatch, call, by_hash
):
    """Its sessions are stored, so the job ends well; the claims say that the check shows nothing."""

    def dying(self, *words):
        if Archive(tmp_path).stored():
            self.close()
            raise MethodError("the method's process ended by signal SIGSEGV")
        return original(self, *words)

    original = getattr(MethodProcess, call)
    setup = replace(setup, card=MethodCard(method="base-net"))
    if not by_hash:  # as for a network of another program
        monkeypatch.setattr(MethodProcess, "weights", lambda self: "")
    monkeypatch.setattr(MethodProcess, call, dying)
    assert run_shard(setup, trials[:2], tmp_path) == {"ok": 2}
    check = read_json(tmp_path / "forgetting-1.json")
    assert (bool(check["objects"]), not check["after"]) == (not by_hash, True)
    assert (check["error"]) == ("the method's process ended by signal SIGSEGV")
    assert [m for m in caplog.messages if "check" in m] == [
        f"bifseg: the forgetting check failed: {check['error']}"
    ]
    assert run_shard(setup, trials[:2], tmp_path) == {"kept": 2}


def test_replicates_have_different_boxes_and_scribbles(discs, odd, tmp_path):
    setup, objects = odd(), list(discs.select(split="test"))[:2]
    replicated = replace(setup, replicates=3)
    assert run_shard(setup, setup.trials(objects), tmp_path) == {"ok": 2}
    assert run_shard(replicated, replicated.trials(objects), tmp_path) == {"ok": 4, "kept": 2}
    pairs = list(load_sessions(tmp_path, objects, replicates=3))
    assert [(row.object, session.identity.replicate) for row, session in pairs] == [
        (row.object, replicate) for row in objects for replicate in range(3)
    ]
    boxes = {(session.box.lower, session.box.upper) for _, session in pairs[:3]}
    assert len(boxes) == 3
    write_index(tmp_path, replicated.trials(objects), tmp_path / "index.tsv")
    lines = [line.split("\t") for line in (tmp_path / "index.tsv").read_text().splitlines()]
    assert lines[0][:3] == ["object", "replicate", "status"]
    assert [line[:2] for line in lines[1:4]] == [[objects[0].object, str(k)] for k in range(3)]


def test_the_protocol_is_stored_beside_the_sessions(odd, trials, tmp_path):
    folder = tmp_path / "sessions" / "discs" / "own" / "odd"
    run_shard(odd(), trials[:1], folder)
    assert ProtocolCard(**read_record(folder / "protocol.json")) == PROTOCOL
    frame = scores([("a", "odd", "initial", 0.5, {"cohort": "discs", "network": "", "protocol": "own"})])
    assert RunScores(frame, played_cards(tmp_path, frame)).rules == {
        "own": StoppingRule(2, 0.99, longest_mm=40.0)
    }


def test_missing_session_is_named(discs, tmp_path):
    with pytest.raises(InputError, match="no such session"):
        list(load_sessions(tmp_path, discs.select(split="test")))


def test_masks_of_other_raters_reach_the_robot(tmp_path):
    data = tmp_path / "data"
    (row, *_) = make_case(data, "case1", "test")
    labels, grid = read_array(data / "case1_label.nii.gz")
    write_array(data / "other.nii.gz", np.roll(labels, 2, axis=0), grid)
    manifest = HEADER.rstrip("\n") + "\traters\n" + row.rstrip("\n") + "\tother.nii.gz\n"
    (data / "manifest.tsv").write_text(manifest)
    card = CohortCard(dimension=2, manifest="data/manifest.tsv", seen=["disc"])
    prepare(card, tmp_path / "c.yaml", 1, tmp_path / "cohort", {})
    cohort = Cohort.load(tmp_path / "cohort")
    setup = JobSetup("r", 1, cohort, "own", PROTOCOL, Path("geos.yaml"), MethodCard(method="geos"))
    (trial,) = setup.trials(cohort.objects)
    game = setup.user(trial)
    assert len(game.raters) == 1
    np.testing.assert_array_equal(game.raters[0], np.roll(game.truth, 2, axis=0))
