"""The label sets of the BraTS years, by structure. They differ, and a wrong one swaps structures silently.

| | 1 | 2 | 3 | 4 |
|---|---|---|---|---|
| 2015 | necrosis | oedema | non-enhancing core | enhancing core |
| 2018 to 2021 | necrosis and non-enhancing core | oedema | | enhancing core |
| 2023 and later (BraTS-GLI) | necrosis and non-enhancing core | oedema | enhancing core | resection cavity (2024) |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bifseg.cohorts.check_report import Files
from bifseg.cohorts.manifest import shown_values, values_text
from bifseg.cohorts.readers.layout import Values
from bifseg.core.errors import InputError

MODALITIES = {"tumour_core": "t1c", "whole_tumour": "flair", "enhancing": "t1c"}
"""The modality in which each structure is segmented, as in the paper's 3D experiment."""

SEEN, UNSEEN = ("tumour_core",), ("whole_tumour",)
"""Seen and unseen structures of the paper's 3D experiment."""


@dataclass(frozen=True)
class Year:
    """The label set of a year.

    Attributes:
        title: for messages.
        structures: label values by structure.
        sets: the sets of values, without 0, that a whole cohort of that year can have.
    """

    title: str
    structures: Values
    sets: tuple[frozenset[int], ...]


_WITHOUT_3: Values = {"tumour_core": (1, 4), "whole_tumour": (1, 2, 4), "enhancing": (4,)}

YEARS: Mapping[str, Year] = {
    "brats2015": Year(
        "BraTS 2015",
        {"tumour_core": (1, 3, 4), "whole_tumour": (1, 2, 3, 4), "enhancing": (4,)},
        (frozenset({1, 2, 3, 4}),),
    ),
    "brats2018": Year("BraTS 2018 to 2020", _WITHOUT_3, (frozenset({1, 2, 4}),)),
    "brats2021": Year("BraTS 2021", _WITHOUT_3, (frozenset({1, 2, 4}),)),
    "brats2023": Year(
        "BraTS 2023 and later",
        {"tumour_core": (1, 3), "whole_tumour": (1, 2, 3), "enhancing": (3,)},
        (frozenset({1, 2, 3}), frozenset({1, 2, 3, 4})),
    ),
}


def refuse_another_year(year: str, path: Path, labels: Files) -> None:
    """Check the values of the label maps against a year's.

    They are another year's if one of them is in no set of this year, or if together they are exactly a set of another
    year but not of this one. A few cases may lack a value, so fewer values do not mean another year.

    Args:
        year: a key of `YEARS`.
        path: the folder, for the message.
        labels: contents of the label maps by name.

    Raises:
        InputError: the values are not this year's; the message names the years that they fit.
    """
    sets = YEARS[year].sets
    own = frozenset().union(*sets)
    values_of = {name: file.counts.keys() - {0} for name, file in labels.items()}
    together = frozenset().union(*values_of.values())
    strange = next((name for name, values in values_of.items() if values - own), "")
    exact = [name for name, other in YEARS.items() if together in other.sets]
    if not strange and (year in exact or not exact):
        return
    likely = exact or [
        name for name, other in YEARS.items() if any(together <= values for values in other.sets)
    ]
    where = (
        f"{strange} holds {shown_values(values_of[strange])}"
        if strange
        else f"all hold {shown_values(together)}"
    )
    remedy = (
        f"these look like {' or '.join(likely)}: run `bifseg cohort from {likely[-1]}`"
        if likely
        else "no known BraTS year has them: give them with --structure NAME=VALUES"
    )
    raise InputError(
        f"{path}: label values: {where}, {YEARS[year].title} has {values_text(sets[0])}; {remedy}"
    )
