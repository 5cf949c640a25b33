"""BIDS, as in FeTA: sub-01/[ses-01/]anat/sub-01_ses-01_T2w.nii.gz with sub-01_ses-01_dseg.nii.gz.

The names of image and label map share all entities except those that describe a label map (desc, label, seg, atlas).
The files may lie anywhere below the path, for example in derivatives/. The meaning of the values comes from BIDS's
tables `dseg.tsv` (columns index and name) or from the user. participants.tsv is not needed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from bifseg.cohorts.names import is_name, safe_name
from bifseg.cohorts.readers.layout import (
    Case,
    Layout,
    LayoutOptions,
    LayoutScan,
    Source,
    Structure,
    duplicated,
)
from bifseg.cohorts.readers.walk import all_files, image_files, skipped_by_name, stem
from bifseg.core.errors import InputError, short
from bifseg.core.tables import read_table

_NAME = re.compile(r"(sub-[A-Za-z0-9]+(?:_[a-z]+-[A-Za-z0-9+]+)*)_([A-Za-z0-9]+)")
_OF_LABELS = re.compile(r"_(?:desc|label|seg|atlas)-[A-Za-z0-9+]+")


def _find(path: Path, options: LayoutOptions) -> LayoutScan:
    values = options.structures or _named_values(path)
    structures = {name: Structure(own, options.modality(name, "T2w")) for name, own in values.items()}
    used = sorted({structure.modality for structure in structures.values()})
    images = image_files(path)
    by_case: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    others = []
    for file in images.files:
        match = _NAME.fullmatch(stem(file.name))
        if match and match[2] == "dseg":
            by_case[_OF_LABELS.sub("", match[1])]["dseg"].append(str(file))
        elif match and match[2] in used:
            by_case[match[1]][match[2]].append(str(file))
        else:
            others.append(str(file))
    notes = [*images.notes, *skipped_by_name(others)]
    cases, left_out = [], [*images.left_out]
    for name, words in sorted(by_case.items()):
        if copies := duplicated(name, words):
            left_out += copies
            continue
        sources = {suffix: Source(words[suffix][0]) for suffix in used if suffix in words}
        cases.append(Case(name, sources, words["dseg"][0] if "dseg" in words else ""))
    return LayoutScan(
        path, cases, structures, left_out=left_out, notes=notes, names_all_values=not options.structures
    )


def _named_values(path: Path) -> dict[str, tuple[int, ...]]:
    """Values by name in all `dseg.tsv` below a path; raises InputError if they disagree or none exists."""
    values: dict[str, tuple[int, ...]] = {}
    for name in all_files(path):
        if not name.name.endswith("dseg.tsv") or name.name.startswith("."):
            continue
        for line, cells in read_table(path / name, "dseg.tsv")[1]:
            index, word = cells.get("index") or "", safe_name(cells.get("name") or "").lower()
            if (
                not re.fullmatch(r"\d{1,9}", index, re.ASCII)
                or not is_name(word)
                or values.get(word, (int(index),)) != (int(index),)
            ):
                row = f"index {short(index, 30)!r}, name {short(word, 30)!r}"
                raise InputError(
                    f"{path / name}:{line}: {row} is not a value of its own; give --structure NAME=VALUES"
                )
            if int(index):
                values[word] = (int(index),)
    if not values:
        raise InputError(
            f"{path}: no dseg.tsv says what the label values mean; give --structure NAME=VALUES, for FeTA "
            "for example --structure cerebellum=5"
        )
    return values


LAYOUT = Layout("sub-01/[ses-01/]anat/sub-01[_ses-01]_T2w.nii.gz and ..._dseg.nii.gz", _find)
