"""The registry of simulators, against the check that real cohorts pass."""

from __future__ import annotations

import pytest

from bifseg.cards.cards import CaseCounts
from bifseg.cohorts.checks import check_manifest
from bifseg.cohorts.simulated import SIMULATORS, fetal2d, tumour3d


@pytest.mark.parametrize(("name", "dimension"), [("fetal2d", 2), ("tumour3d", 3)])
def test_a_simulated_cohort_has_no_problems(tmp_path, tumours, slices, monkeypatch, name, dimension):
    monkeypatch.setattr(tumour3d, "make_case", lambda seed, index: tumours[index])
    monkeypatch.setattr(fetal2d, "make_case", lambda seed, patient, place: slices[3 * patient + place])
    SIMULATORS[name](CaseCounts(train=2, validation=1, test=1), 1, tmp_path, iter)
    report = check_manifest(tmp_path / "manifest.tsv", tmp_path, dimension)
    assert not report.problems


def test_both_simulators_are_known():
    assert set(SIMULATORS) == {"fetal2d", "tumour3d"}
