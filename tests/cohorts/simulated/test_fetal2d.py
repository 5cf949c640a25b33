"""Simulated fetal slices: organs, instances and patients; thresholding must not segment them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from bifseg.cards.cards import CaseCounts
from bifseg.cohorts.intensity_band import best_band_dice, boxed
from bifseg.cohorts.simulated import fetal2d
from bifseg.cohorts.simulated.organs import BRAIN, KIDNEYS, LUNGS, PLACENTA
from bifseg.core.images import read_array


def instances(case, label):
    parts, n = ndimage.label(case.labels == label, np.ones((3, 3)))
    return [parts == k for k in range(1, n + 1)]


def test_written_cases_do_not_depend_on_the_counts(tmp_path, slices, read_rows):
    cases = {}
    for name, train in (("few", 2), ("more", 3)):
        fetal2d.simulate(CaseCounts(train=train, validation=1, test=4), 1, tmp_path / name)
        for row in read_rows(tmp_path / name):
            patient, place = int(row["group"][-4:]), int(row["case"][-1])
            case = slices[3 * patient + place]
            voxels, grid = read_array(tmp_path / name / row["image"])
            assert voxels.tobytes() == case.images["t2"].tobytes()
            assert read_array(tmp_path / name / row["label"])[0].tobytes() == case.labels.tobytes()
            np.testing.assert_allclose(grid.spacing, case.grid.spacing, rtol=1e-6)
            cases[row["case"]] = row["split"]
    assert sorted(cases.values()) == ["test"] * 4 + ["train"] * 3 + ["validation"]


def test_no_patient_is_in_two_splits(tmp_path, slices, read_rows, monkeypatch):
    monkeypatch.setattr(fetal2d, "make_case", lambda seed, patient, place: slices[0])
    fetal2d.simulate(CaseCounts(train=7, validation=2, test=5), 1, tmp_path)
    rows = read_rows(tmp_path)
    splits = {row["group"]: row["split"] for row in rows}
    assert {(row["group"], row["split"]) for row in rows} == set(splits.items())
    assert sorted(splits.values()) == ["test"] * 5 + ["train"] * 3 + ["validation"]
    assert len({row["case"] for row in rows}) == 14


def test_an_absent_organ_has_no_row(tmp_path, slices, read_rows):
    fetal2d.simulate(CaseCounts(train=6, validation=1, test=1), 1, tmp_path)
    rows = read_rows(tmp_path)
    for row in rows:
        assert int(row["label_values"]) in read_array(tmp_path / row["label"])[0]
    for row in rows[:1]:
        held = set(np.unique(read_array(tmp_path / row["label"])[0])) - {0}
        assert len(held) == sum(other["case"] == row["case"] for other in rows)


def test_slices_depend_on_the_seed(slices):
    assert fetal2d.make_case(1, 2, 1).images["t2"].tobytes() == slices[7].images["t2"].tobytes()
    assert fetal2d.make_case(2, 2, 1).images["t2"].tobytes() != slices[7].images["t2"].tobytes()


@pytest.mark.parametrize(("label", "count"), [(PLACENTA, 1), (BRAIN, 1), (LUNGS, 2), (KIDNEYS, 2)])
def test_lungs_and_kidneys_come_in_two(slices, label, count):
    parts_of_slices = [instances(case, label) for case in slices]
    assert {len(parts) for parts in parts_of_slices} == {0, count}
    assert min(part.sum() for parts in parts_of_slices for part in parts) >= 60


def test_every_slice_shows_a_seen_and_an_unseen_organ(slices):
    for case in slices:
        assert np.isin(case.labels, (PLACENTA, BRAIN)).any()
        assert np.isin(case.labels, (LUNGS, KIDNEYS)).any()


def test_paired_organs_are_apart_and_kidneys_on_both_sides(slices):
    for case in slices:
        for label in (KIDNEYS, LUNGS):
            parts = instances(case, label)
            if parts:
                (y0, x0), (y1, x1) = (ndimage.center_of_mass(part) for part in parts)
                assert np.hypot((y1 - y0), (x1 - x0)) * case.grid.spacing[0] > 15
        kidneys = instances(case, KIDNEYS)
        if kidneys:
            columns = sorted(ndimage.center_of_mass(part)[1] for part in kidneys)
            assert columns[0] < case.labels.shape[1] / 2 < columns[1]


def test_pixels_are_about_a_millimetre(slices):
    for case in slices:
        voxels = case.images["t2"]
        assert voxels.dtype == np.int16
        assert voxels.shape == case.labels.shape == case.grid.shape
        assert all(155 <= n <= 210 for n in voxels.shape)
        assert 1.0 < case.grid.spacing[0] == case.grid.spacing[1] < 1.3


def test_slices_of_a_patient_share_its_spacing_and_not_their_voxels(slices):
    first, second = slices[0], slices[1]
    assert first.grid.spacing == second.grid.spacing != slices[3].grid.spacing
    assert first.images["t2"].tobytes() != second.images["t2"].tobytes()


@pytest.mark.parametrize("label", [PLACENTA, BRAIN, LUNGS, KIDNEYS])
def test_thresholding_alone_does_not_segment_the_organs(slices, label):
    dice_values = [
        best_band_dice(*boxed(case.images["t2"], part)) for case in slices for part in instances(case, label)
    ]
    assert 0.50 < np.mean(dice_values) < 0.80
