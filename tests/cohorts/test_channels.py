"""Several channels: files of the manifest, what an image holds, and who lacks one."""

import numpy as np
import pytest
from disc_cases import HEADER, make_case

from bifseg.cards.capabilities import entry_problem
from bifseg.cards.cards import CohortCard, MethodCard, ProtocolCard
from bifseg.cards.plays import Plays
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.manifest import parse_manifest, read_channels
from bifseg.cohorts.preparation import prepare
from bifseg.core.child_processes import OwnFolder
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid
from bifseg.core.images import read_array, write_array
from bifseg.methods.process import messages
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shards import load_sessions, run_shard

FLAIR = Plays(dimensions=[2], channels=["flair"])


def make(folder, flairs=("flair.nii.gz", ""), listed=("flair",), shape=None):
    """Two cases, each with what is in its column `channels`."""
    rows = []
    for case, file in zip(("case1", "case2"), flairs, strict=True):
        cell = f"flair={file}" if file else ""
        rows += [row.rstrip("\n") + f"\t{cell}\n" for row in make_case(folder, case, "test")]
    (folder / "manifest.tsv").write_text(HEADER.rstrip("\n") + "\tchannels\n" + "".join(rows))
    voxels, grid = read_array(folder / "case1.nii.gz")
    flair = np.where(voxels > 130, 50, 0).astype(np.float32)
    write_array(
        folder / "flair.nii.gz",
        flair if shape is None else np.zeros(shape, np.float32),
        grid if shape is None else Grid.plain(shape),
    )
    (folder / "c.yaml").touch()
    return CohortCard(
        dimension=2, manifest="manifest.tsv", seen=["disc"], unseen=["ring"], channels=list(listed)
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("channels")
    prepare(make(folder / "data"), folder / "data/c.yaml", 1, folder / "cohort", {})
    return Cohort.load(folder / "cohort")


def test_cells_by_hand(tmp_path):
    assert read_channels("t2=a/b.nii, flair=c.nii", tmp_path) == (("flair", "c.nii"), ("t2", "a/b.nii"))
    for text, problem in (
        ("flair", "write flair="),
        ("a=x,a=y", "names a channel twice"),
        ("a=../x", r"\.\."),
    ):
        with pytest.raises(ValueError, match=problem):
            read_channels(text, tmp_path)


def test_an_image_holds_the_channels_that_are_asked_for(cohort):
    row = cohort.objects[0]
    assert list(cohort.image(row).channels) == ["t2"]
    image = cohort.image(row, ("flair", "t2"))
    assert list(image.channels) == ["t2", "flair"]
    assert image.channels["t2"] is image.voxels
    assert image.channels["flair"].shape == image.voxels.shape
    assert set(np.unique(image.channels["flair"])) == {0, 50}
    assert "channel-flair" in cohort.hashes(row, ("flair",))
    assert "channel-flair" not in cohort.hashes(row)  # who takes one channel does not play again


def test_a_program_gets_a_file_a_channel(cohort):
    image = cohort.image(cohort.objects[0], ("flair",))
    folder = OwnFolder()
    message = messages.image_message(image, Box((0, 0), image.voxels.shape), folder)
    assert message["channels"] == {"flair": "channel-flair.nii"}
    again, _ = messages.read_image_message(message, folder.shared)
    assert np.array_equal(again.channels["flair"], image.channels["flair"])
    assert "channels" not in messages.image_message(
        cohort.image(cohort.objects[0]), Box((0, 0), image.voxels.shape), folder
    )


def test_a_case_that_lacks_a_channel_is_left_out_with_its_reason(cohort, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "tests/helpers")
    card = MethodCard(method="broken_methods:TwoChannels", plays=FLAIR)
    rules = ProtocolCard(rounds=1, target=None)
    setup = JobSetup("r", 1, cohort, "p", rules, tmp_path / "two.yaml", card)
    trials = setup.trials(cohort.objects)
    assert {trial.object.split("_")[0] for trial in trials} == {"case1"}
    assert set(setup.left_out.values()) == {"no channel flair"}
    assert run_shard(setup, trials, tmp_path / "out") == {"ok": len(trials)}
    assert len(list(load_sessions(tmp_path / "out", cohort.objects))) == len(trials)


def test_a_cohort_without_the_channel_stops_before_any_job():
    rules = ProtocolCard()
    assert entry_problem(FLAIR, False, 2, rules, ["flair", "t1c"]) == ""
    reason = entry_problem(FLAIR, False, 2, rules, ["t1c"])
    assert reason.startswith("needs the channels flair; the cohort's card lists t1c: add")
    assert entry_problem(Plays(dimensions=[2], channels="all"), False, 2, rules) == ""


def problem(tmp_path, **how):
    card = make(tmp_path / "data", **how)
    with pytest.raises(InputError) as raised:
        prepare(card, tmp_path / "data/c.yaml", 1, tmp_path / "cohort", {})
    return str(raised.value)


def test_bad_channels_are_one_clear_line_each(tmp_path):
    assert "channels: flair: flair.nii.gz: " in problem(tmp_path / "a", shape=(9, 9))
    assert "resample it to this grid" in problem(tmp_path / "b", shape=(9, 9))
    assert "'flair' is not in the card's `channels`" in problem(tmp_path / "c", listed=())
    assert "channels: flair: no.nii.gz" in problem(tmp_path / "d", flairs=("no.nii.gz", ""))


def test_a_manifest_reads_back(tmp_path):
    make(tmp_path)
    manifest = parse_manifest(tmp_path / "manifest.tsv", tmp_path)
    assert manifest.problems == ()
    assert manifest.rows[0].channels == (("flair", "flair.nii.gz"),)
