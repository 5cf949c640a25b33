"""What a reader gets and what it returns: cases and their files, by name. No image is opened or moved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bifseg.cohorts.checks import Files

Values = Mapping[str, tuple[int, ...]]
"""Label values by the name of the structure that they make up."""

_PATIENTS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(brats-[a-z]+-\d+)-\d+",  # BraTS-GLI-00000-000 and -001: two scans of one patient
        r"(brats1[789]_[a-z0-9]+_[a-z0-9]+)_\d+",  # Brats18_TCIA01_131_1
        r"((?:[hl]gg?_)?brats_(?:tcia|2013)_pat\d+)_\d+",  # brats_tcia_pat105_0001
        r"(sub-[a-z0-9]+)(?:_.*)?",  # sub-01_ses-2_run-1
    )
]


@dataclass(frozen=True)
class LayoutOptions:
    """What the user says about the data.

    Attributes:
        structures: label values by structure, in place of the layout's own; empty: those.
        modalities: the modality of each structure, under "" that of all others; empty: the layout's own.
        columns: of a flat table: its column for each column of a manifest that has another name there.
        patient_pattern: regular expression that gives the patient in a case's name: its first group, or what it
            matches; None: the names that challenges and BIDS give.
        splits: split by the name of a case or of a patient; None: the layout's own, or drawn.
    """

    structures: Values = field(default_factory=dict)
    modalities: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    patient_pattern: re.Pattern[str] | None = None
    splits: Mapping[str, str] | None = None

    def modality(self, structure: str, default: str) -> str:
        """The modality that the user names for a structure, or the default."""
        return self.modalities.get(structure, self.modalities.get("", default))


@dataclass(frozen=True)
class Structure:
    """Label values, and the modality in which the structure is segmented."""

    values: tuple[int, ...]
    modality: str


@dataclass(frozen=True)
class Source:
    """An image: a file relative to the root, and the channel where it holds several."""

    path: str
    channel: int | None = None


@dataclass(frozen=True)
class Case:
    """One scan.

    Attributes:
        name: of the scan, as the files or the table give it.
        images: by modality.
        label: its label map relative to the root; empty where there is none.
        split: where the layout gives one; empty where it is to be drawn.
        raters: label maps by other people.
        structures: of this case only; None: those of the layout.
        group: the patient, where the data name it; empty: by the case's name.
        ignore_values: label values of this case that say nothing; empty: those of the layout.
    """

    name: str
    images: Mapping[str, Source]
    label: str
    split: str = ""
    raters: tuple[str, ...] = ()
    structures: Mapping[str, Structure] | None = None
    group: str = ""
    ignore_values: tuple[int, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """What is not in the manifest and why.

    Attributes:
        case: empty: all cases.
        structure: empty: all of the case.
        reason: without the case's and the file's name, so that equal reasons are equal.
        file: what is at fault, a file, a folder or two; empty where nothing is.
    """

    case: str
    structure: str
    reason: str
    file: str = ""


@dataclass(frozen=True)
class LayoutScan:
    """The cases that a reader sees below a path.

    Attributes:
        root: folder that all paths are relative to.
        cases: those with a label map or an image, usable or not.
        structures: of all cases.
        seen: structures that networks are trained on unless the user says otherwise; None: all.
        unseen: structures that are played as well unless the user says otherwise.
        left_out: cases that cannot be told apart.
        notes: what was chosen between and what was passed over, a line each.
        ignore_values: label values that say nothing about a voxel (nnU-Net's `ignore`).
    """

    root: Path
    cases: list[Case]
    structures: Mapping[str, Structure]
    seen: tuple[str, ...] | None = None
    unseen: tuple[str, ...] = ()
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ignore_values: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A way in which data are laid out.

    Attributes:
        about: how its files are called, for people.
        find: scans the names below a path; raises InputError where nothing can be read.
        judge: given the path and the contents of the label maps, raises InputError where their values are those
            of another layout.
    """

    about: str
    find: Callable[[Path, LayoutOptions], LayoutScan]
    judge: Callable[[Path, Files], None] | None = None


def patient(case: str) -> str:
    """The patient of a case by the names that challenges and BIDS give; any other case is its own patient."""
    for pattern in _PATIENTS:
        if match := pattern.fullmatch(case):
            return match[1]
    return case
