from itertools import combinations
from pathlib import Path

import pytest

from bifseg.cohorts.files import File
from bifseg.cohorts.readers import LAYOUTS
from bifseg.cohorts.readers.brats_years import MODALITIES, YEARS, refuse_another_year
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid

GRID = Grid.plain((2, 2, 2))


def told(year, *maps):
    """What is said of label maps with these values; empty when nothing is."""
    files = {f"c{k}.nii.gz": File(GRID, counts=dict.fromkeys((0, *held), 9)) for k, held in enumerate(maps)}
    try:
        refuse_another_year(year, Path("data"), {"": File(None), **files})
    except InputError as error:
        return str(error)
    return ""


def test_structures_by_what_the_values_mean():
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
        ((1, 2), set(YEARS)),  # without enhancing tumour no year can be told from another
        ((2, 4), set(YEARS)),
        ((1, 3), {"brats2015", "brats2023"}),
        ((1, 2, 5), set()),
    ],
)
def test_the_years_that_a_set_of_values_may_be_of(held, years):
    assert {year for year in YEARS if not told(year, held)} == years


def test_the_values_of_all_label_maps_count_together():
    assert not told("brats2015", (1, 2, 4), (2, 3))
    assert told("brats2015", (1, 2, 4), (2, 4)) == (
        "data: label values: all hold 1,2,4, BraTS 2015 has 1,2,3,4; these look like brats2018 or brats2021: "
        "run `bifseg cohort from brats2021`"
    )


def test_one_label_map_with_a_strange_value_is_named():
    assert told("brats2021", (1, 2, 4), (1, 2, 9)) == (
        "data: label values: c1.nii.gz holds 1,2,9, BraTS 2021 has 1,2,4; no known BraTS year has them: "
        "give them with --structure NAME=VALUES"
    )


def test_a_few_cases_of_another_year_are_told_by_what_they_fit():
    assert "these look like brats2015 or brats2023" in told("brats2021", (1, 3))


@pytest.mark.parametrize("year", YEARS)
def test_no_structure_is_ever_read_with_the_values_of_another_year(year):
    """Whole sets of a year pass under that of another only where all structures mean the same."""
    for other in YEARS:
        for values in YEARS[other].sets:
            if told(year, tuple(values)) or values == {1, 2, 3, 4}:
                continue
            for name in MODALITIES:
                read, meant = (set(YEARS[y].structures[name]) & values for y in (year, other))
                assert read == meant, (year, other, name)


def test_fewer_values_of_the_own_year_pass():
    for year, about in YEARS.items():
        for held in (tuple(about.sets[0]), *combinations(about.sets[0], 2), *combinations(about.sets[0], 1)):
            assert not told(year, held)
