"""What a reader is asked and what it finds: cases and their files, by name. No image is opened or moved."""

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
        columns: of a flat table: its column for each column of a manifest that is named otherwise there.
    """

    structures: Values = field(default_factory=dict)
    modalities: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)

    def modality(self, structure: str, default: str) -> str:
        """The modality that is asked for a structure, or the default."""
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
        name, group: of the scan and of its patient; safe for files.
        images: by modality.
        label: its label map relative to the root; empty where there is none.
        split: where the layout gives one; empty where it is to be drawn.
        raters: label maps by other people.
        structures: of this case only; None: those of the layout.
    """

    name: str
    group: str
    images: Mapping[str, Source]
    label: str
    split: str = ""
    raters: tuple[str, ...] = ()
    structures: Mapping[str, Structure] | None = None


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
    """What a reader finds below a path.

    Attributes:
        root: folder that all paths are relative to.
        cases: those with a label map or an image, usable or not.
        structures: of all cases.
        seen: structures that networks are trained on unless the user says otherwise; None: all.
        unseen: structures that are played as well unless the user says otherwise.
        left_out: cases that cannot be told apart.
        notes: what was chosen between and what was passed over, a line each.
    """

    root: Path
    cases: list[Case]
    structures: Mapping[str, Structure]
    seen: tuple[str, ...] | None = None
    unseen: tuple[str, ...] = ()
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """A way in which data are laid out.

    Attributes:
        about: how its files are called, for people.
        find: reads the names below a path; raises InputError where nothing can be read.
        judge: given the path and what the label maps hold, raises InputError where the label values are those of
            another layout.
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


def safe_name(text: str) -> str:
    """The text with `_` for all that cannot be in the name of a case or structure."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text.strip()).lstrip("_.-").rstrip("_")
