"""Masks of several people: their pairs, and the tolerance of NSD that follows from them."""

import numpy as np
import pytest
from disc_cases import prepared_with_raters as prepared

from bifseg.cohorts.raters import rater_pairs, rater_tolerances
from bifseg.core.errors import InputError


def test_pairs_are_of_raters_and_of_a_single_one_with_the_truth(tmp_path):
    three = prepared(tmp_path / "three", (1, 2, 3))
    row = three.objects[0]
    pairs = rater_pairs(three, row)
    assert len(pairs) == 3
    assert not any(np.array_equal(mask, three.truth(row)) for pair in pairs for mask in pair)
    one = prepared(tmp_path / "one", (2,))
    ((rater, truth),) = rater_pairs(one, one.objects[0])
    assert np.array_equal(truth, one.truth(one.objects[0]))
    assert np.array_equal(rater, np.roll(truth, 2, axis=1))


def test_the_tolerance_is_the_median_distance_of_the_borders(tmp_path):
    cohort = prepared(tmp_path, (4,), nsd_tolerance_mm="raters")
    tolerance = cohort.nsd_tolerance("disc")
    assert 0.8 <= tolerance <= 4 * 0.8  # sides of the disc move by 3.2 mm, its top hardly
    assert rater_tolerances(cohort) == {name: cohort.nsd_tolerance(name) for name in ("disc", "ring")}
    assert cohort.raters_tolerance_mm == rater_tolerances(cohort)


def test_equal_masks_give_half_a_voxel(tmp_path):
    cohort = prepared(tmp_path, (0, 72))  # a whole turn: two files with the same mask
    assert rater_tolerances(cohort) == pytest.approx({"disc": 0.4, "ring": 0.4})
    assert cohort.raters_tolerance_mm is None
    assert cohort.nsd_tolerance("disc") == 2.0


def test_a_tolerance_by_raters_needs_some(tmp_path):
    with pytest.raises(InputError, match=r"c.yaml: nsd_tolerance_mm: 'raters', but no object has any"):
        prepared(tmp_path, (), nsd_tolerance_mm="raters")
    assert not (tmp_path / "cohort/cohort.json").exists()


def test_raters_are_truth_for_methods(tmp_path):
    cohort = prepared(tmp_path, (1,))
    assert tmp_path / "data/r1.nii.gz" in {path.absolute() for path in cohort.truth_files}


def test_files_of_the_truth_are_looked_for_once(tmp_path, monkeypatch):
    cohort, looked_at = prepared(tmp_path, (1,)), []
    monkeypatch.setattr("bifseg.cohorts.cohort.files_of", lambda path: looked_at.append(path) or (path,))
    for _ in range(3):  # as at every start of a process
        assert cohort.truth_folders
    assert len(looked_at) == len(set(looked_at)) > 0
