"""A whole-image, two-channel case with many lesions, as in PET/CT: played, scored, and counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from bifseg.analysis.scores import score_session, to_frame
from bifseg.cards.cards import CohortCard, MethodCard, ProtocolCard, read_card
from bifseg.cards.plays import Plays
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.manifest import COLUMNS
from bifseg.cohorts.preparation import prepare
from bifseg.core.geometry import Box, Grid
from bifseg.core.images import write_array
from bifseg.core.lesion_metrics import lesion_f1, lesion_fn_ml, lesion_fp_ml, lesion_recall
from bifseg.core.metrics import built_in
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shards import load_sessions, run_shard

ROOT = Path(__file__).parents[2]
SHAPE, SPACING = (8, 40, 40), (5.0, 2.0, 2.0)  # a voxel is 0.02 ml
HOT = {"a": (slice(1, 4), slice(4, 12), slice(4, 12)), "b": (slice(4, 7), slice(20, 30), slice(25, 33))}
COLD = (slice(2, 4), slice(30, 38), slice(4, 12))  # a lesion that PET does not show
BLADDER = (slice(1, 3), slice(2, 8), slice(28, 36))  # hot, and no lesion


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("petct")
    labels, pet = np.zeros(SHAPE, np.uint8), np.ones(SHAPE, np.float32)
    for place in (*HOT.values(), COLD):
        labels[place] = 1
    for place in (*HOT.values(), BLADDER):
        pet[place] = 9
    grid = Grid.plain(SHAPE, SPACING)
    for name, voxels in (("pet", pet), ("ct", np.full(SHAPE, 40, np.float32)), ("label", labels)):
        write_array(folder / f"data/{name}.nii.gz", voxels, grid)
    row = "p1\tpet.nii.gz\tlabel.nii.gz\t1\tlesions\tpet\ttest\t\tct=ct.nii.gz\n"
    (folder / "data/manifest.tsv").write_text("\t".join([*COLUMNS, "channels"]) + "\n" + row)
    (folder / "data/c.yaml").touch()
    return folder


def cohort(folder, objects):
    card = CohortCard(
        dimension=3, manifest="manifest.tsv", seen=[], unseen=["lesions"], channels=["ct"], objects=objects
    )
    prepare(card, folder / "data/c.yaml", 1, folder / objects, {})
    return Cohort.load(folder / objects)


def test_objects_are_components_or_structures(folder):
    parts = cohort(folder, "component")
    assert [row.object for row in parts.objects] == ["p1_lesions_1", "p1_lesions_2", "p1_lesions_3"]
    assert [row.voxels for row in parts.objects] == [192, 128, 240]
    assert [int(parts.truth(row).sum()) for row in parts.objects] == [192, 128, 240]
    (whole,) = cohort(folder, "structure").objects
    assert (whole.object, whole.voxels, whole.instance) == ("p1_lesions", 560, None)


def test_a_session_under_the_autopet_card(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests/helpers"))
    members = cohort(folder, "structure")
    rules = read_card(ProtocolCard, ROOT / "config/protocols/autopet.yaml")
    plays = Plays(dimensions=[3], prompts=["scribbles"], channels=["ct"])
    card = MethodCard(method="broken_methods:HotSpots", plays=plays)
    setup = JobSetup(
        "r", 1, members, "autopet", rules.model_copy(update={"rounds": 2}), tmp_path / "m.yaml", card
    )
    assert run_shard(setup, setup.trials(members.objects), tmp_path / "out") == {"ok": 1}
    ((row, session),) = load_sessions(tmp_path / "out", members.objects)
    assert session.box == Box((0, 0, 0), SHAPE)
    metrics = (*built_in(), lesion_f1, lesion_recall, lesion_fp_ml, lesion_fn_ml)
    frame = to_frame(score_session(session, members.truth(row), "p1", 2.0, metrics), metrics)
    first = frame.iloc[0]
    assert first["lesion_f1"] == pytest.approx(
        2 * 2 / (2 * 2 + 1 + 1)
    )  # two hot ones; the bladder; the cold one
    assert first["lesion_recall"] == pytest.approx(2 / 3)
    assert first["lesion_fp_ml"] == pytest.approx(2 * 6 * 8 * 0.02)
    assert first["lesion_fn_ml"] == pytest.approx(2 * 8 * 8 * 0.02)
    first_round = session.steps[1].strokes
    assert {stroke.foreground for stroke in first_round} == {True, False}
    on = {stroke.foreground: stroke.voxels for stroke in first_round}
    inside = {True: COLD, False: BLADDER}
    for label, place in inside.items():
        where = np.zeros(SHAPE, bool)
        where[place] = True
        assert where[tuple(on[label].T)].all()
    assert frame["lesion_fn_ml"].iloc[-1] == frame["lesion_fp_ml"].iloc[-1] == 0
