"""BraTS 2015: HGG/CASE/VSD.Brain.XX.O.MR_Flair.54512/VSD.Brain.XX.O.MR_Flair.54512.mha, and ...OT... for the truth.

The folder of a case's VSD folders gives the case its name. HGG and LGG number their patients separately
(brats_2013_pat0001_1 is in both), so the grade is part of the name.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath

from bifseg.cohorts.readers.brats import CaseFile, scan
from bifseg.cohorts.readers.brats_years import refuse_another_year
from bifseg.cohorts.readers.layout import Layout, LayoutOptions, LayoutScan
from bifseg.cohorts.readers.walk import image_files, stem

_WORDS = {"mr_flair": "flair", "mr_t1": "t1", "mr_t1c": "t1c", "mr_t2": "t2", "ot": "seg"}
_GRADES = ("HGG", "LGG", "HG", "LG")


def _find(path: Path, options: LayoutOptions) -> LayoutScan:
    images = image_files(path)
    case_files = [case_file for file in images.files if (case_file := _case_file(file, path))]
    return scan("brats2015", path, options, case_files, images)


def _case_file(file: PurePosixPath, root: Path) -> CaseFile | None:
    """The case, folder and modality of a file, by the words between the dots of its name; None for another file."""
    word = next((_WORDS[part] for part in stem(file.name).lower().split(".") if part in _WORDS), "")
    if not word:
        return None
    place = next(folder for folder in file.parents if not folder.name.upper().startswith("VSD."))
    grade = next((part.upper() for part in place.parts[:-1] if part.upper() in _GRADES), "")
    return CaseFile("_".join(filter(None, (grade, place.name or root.name))), str(place), word, str(file))


LAYOUT = Layout(
    "[HGG/]CASE/VSD.Brain.XX.O.{MR_T1,MR_T1c,MR_T2,MR_Flair,OT}.NUMBER/*.mha",
    _find,
    partial(refuse_another_year, "brats2015"),
)
