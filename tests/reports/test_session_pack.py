"""Packed sessions, unpacked here in the way a browser does it."""

import base64
import io
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fake_run import fake_cohort, fake_run
from PIL import Image as Picture

from bifseg.analysis.scores import read_scores
from bifseg.core.geometry import Box, Grid
from bifseg.reports import session_pack
from bifseg.reports.session_pack import pack_sessions
from bifseg.sessions.archive import Archive


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    cohort = fake_cohort(run / "cohorts" / "fake2d")
    fake_run(run, [cohort], rounds=2)
    return run, cohort, read_scores(run / "scores.parquet")


def unpacked(text):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)


def test_masks_strokes_and_truth_are_unpacked_unchanged(played):
    run, cohort, scores = played
    pack = pack_sessions(run, cohort, scores)
    for session in pack["sessions"]:
        about = pack["objects"][session["o"]]
        stored = Archive(run / "sessions/fake2d" / session["protocol"] / session["entry"]).load(about["name"])
        count, shape = len(stored.steps), about["shape"]
        data, size = unpacked(session["data"]), -(-np.prod(shape) // 8)
        masks = [
            np.unpackbits(data[k * size : (k + 1) * size], count=np.prod(shape)).reshape(shape)
            for k in range(count)
        ]
        assert [mask.sum() for mask in masks] == [step.mask.sum() for step in stored.steps]
        voxels = data[count * size :].view("<u4")
        counts = [sum(len(stroke.voxels) for stroke in step.strokes) for step in stored.steps]
        assert [sum(pair) for pair in session["strokes"]] == counts
        assert len(voxels) == sum(counts)
        truth = np.unpackbits(unpacked(about["truth"]), count=np.prod(shape)).reshape(shape).astype(bool)
        assert truth.sum() == cohort.truth(cohort.object(about["name"])).sum()
        overlap = 2 * (masks[-1] & truth).sum() / (masks[-1].sum() + truth.sum())
        dice_values = [dice for _, dice, _, _, has_dice in session["steps"] if has_dice]
        assert overlap == pytest.approx(dice_values[-1], abs=1e-4), "mask and truth lie in the same place"


def test_the_picture_has_the_shape_of_the_masks(played):
    (about, *_) = pack_sessions(*played)["objects"]
    with Picture.open(io.BytesIO(base64.b64decode(about["picture"]))) as picture:
        slices, rows, columns = about["shape"]
        assert picture.size == (columns, slices * rows)
    assert about["spacing"] == [1.5, 1.0]
    assert about["contrast"] > 0.5, "objects are 60 or 120 above a noise of 15"


def test_a_sample_of_many_sessions_is_even_over_entries_and_keeps_the_worst(played, monkeypatch):
    run, cohort, scores = played
    monkeypatch.setattr(session_pack, "_MOST_SESSIONS", 34)
    monkeypatch.setattr(session_pack, "_WORST", 1)
    pack = pack_sessions(run, cohort, scores)
    assert (len(pack["sessions"]), pack["all"]) == (34, 64)
    kinds = {(s["entry"], s["protocol"], pack["objects"][s["o"]]["structure"]) for s in pack["sessions"]}
    assert len(kinds) == 4 * 2 * 2
    last = scores.groupby(["protocol", "method", "structure", "object"])["dice"].last()
    worst = last.groupby(["protocol", "method", "structure"]).min()
    packed = {s["steps"][-1][1] for s in pack["sessions"]}
    assert all(round(dice, 6) in packed for dice in worst)


def test_a_sample_holds_every_failed_session(monkeypatch):
    monkeypatch.setattr(session_pack, "_MOST_SESSIONS", 40)
    entries = {"a": 100, "b": 30, "c": 3}
    rows = [
        {
            "protocol": "p",
            "method": name,
            "network": "",
            "structure": "s",
            "object": f"{name}{k}",
            "dice": k / 100,
        }
        for name, number in entries.items()
        for k in range(number)
    ]
    frame = pd.DataFrame(rows).assign(status="ok")
    failed = frame["object"].isin(["a7", "a99", "b29"])
    frame.loc[failed, ["status", "dice"]] = ["failed", 0.0]
    sample = session_pack._sample(frame)
    assert set(frame.loc[failed, "object"]) <= set(sample["object"])
    assert {f"{name}{k}" for name in entries for k in range(min(5, entries[name]))} <= set(sample["object"])
    assert {"a98", "b28"} <= set(sample["object"]), "the best, too"
    assert sample["object"].is_unique
    assert len(sample) == 3 + 12 + 12 + 3, (
        "40 - 3 failed ones, shared by three entries, one of which has three sessions"
    )


def test_a_volume_is_cut_along_its_thickest_axis_and_thinned():
    axes = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    grid = Grid((300, 20, 400), (1.0, 5.0, 1.0), (0.0, 0.0, 0.0), axes)
    view = session_pack._View.around(grid, [Box((0, 0, 0), grid.shape)])
    volume = np.zeros(grid.shape, bool)
    volume[-1, 3, 0] = True
    slices = view.of(volume)
    assert slices.shape == (20, 150, 134)
    assert view.spacing == [2.0, 3.0]
    assert np.argwhere(slices).tolist() == [[3, 0, 0]], "the top of the body is the first row"


def test_a_round_with_undo_is_marked(played, monkeypatch):
    run, cohort, scores = played
    load = Archive.load

    def with_undo(archive, name):
        session = load(archive, name)
        return replace(
            session, steps=(*session.steps[:-1], replace(session.steps[-1], strokes=(), undo=True))
        )

    monkeypatch.setattr(Archive, "load", with_undo)
    for session in pack_sessions(run, cohort, scores)["sessions"]:
        assert session["undone"] == [len(session["strokes"]) - 1]
