"""The arguments and results of readers: cases and their files, by name. Readers neither open nor move images."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bifseg.cohorts.check_report import Files

Values = Mapping[str, tuple[int, ...]]
"""Label values by structure; their union is the structure."""

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
    """The user's statements about the data.

    Attributes:
        structures: label values by structure, instead of the layout's; empty: the layout's.
        modalities: the modality of each structure, and under "" that of all others; empty: the layout's.
        columns: for a flat table, its name for each manifest column that is called otherwise there.
        patient_pattern: regular expression that matches the patient in a case's name, or has it as its first group;
            None: patients by the naming rules of challenges and BIDS.
        splits: split by the name of a case or of a patient; None: the layout's, or drawn.
    """

    structures: Values = field(default_factory=dict)
    modalities: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    patient_pattern: re.Pattern[str] | None = None
    splits: Mapping[str, str] | None = None

    def modality(self, structure: str, default: str) -> str:
        """The modality of a structure.

        Args:
            structure: its name.
            default: the layout's modality.

        Returns:
            The user's modality for this structure or for all others, or the default.
        """
        return self.modalities.get(structure, self.modalities.get("", default))


@dataclass(frozen=True)
class Structure:
    """Label values, and the modality in which the structure is segmented."""

    values: tuple[int, ...]
    modality: str


@dataclass(frozen=True)
class Source:
    """An image: a file relative to the root, and the channel if the file has several."""

    path: str
    channel: int | None = None


@dataclass(frozen=True)
class Case:
    """One scan.

    Attributes:
        name: name of the scan, from the files or the table.
        images: by modality.
        label: its label map relative to the root; empty without one.
        split: the split that the layout gives; empty if it will be drawn.
        raters: label maps by other people.
        structures: structures of this case only; None: those of the layout.
        group: the patient, if the data name it; empty: the patient follows from the case's name.
        ignore_values: label values of voxels that nobody annotated, in this case only; empty: those of the layout.
        initial: an automatic method's label map; empty without one.
        channels: name and path of each further channel, as in a manifest.
    """

    name: str
    images: Mapping[str, Source]
    label: str
    split: str = ""
    raters: tuple[str, ...] = ()
    structures: Mapping[str, Structure] | None = None
    group: str = ""
    ignore_values: tuple[int, ...] = ()
    initial: str = ""
    channels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A case or structure that is not in the manifest, and why.

    Attributes:
        case: empty: all cases.
        structure: empty: all of the case.
        reason: a text without the names of case and file, so that equal reasons are equal texts.
        file: the file, folder or pair of files at fault, if any.
    """

    case: str
    structure: str
    reason: str
    file: str = ""


@dataclass(frozen=True)
class LayoutScan:
    """A reader's result: the cases below a path.

    Attributes:
        root: folder that all paths are relative to.
        cases: all cases with a label map or an image, usable or not.
        structures: structures of all cases.
        seen: structures that networks are trained on unless the user says otherwise; None: all.
        unseen: further structures unless the user says otherwise.
        left_out: cases with copies or duplicate files.
        notes: a line for each choice that was made and for files that were skipped.
        ignore_values: label values of voxels that nobody annotated (nnU-Net's `ignore`).
        names_all_values: whether the label maps should hold no values but 0 and those of structures and ignored voxels.
    """

    root: Path
    cases: list[Case]
    structures: Mapping[str, Structure]
    seen: tuple[str, ...] | None = None
    unseen: tuple[str, ...] = ()
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ignore_values: tuple[int, ...] = ()
    names_all_values: bool = False


@dataclass(frozen=True)
class Layout:
    """A file layout of data sets.

    Attributes:
        about: its file names, for messages.
        find: scans the names below a path; raises InputError if it can read nothing.
        check_values: takes the path and the contents of the label maps; raises InputError if their values are those of
            another layout.
    """

    about: str
    find: Callable[[Path, LayoutOptions], LayoutScan]
    check_values: Callable[[Path, Files], None] | None = None


def duplicated(case: str, files: Mapping[str, Sequence[str]]) -> list[LeftOut]:
    """A case that has several files of one kind, as left out.

    Args:
        case: name of the case.
        files: paths by kind, such as a modality or the label map.

    Returns:
        One entry with the files of the first such kind; empty if each kind has one file.
    """
    several = [paths for _, paths in sorted(files.items()) if len(paths) > 1]
    reason = "has two files of one kind; keep one"
    return [LeftOut(case, "", reason, " and ".join(several[0]))] if several else []


def patient(case: str) -> str:
    """The patient of a case by the naming rules of challenges and BIDS.

    Args:
        case: name of the case.

    Returns:
        The patient's part of the name; the whole name under no known rule.
    """
    for pattern in _PATIENTS:
        if match := pattern.fullmatch(case):
            return match[1]
    return case
