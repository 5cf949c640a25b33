"""nnU-Net's raw data: imagesTr/CASE_0000.nii.gz, a file a channel, labelsTr/CASE.nii.gz, and `dataset.json`.

Labels may be regions, lists of values. Where imagesTs has label maps, in labelsTs, those cases are the test split.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from bifseg.cohorts.readers.dataset_json import channel_names, read_dataset, structures
from bifseg.cohorts.readers.layout import Case, Layout, LayoutOptions, LayoutScan, Source, patient, safe_name
from bifseg.cohorts.readers.walk import image_files, stem


def _find(path: Path, asked: LayoutOptions) -> LayoutScan:
    file, content = read_dataset(path)
    channels = channel_names(file, content)
    cases, notes = [], []
    for end, split in (("Tr", ""), ("Ts", "test")):
        images, passed_over = _images(file.parent, f"images{end}", channels)
        labels, also = _files(file.parent, f"labels{end}")
        notes += [*passed_over, *also]
        for name in sorted({*images, *labels}):
            label = labels.get(name, "")
            case = safe_name(name)
            cases.append(Case(case, patient(case), images[name], label, split if label else ""))
    return LayoutScan(file.parent, cases, structures(file, content, channels, asked), notes=notes)


def _images(
    root: Path, folder: str, channels: dict[int, str]
) -> tuple[dict[str, dict[str, Source]], list[str]]:
    """The sources by modality of each case in a folder of images, and notes."""
    files, notes = _files(root, folder)
    found: defaultdict[str, dict[str, Source]] = defaultdict(dict)
    for name, path in files.items():
        match = re.fullmatch(r"(.+)_(\d{4})", name)
        if match and int(match[2]) in channels:
            found[match[1]][channels[int(match[2])]] = Source(path)
        else:
            notes.append(f"{path} ends in no channel's number, as CASE_0000; passed over")
    return found, notes


def _files(root: Path, folder: str) -> tuple[dict[str, str], list[str]]:
    """Path by stem of the images in a folder, none where it is not there; and notes."""
    if not (root / folder).is_dir():
        return {}, []
    files, notes = image_files(root / folder)
    return {stem(file.name): f"{folder}/{file}" for file in files}, notes


LAYOUT = Layout("dataset.json; imagesTr/CASE_0000.nii.gz, a file a channel; labelsTr/CASE.nii.gz", _find)
