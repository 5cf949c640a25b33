"""The exposure of a cohort's objects to networks that were trained here, and to methods."""

from shutil import copytree

import numpy as np
import pytest
import torch

from bifseg.cards.cards import MethodCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.content import fingerprints_of
from bifseg.cohorts.content_file import cohort_contents, write_contents
from bifseg.core.errors import InputError
from bifseg.core.files import file_hash, read_record, write_record
from bifseg.core.geometry import Grid, Image
from bifseg.runs.exposure import exposures

OWN = MethodCard(method="bifseg")


def rewrite(network, **changes):
    card = network / "card.json"
    record = {key: value for key, value in read_record(card).items() if key != "record_sha256"}
    write_record(card, record | changes)


@pytest.fixture
def network(discs_network, tmp_path):
    copytree(discs_network, tmp_path / "network")
    return tmp_path / "network"


def by_split(cohort, exposure_of):
    return {(row.split, row.seen): exposure_of[row.object] for row in cohort.objects}


def test_a_trained_network_states_its_patients_and_structures(discs, discs_network):
    record = read_record(discs_network / "card.json")
    used = [row for row in discs.objects if row.seen and row.split != "test"]
    assert record["trained_on"]["patients"] == sorted({row.group for row in used})
    assert record["trained_on"]["structures"] == sorted({row.structure for row in used})
    assert record["trained_on"]["datasets"] == [discs.name]
    exposure_by_split = by_split(discs, exposures(discs, OWN, discs_network))
    assert {value for (split, _), value in exposure_by_split.items() if split != "test"} == {"seen patient"}
    assert exposure_by_split["test", True] == "seen structure"
    assert all(exposure_by_split[key] == "unseen" for key in exposure_by_split if key == ("test", False))


def test_weights_do_not_contain_trained_on(discs_network):
    assert "trained_on" not in torch.load(discs_network / "weights.pt", weights_only=True)


def test_exposure_by_the_method_card(discs):
    assert set(exposures(discs, MethodCard(method="geos"), None).values()) == {"unseen"}
    assert set(exposures(discs, MethodCard(method="a:B"), None).values()) == {"unknown"}
    trained = MethodCard(
        method="a:B", trained_on={"structures": [discs.objects[0].structure], "patients": []}
    )
    assert set(exposures(discs, trained, None).values()) <= {"seen structure", "unseen"}


def test_an_unknown_method_makes_the_exposure_unknown(discs, discs_network):
    test = {row.object for row in discs.objects if row.split == "test"}
    exposure_of = exposures(discs, MethodCard(method="a:B"), discs_network)
    assert {exposure_of[name] for name in test} == {"unknown"}


def test_a_renamed_training_image_is_recognised_by_its_content(discs, network, monkeypatch):
    planted = next(row for row in discs.objects if row.split == "test")
    prints = {f"{k}.nii.gz": value for k, value in enumerate(_made_contents())}
    monkeypatch.setattr("bifseg.runs.exposure.cohort_contents", lambda _: {planted.image: prints["0.nii.gz"]})
    write_contents(network / "content.npz", prints)
    rewrite(network, content_sha256=file_hash(network / "content.npz"))
    exposure_of = exposures(discs, OWN, network)
    assert {exposure_of[r.object] for r in discs.objects if r.group == planted.group} == {"seen patient"}
    assert "seen patient" not in {
        exposure_of[r.object] for r in discs.objects if r.split == "test" and r.group != planted.group
    }


def test_a_job_compares_the_images_of_its_patients_only(discs, discs_network, monkeypatch):
    compared = []
    monkeypatch.setattr("bifseg.runs.exposure.overlap", lambda first, _: compared.append(set(first)) or [])
    row = discs.select(split="test")[0]
    everyone = exposures(discs, OWN, discs_network)
    played = exposures(discs, OWN, discs_network, [row])
    assert played == {row.object: everyone[row.object]}
    assert compared[-1] == {member.image for member in discs.objects if member.group == row.group}


def _made_contents():
    rng = np.random.default_rng(0)
    grid = Grid((120, 120), (1.0, 1.0), (0.0, 0.0), ((1.0, 0.0), (0.0, 1.0)))
    return [fingerprints_of(Image(rng.normal(size=(120, 120)).astype(np.float32), grid)) for _ in range(2)]


def test_an_older_network_is_unknown_and_an_invalid_one_is_refused(discs, network):
    rewrite(network, trained_on="everything")
    with pytest.raises(InputError, match="trained_on"):
        exposures(discs, OWN, network)
    record = {
        k: v
        for k, v in read_record(network / "card.json").items()
        if k not in ("trained_on", "record_sha256")
    }
    write_record(network / "card.json", record)
    assert "unknown" in exposures(discs, OWN, network).values()


def test_a_cohort_of_an_older_version_has_no_fingerprints(discs, tmp_path):
    copytree(discs.folder, tmp_path / "old")
    record = read_record(tmp_path / "old" / "cohort.json")
    old_record = {k: v for k, v in record.items() if k not in ("content_sha256", "record_sha256")}
    write_record(tmp_path / "old" / "cohort.json", old_record)
    assert cohort_contents(tmp_path / "old") == {}
    assert len(Cohort.load(tmp_path / "old").objects) == len(discs.objects)
