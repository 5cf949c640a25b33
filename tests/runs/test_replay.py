"""Replays of recorded interactions: the same method gives the same masks, another gets the same box and strokes."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bifseg.analysis.protocol_roles import protocol_roles
from bifseg.analysis.run_files import played_cards
from bifseg.analysis.scores import score_session, to_frame
from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.images import write_array
from bifseg.core.scribbles import Scribbles
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.replay import Recording, recorded_scribbles, recorded_sessions, replay_of
from bifseg.runs.shard_plan import Trial
from bifseg.runs.shards import load_sessions, run_shard
from bifseg.sessions.drawn_maps import Labels
from bifseg.sessions.game import play

# A loose box leaves many false positives, so every session has three rounds.
PROTOCOL = ProtocolCard(
    rounds=3, target=None, policy="centre-click/1", box="loose/1", patience=None, fresh_process="job"
)
CARD = MethodCard(method="bifseg", settings={"iterations": 4})
TOOL = MethodCard(method="geos")


@pytest.fixture(scope="module")
def objects(discs):
    return list(discs.select(split="test"))


@pytest.fixture(scope="module")
def setup(discs, discs_network):
    return JobSetup("run", 1, discs, "own", PROTOCOL, Path("bifseg.yaml"), CARD, discs_network, replicates=2)


@pytest.fixture(scope="module")
def recorded(setup, objects, tmp_path_factory):
    """The folder of BIFSeg's own sessions, two replicates of each object."""
    folder = tmp_path_factory.mktemp("sessions") / "bifseg@pnet-tiny"
    run_shard(setup, setup.trials(objects), folder)
    return folder


def load(folder, objects, replicates=2):
    return [session for _, session in load_sessions(folder, objects, replicates)]


def replay_to(setup, recorded, discs, objects, **changes):
    recordings, name = recorded_sessions(recorded, discs, objects, 2)
    return replay_of(replace(setup, protocol_name="", **changes), recordings, name)


def replayed(setup, recorded, discs, objects, folder, **changes):
    replay = replay_to(setup, recorded, discs, objects, **changes)
    assert run_shard(replay, replay.trials(objects), folder) == {"ok": 2 * len(objects)}
    return load(folder, objects)


OTHER = {"run": "again", "card_path": Path("other.yaml")}


@pytest.fixture(scope="module")
def replay_folder(setup, recorded, discs, objects, tmp_path_factory):
    """The folder of a replay to the same method, whose card has another name, in another run."""
    folder = tmp_path_factory.mktemp("again")
    replayed(setup, recorded, discs, objects, folder, **OTHER)
    return folder


def test_a_replay_to_the_same_method_gives_bit_equal_masks(recorded, replay_folder, objects):
    originals, replays = load(recorded, objects), load(replay_folder, objects)
    assert max(step.round for session in originals for step in session.steps) == 3
    for original, replay in zip(originals, replays, strict=True):
        assert original.box == replay.box
        assert [step.name for step in original.steps] == [step.name for step in replay.steps]
        for a, b in zip(original.steps, replay.steps, strict=True):
            np.testing.assert_array_equal(a.mask, b.mask)


def test_a_replay_of_a_replay_gives_the_same_masks_and_strokes(
    setup, replay_folder, discs, objects, tmp_path
):
    replays = load(replay_folder, objects)
    second_replays = replayed(setup, replay_folder, discs, objects, tmp_path)
    for a, b in zip(replays, second_replays, strict=True):
        assert [s.mask.tobytes() for s in a.steps] == [s.mask.tobytes() for s in b.steps]
        assert [s.strokes[0].voxels.tolist() for s in a.steps[2:]] == [
            s.strokes[0].voxels.tolist() for s in b.steps[2:]
        ]


def test_another_method_gets_the_recorded_box_and_strokes(setup, recorded, discs, objects, tmp_path):
    class Listener:
        dimensions, prompts = frozenset({2}), frozenset({"scribbles"})

        def __init__(self):
            self.received = []

        def start(self, image, box):
            self.received.append([box])
            return np.zeros(image.grid.shape, bool)

        def refine(self, scribbles):
            self.received[-1].append(scribbles.label_map())
            return np.zeros(scribbles.shape, bool)

    listener, replay = Listener(), replay_to(setup, recorded, discs, objects)
    sessions = [play(replay.user(trial), listener) for trial in replay.trials(objects)]
    for prompts_received, before in zip(listener.received, load(recorded, objects), strict=True):
        scribbles_so_far, expected = Scribbles(before.grid.shape), [before.box]
        for step in before.steps:
            if step.round:
                scribbles_so_far = scribbles_so_far.add(list(step.strokes))
                expected.append(scribbles_so_far.label_map())
        assert prompts_received[0] == expected[0]
        assert [m.tobytes() for m in prompts_received[1:]] == [m.tobytes() for m in expected[1:]]
    assert {session.box_drawn for session in sessions} == {False}


def test_replayed_sessions_keep_the_user_and_name_the_new_run_and_method(replay_folder, discs, objects):
    sessions = load(replay_folder, objects)
    rows = [discs.object(session.identity.object) for session in sessions]
    frame = to_frame(
        line
        for s, row in zip(sessions, rows, strict=True)
        for line in score_session(s, discs.truth(row), row.group)
    )
    identities = frame[["run", "method", "network", "protocol", "policy", "box", "user"]].drop_duplicates()
    assert identities.to_numpy().tolist() == [
        ["again", "other", "pnet-tiny", "own-of-bifseg@pnet-tiny", "centre-click/1", "loose/1", "expert"]
    ]
    assert set(frame["replicate"]) == {0, 1}
    assert (frame["n_strokes"] == frame["round"] * 1).any()
    assert {session.ended for session in sessions} == {"rounds"}


def test_a_replay_does_not_count_as_an_own_scribbles_protocol(replay_folder, discs, objects, tmp_path):
    protocol = "own-of-bifseg@pnet-tiny"
    folder = tmp_path / "sessions/discs" / protocol / "other@pnet-tiny"
    shutil.copytree(replay_folder, folder)
    scores = to_frame(
        line
        for row, s in load_sessions(folder, objects)
        for line in score_session(s, discs.truth(row), row.group)
    )
    cards = played_cards(tmp_path, scores)
    assert cards[protocol]["scribbles_on"] == "recorded"
    assert (cards[protocol]["rounds"], cards[protocol]["target"]) == (3, None)
    assert protocol_roles(cards).own == "own-scribbles"


def test_matching_sessions_are_kept_and_others_replayed(
    setup, recorded, replay_folder, discs, objects, tmp_path
):
    replay = replay_to(setup, recorded, discs, objects, **OTHER)
    trials, key = replay.trials(objects), Trial(objects[0].object, 1)
    shutil.copytree(replay_folder, tmp_path, dirs_exist_ok=True)
    assert run_shard(replay, trials, tmp_path) == {"kept": len(trials)}
    cut = replace(replay.recordings[key], rounds=replay.recordings[key].rounds[:1])
    changed = replace(replay, recordings=replay.recordings | {key: cut})
    assert run_shard(changed, trials, tmp_path) == {"kept": len(trials) - 1, "ok": 1}


def test_a_method_without_scribbles_gets_none(setup, recorded, discs, objects):
    class BoxOnly:
        dimensions, prompts = frozenset({2}), frozenset({"box"})

        def start(self, image, box):
            return np.zeros(image.grid.shape, bool)

        def refine(self, scribbles):
            raise AssertionError("given scribbles")

    replay = replay_to(setup, recorded, discs, objects)
    sessions = [play(replay.user(trial), BoxOnly()) for trial in replay.trials(objects)]
    assert {(session.ended, len(session.steps)) for session in sessions} == {("no prompts", 1)}


def test_a_replay_in_the_image_keeps_the_kind_of_box(setup, recorded, discs, objects):
    """The column `box` says `in the image`; the protocol's key `box` is the kind alone."""
    wide = replace(setup, protocol=PROTOCOL.model_copy(update={"window": "image"}))
    recordings, name = recorded_sessions(recorded, discs, objects, 2)
    label = wide.identity(Trial(objects[0].object)).box
    there = {trial: replace(recording, box_kind=label) for trial, recording in recordings.items()}
    replay = replay_of(wide, there, name)
    assert replay.protocol.box == replay.rules()["box"] == "loose/1"
    assert replay.protocol.box_label == replay.identity(next(iter(there))).box == "loose/1 in the image"


def test_the_rounds_before_a_failure_are_replayed(recorded, objects):
    session = load(recorded, objects)[0]
    failed = replace(session, steps=session.steps[:3], status="failed", ended="failed", error="round-2: x: y")
    assert len(Recording.of(failed).rounds) == 1
    assert Recording.of(replace(session, steps=())).rounds == ()


def test_another_grid_is_bad_input(setup, recorded, discs, objects, monkeypatch):
    def moved(row):
        image = original(row)
        return replace(image, grid=replace(image.grid, origin=(0.0, 5.0)))

    original = discs.image
    monkeypatch.setattr(discs, "image", moved)
    with pytest.raises(InputError, match="origin differs by 5 mm along y; it was recorded on another image"):
        recorded_sessions(recorded, discs, objects, 1)


# People's scribbles


@pytest.fixture
def maps(discs, objects, tmp_path):
    """A map of each object: a line in its middle, in round 2 another at the border of the image."""
    folder = tmp_path / "anna"
    folder.mkdir()
    for row in objects:
        truth, grid = discs.truth(row), discs.whole_grid(row)
        rows, columns = (np.flatnonzero(truth.any(axis=axis)) for axis in (1, 0))
        scribbles = np.zeros(grid.shape, np.uint8)
        scribbles[int(rows.mean()), columns[0] + 1 : columns[-1]] = 1
        write_array(folder / f"{row.object}.round-1.nii.gz", scribbles, grid)
        scribbles[2, 5:60] = 2
        write_array(folder / f"{row.object}.round-2.nii.gz", scribbles, grid)
    return folder


def test_people_s_scribbles_are_played_in_the_robot_s_box(setup, discs, objects, maps, tmp_path):
    plain = replace(
        setup,
        protocol_name="",
        protocol=ProtocolCard(),
        card_path=Path("geos.yaml"),
        card=TOOL,
        network=None,
    )
    recordings = recorded_scribbles(maps, plain, objects, Labels(), "anna")
    replay = replay_of(plain, recordings, "anna")
    assert run_shard(replay, replay.trials(objects), tmp_path / "out") == {"ok": len(objects)}
    for row, session in load_sessions(tmp_path / "out", objects):
        assert session.box == plain.user(Trial(row.object)).box()
        assert [step.name for step in session.steps] == ["initial", "round-1", "round-2"]
        assert [[s.foreground for s in step.strokes] for step in session.steps] == [[], [True], [False]]
        identity = session.identity
        assert (identity.protocol, identity.policy, identity.box, identity.user) == (
            "anna",
            "recorded",
            "margin/1",
            "anna",
        )
    frame = to_frame(
        line
        for row, s in load_sessions(tmp_path / "out", objects)
        for line in score_session(s, discs.truth(row), row.group)
    )
    assert set(frame["user"]) == {"anna"}
    assert (frame[frame["step"] == "round-2"]["n_strokes"] == 2).all()
    assert (frame["status"] == "ok").all()


def test_every_object_needs_its_map(setup, objects, maps):
    for path in maps.glob(f"{objects[-1].object}.*"):
        path.unlink()
    with pytest.raises(InputError, match=f"no scribbles of {objects[-1].object}"):
        recorded_scribbles(maps, setup, objects, Labels(), "anna")
