"""A job's sessions: the same rows however they are shared out, and nothing played twice."""

from dataclasses import replace

import numpy as np
import pytest

from bifseg.cards import MethodCard, ProtocolCard
from bifseg.errors import BadInput
from bifseg.interactions import Rules, interactions, played_rules
from bifseg.methods.registry import build
from bifseg.networks.trained import TrainedNetwork
from bifseg.record import Session
from bifseg.scoring import score_session, to_frame
from bifseg.shards import Lineup, load_sessions, run_shard, take_shard, write_index
from bifseg.store import file_hash, read_json
from bifseg.summaries import OWN

PROTOCOL = ProtocolCard(rounds=2, target=0.99)
CARD = MethodCard(method="bifseg")
TIMES = ["robot_s", "network_s", "label_update_s", "machine_s", "peak_rss_mb"]


@pytest.fixture
def lineup(discs, discs_network):
    weights = file_hash(discs_network / "weights.pt")
    return Lineup("run", 1, discs, "own", PROTOCOL, "bifseg", CARD, "pnet-tiny", weights)


@pytest.fixture
def method(discs_network):
    return build(CARD, TrainedNetwork.load(discs_network / "weights.pt"))


def rows_of(discs, folder):
    objects = discs.select(split="test")
    rows = [r for row, s in load_sessions(folder, objects) for r in score_session(s, discs.truth(row))]
    return to_frame(rows).drop(columns=TIMES)


def test_rows_do_not_depend_on_shards_or_order(discs, lineup, method, tmp_path):
    objects = list(discs.select(split="test"))
    run_shard(lineup, method, objects, tmp_path / "whole")
    for number in (3, 1, 2):
        run_shard(lineup, method, take_shard(objects, number, 3)[::-1], tmp_path / "parts")
    whole, parts = rows_of(discs, tmp_path / "whole"), rows_of(discs, tmp_path / "parts")
    assert len(whole) > len(objects)
    assert whole.equals(parts)


def test_shards_share_out_every_object_once(discs):
    objects = list(discs.objects)
    shared = [row.object for n in (1, 2, 3, 4) for row in take_shard(objects, n, 4)]
    assert sorted(shared) == sorted(row.object for row in objects)
    with pytest.raises(BadInput, match="--shard 5/4"):
        take_shard(objects, 5, 4)


def test_finished_sessions_are_kept_and_broken_ones_played_again(discs, lineup, method, tmp_path):
    objects = list(discs.select(split="test"))
    assert run_shard(lineup, method, objects, tmp_path) == {"ok": len(objects)}
    broken = tmp_path / objects[0].object
    (broken / "masks.npz").write_bytes(b"half")
    (tmp_path / objects[1].object / "session.json").write_text("{")
    assert run_shard(lineup, method, objects, tmp_path) == {"ok": 2, "kept": len(objects) - 2}
    assert Session.load(broken).status == "ok"
    whole = (broken / "masks.npz").read_bytes()
    for kept in (0, len(whole) // 3, len(whole) - 5):  # cut off at several places
        (broken / "masks.npz").write_bytes(whole[:kept])
        assert run_shard(lineup, method, objects, tmp_path) == {"ok": 1, "kept": len(objects) - 1}


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"weights_sha256": "other"},
        {"protocol": PROTOCOL.model_copy(update={"rounds": 3})},
        {"method_card": MethodCard(method="bifseg", settings={"omega": 2.0})},
    ],
    ids=["seed", "weights", "protocol", "method"],
)
def test_changed_input_plays_again(discs, lineup, method, tmp_path, change):
    objects = list(discs.select(split="test"))[:1]
    run_shard(lineup, method, objects, tmp_path)
    assert run_shard(replace(lineup, **change), method, objects, tmp_path) == {"ok": 1}


def test_failure_is_stored_and_the_rest_is_played(discs, lineup, tmp_path):
    class FailsOnRings:
        dimensions, prompts = frozenset({2}), frozenset({"box"})

        def start(self, image, box):
            if box.lower[0] > 20:
                raise RuntimeError("no rings")
            return box.paste(image.voxels[box.slices] > 130, image.voxels.shape)

        def refine(self, scribbles): ...

    objects = list(discs.select(split="test"))
    count = run_shard(lineup, FailsOnRings(), objects, tmp_path)
    assert count == {"ok": 3, "failed": 3}
    frame = rows_of(discs, tmp_path)
    failed = frame[frame.status == "failed"]
    assert set(failed.structure) == {"ring"}
    assert (failed.dice == 0).all()
    assert (failed.error == "initial: RuntimeError: no rings").all()
    write_index(tmp_path, objects, tmp_path / "index.tsv")
    assert len((tmp_path / "index.tsv").read_text().splitlines()) == 1 + len(objects)


def test_a_stuck_session_is_stored_with_its_last_result(discs, lineup, tmp_path):
    class Deaf:
        dimensions, prompts = frozenset({2}), frozenset({"box", "scribbles"})

        def start(self, image, box):
            self.result = box.paste(np.ones(box.shape, bool), image.voxels.shape)
            return self.result

        def refine(self, scribbles):
            return self.result

    objects = list(discs.select(split="test"))
    rules = ProtocolCard(rounds=9, target=None, policy="centre-click/1")
    assert run_shard(replace(lineup, protocol=rules), Deaf(), objects, tmp_path) == {"stuck": len(objects)}
    frame = rows_of(discs, tmp_path)
    assert frame.groupby("object")["status"].agg(list).tolist() == [["ok"] * 3 + ["stuck"]] * len(objects)
    assert (frame[frame["status"] == "stuck"]["dice"] > 0).all()
    assert (
        frame[frame["status"] == "stuck"]["error"].str.startswith("rounds 1, 2 and 3 changed nothing; ").all()
    )
    found = interactions(frame.assign(protocol=OWN), 0.9, Rules(9, None))
    assert (found["failed"].sum(), found["never"].sum()) == (0, len(objects))


def test_replicates_are_played_with_other_boxes_and_scribbles(discs, lineup, method, tmp_path):
    objects = list(discs.select(split="test"))[:2]
    often = replace(lineup, replicates=3)
    assert run_shard(lineup, method, objects, tmp_path) == {"ok": 2}
    assert run_shard(often, method, objects, tmp_path) == {"ok": 4, "kept": 2}
    pairs = list(load_sessions(tmp_path, objects, replicates=3))
    assert [(row.object, session.identity.replicate) for row, session in pairs] == [
        (row.object, replicate) for row in objects for replicate in range(3)
    ]
    boxes = {(session.box.lower, session.box.upper) for _, session in pairs[:3]}
    assert len(boxes) == 3
    names = {path.parent.name for path in tmp_path.glob("*/session.json")}
    assert names == {f"{row.object}{more}" for row in objects for more in ("", ".r1", ".r2")}
    write_index(tmp_path, objects, tmp_path / "index.tsv", replicates=3)
    lines = [line.split("\t") for line in (tmp_path / "index.tsv").read_text().splitlines()]
    assert lines[0][:3] == ["object", "replicate", "status"]
    assert [line[:2] for line in lines[1:4]] == [[objects[0].object, str(k)] for k in range(3)]


def test_the_rules_lie_beside_the_sessions(discs, lineup, method, tmp_path):
    folder = tmp_path / "sessions" / "discs" / "own" / "bifseg@pnet-tiny"
    run_shard(lineup, method, list(discs.select(split="test"))[:1], folder)
    assert ProtocolCard(**read_json(folder / "protocol.json")) == PROTOCOL
    assert played_rules(tmp_path) == {"own": Rules(2, 0.99)}


def test_missing_session_is_named(discs, tmp_path):
    with pytest.raises(BadInput, match="no session of this object"):
        list(load_sessions(tmp_path, discs.select(split="test")))


def test_missing_replicate_is_named(discs, lineup, method, tmp_path):
    objects = list(discs.select(split="test"))[:1]
    run_shard(lineup, method, objects, tmp_path)
    with pytest.raises(BadInput, match=rf"{objects[0].object}\.r1: no session"):
        list(load_sessions(tmp_path, objects, replicates=2))
