"""BraTS 2018 to 2024: files called CASE_flair.nii.gz (2018 to 2021) or CASE-t2f.nii.gz (2023 and later).

The last word of a file's name is its modality. The case is BraTS's name, in the file's name or otherwise in a folder's:
the label map of BraTS20_Training_355 is called W39_1998.09.19_Segm.nii, and copies on Kaggle have
BraTS2021_00000_flair.nii/00000057_brain_flair.nii. Folders between the path and the files do not matter.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bifseg.cohorts.readers.brats_years import MODALITIES, SEEN, UNSEEN, YEARS, refuse_another_year
from bifseg.cohorts.readers.layout import (
    Case,
    Layout,
    LayoutOptions,
    LayoutScan,
    LeftOut,
    Source,
    Structure,
    duplicated,
)
from bifseg.cohorts.readers.walk import ImageFiles, image_files, skipped_by_name, stem

WORDS = {
    **{"flair": "flair", "t1": "t1", "t1ce": "t1c", "t1gd": "t1c", "t2": "t2", "seg": "seg", "segm": "seg"},
    **{"t2f": "flair", "t1n": "t1", "t1c": "t1c", "t2w": "t2"},
}
"""Modality, or `seg` for the label map, by the last word of a file's name in lower case."""

_CASE = re.compile(
    r"brats-[a-z]+-\d+-\d+|brats2021_\d+|brats20_[a-z]+_\d+|brats1[789]_[a-z0-9]+_[a-z0-9]+_\d+",
    re.IGNORECASE,
)
_OTHER_TUMOURS = re.compile(r"brats-(?!gli-)[a-z]+-", re.IGNORECASE)


class CaseFile(NamedTuple):
    """A file of a case: its modality (`seg`: the label map) and the folder of the case."""

    case: str
    folder: str
    modality: str
    path: str


def layout(year: str) -> Layout:
    """The layout of a year's files and label values.

    Args:
        year: a key of `YEARS`.

    Returns:
        Its reader, which also refuses the label values of another year.
    """
    words = "{t1n,t1c,t2w,t2f,seg}" if year == "brats2023" else "{t1,t1ce,t2,flair,seg}"
    sign = "-" if year == "brats2023" else "_"
    check_values = partial(refuse_another_year, year)
    return Layout(f"CASE/CASE{sign}{words}.nii.gz", partial(_find, year), check_values)


def _find(year: str, path: Path, options: LayoutOptions) -> LayoutScan:
    images = image_files(path)
    case_files = [case_file for file in images.files if (case_file := _case_file(file, path))]
    return scan(year, path, options, case_files, images)


def scan(
    year: str, path: Path, options: LayoutOptions, case_files: list[CaseFile], images: ImageFiles
) -> LayoutScan:
    """The cases of a year of BraTS.

    Args:
        year: a key of `YEARS`.
        path: the folder.
        options: the user's own structures and modalities; without any, the year's.
        case_files: the files of cases.
        images: all images below the folder.

    Returns:
        Cases and structures; tumours other than BraTS-GLI are left out unless the user names structures.
    """
    used = {case_file.path for case_file in case_files}
    notes = [*images.notes, *skipped_by_name([str(path) for path in images.files if str(path) not in used])]
    files, left_out = _gather(case_files)
    left_out += images.left_out
    if not options.structures:
        left_out += [
            LeftOut(name, "", "another tumour than BraTS-GLI, with label values of its own: give --structure")
            for name in files
            if _OTHER_TUMOURS.match(name)
        ]
        files = {name: words for name, words in files.items() if not _OTHER_TUMOURS.match(name)}
    cases = [
        Case(name, {word: Source(p) for word, p in words.items()}, words.get("seg", ""))
        for name, words in files.items()
    ]
    values = options.structures or YEARS[year].structures
    structures = {name: Structure(own, _modality(name, options)) for name, own in values.items()}
    seen, unseen = (None, ()) if options.structures else (SEEN, UNSEEN)
    return LayoutScan(path, cases, structures, seen, unseen, left_out, notes)


def _gather(case_files: Iterable[CaseFile]) -> tuple[dict[str, dict[str, str]], list[LeftOut]]:
    """The paths of each case by modality, sorted; and the copies and duplicates, which are left out."""
    by_case: defaultdict[str, defaultdict[str, defaultdict[str, list[str]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for case_file in case_files:
        by_case[case_file.case][case_file.folder][case_file.modality].append(case_file.path)
    files: dict[str, dict[str, str]] = {}
    left_out: list[LeftOut] = []
    for case, folders in sorted(by_case.items()):
        # All files of a case come from one folder, so that no image meets the label map of another copy.
        fullest = max(sorted(folders), key=lambda place: len(folders[place]))
        for place in sorted(set(folders) - {fullest}):
            left_out.append(LeftOut(case, "", "occurs twice; the folder with more files is used", place))
        if copies := duplicated(case, folders[fullest]):
            left_out += copies
        else:
            files[case] = {modality: paths[0] for modality, paths in folders[fullest].items()}
    return files, left_out


def _case_file(file: PurePosixPath, root: Path) -> CaseFile | None:
    """The case, folder and modality of a file, by its name; None for another file."""
    before, word = re.fullmatch(r"(?s)(.*?)[_-]?([^_-]*)", stem(file.name)).groups()  # type: ignore[union-attr]
    if word.lower() not in WORDS:
        return None
    named = [match[0] for part in (*file.parts[:-1], before) if (match := _CASE.match(part))]
    case = named[-1] if named else before or file.parent.name or root.name
    folders = [folder for folder in file.parents if folder.name == case]
    place = folders[-1] if folders else file.parent
    return CaseFile(case, str(place), WORDS[word.lower()], str(file))


def _modality(structure: str, options: LayoutOptions) -> str:
    name = options.modality(structure, MODALITIES.get(structure, "t1c"))
    return WORDS.get(name.lower(), name)
