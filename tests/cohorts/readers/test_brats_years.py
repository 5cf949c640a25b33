from itertools import combinations
from pathlib import Path

import pytest

from bifseg.cohorts.files import File
from bifseg.cohorts.readers import LAYOUTS
from bifseg.cohorts.readers.brats_years import MODALITIES, YEARS, refuse_another_year
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid

GRID = Grid.plain((2, 2, 2))


def complaint(year, *maps):
    """The complaint about label maps with these values; empty if there is none."""
    files = {f"c{k}.nii.gz": File(GRID, counts=dict.fromkeys((0, *held), 9)) for k, held in enumerate(maps)}
    try:
        refuse_another_year(year, Path("data"), {"": File(None), **files})
    except InputError as error:
        return str(error)
    return ""


def test_values_of_each_structure_by_year():
    necrosis, oedema, enhancing = 1, 2, {"brats2023": 3}
    for name, year in YEARS.items():
        core = {necrosis, enhancing.get(name, 4)} | ({3} if name == "brats2015" else set())
        assert set(year.structures["tumour_core"]) == core
        assert set(year.structures["whole_tumour"]) == core | {oedema}
        assert set(year.structures["enhancing"]) == {enhancing.get(name, 4)}
        assert year.structures.keys() == MODALITIES.keys()


def test_each_year_is_a_layout():
    assert set(YEARS) == {name for name in LAYOUTS if name.startswith("brats")}


@pytest.mark.parametrize(
    ("held", "years"),
    [
        ((1, 2, 3, 4), {"brats2015", "brats2023"}),
        ((1, 2, 4), {"brats2018", "brats2021"}),
        ((1, 2, 3), {"brats2023"}),
        ((1, 2), set(YEARS)),  # without enhancing tumour no year can be complaint from another
        ((2, 4), set(YEARS)),
        ((1, 3), {"brats2015", "brats2023"}),
        ((1, 2, 5), set()),
    ],
)
def test_years_that_fit_a_set_of_values(held, years):
    assert {year for year in YEARS if not complaint(year, held)} == years


def test_values_are_compared_over_all_label_maps():
    assert not complaint("brats2015", (1, 2, 4), (2, 3))
    assert complaint("brats2015", (1, 2, 4), (2, 4)) == (
        "data: label values: all hold 1,2,4, BraTS 2015 has 1,2,3,4; these look like brats2018 or brats2021: "
        "run `bifseg cohort from brats2021`"
    )


def test_a_label_map_with_an_unknown_value_is_named():
    assert complaint("brats2021", (1, 2, 4), (1, 2, 9)) == (
        "data: label values: c1.nii.gz holds 1,2,9, BraTS 2021 has 1,2,4; no known BraTS year has them: "
        "give them with --structure NAME=VALUES"
    )


def test_likely_years_are_suggested_for_foreign_values():
    assert "these look like brats2015 or brats2023" in complaint("brats2021", (1, 3))


@pytest.mark.parametrize("year", YEARS)
def test_accepted_values_mean_the_same_in_the_other_year(year):
    """A set of another year is accepted only if all structures have the same values."""
    for other_year in YEARS:
        for values in YEARS[other_year].sets:
            if complaint(year, tuple(values)) or values == {1, 2, 3, 4}:
                continue
            for name in MODALITIES:
                read, meant = (set(YEARS[y].structures[name]) & values for y in (year, other_year))
                assert read == meant, (year, other_year, name)


def test_subsets_of_a_year_s_values_are_accepted():
    for year, about in YEARS.items():
        for held in (tuple(about.sets[0]), *combinations(about.sets[0], 2), *combinations(about.sets[0], 1)):
            assert not complaint(year, held)
