"""nnU-Net's raw data: imagesTr/CASE_0000.nii.gz with a file per channel, labelsTr/CASE.nii.gz, and `dataset.json`.

Labels may be regions, lists of values. Cases of imagesTs with a label map in labelsTs are the test split.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from bifseg.cohorts.readers.dataset_json import (
    channel_names,
    channel_note,
    ignore_values,
    read_dataset,
    structures,
)
from bifseg.cohorts.readers.layout import Case, Layout, LayoutOptions, LayoutScan, Source, duplicated
from bifseg.cohorts.readers.walk import ImageFiles, image_files, stem
from bifseg.core.wording import counted

_LABELS = ""
"""Key of the label map among a case's files, which no channel has."""


def _find(path: Path, options: LayoutOptions) -> LayoutScan:
    dataset, content = read_dataset(path)
    channels = channel_names(dataset, content)
    named = structures(dataset, content, channels, options)
    cases: list[Case] = []
    notes, left_out = channel_note(channels, named), []
    for end, split in (("Tr", ""), ("Ts", "test")):
        images = _files(dataset.parent, f"images{end}")
        labels = _files(dataset.parent, f"labels{end}")
        files, skipped = _files_of_cases(images, f"images{end}", channels)
        notes += [*skipped, *images.notes, *labels.notes]
        left_out += [*images.left_out, *labels.left_out]
        for file in labels.files:
            files[stem(file.name)][_LABELS].append(f"labels{end}/{file}")
        for name, by_kind in sorted(files.items()):
            if copies := duplicated(name, by_kind):
                left_out += copies
                continue
            label = "".join(by_kind.pop(_LABELS, []))
            sources = {channel: Source(path) for channel, (path,) in by_kind.items()}
            cases.append(Case(name, sources, label, split if label else ""))
    return LayoutScan(
        dataset.parent,
        cases,
        named,
        left_out=left_out,
        notes=notes,
        ignore_values=ignore_values(dataset, content),
        names_all_values=not options.structures,
    )


def _files_of_cases(
    images: ImageFiles, folder: str, channels: dict[int, str]
) -> tuple[defaultdict[str, defaultdict[str, list[str]]], list[str]]:
    """The paths of each case's images by channel, and notes about other files."""
    others = []
    files: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in images.files:
        match = re.fullmatch(r"(?s)(.+)_(\d{4})", stem(file.name))
        if match and int(match[2]) in channels:
            files[match[1]][channels[int(match[2])]].append(f"{folder}/{file}")
        else:
            others.append(f"{folder}/{file}")
    text = "skipped, e.g. {}: their names do not end in a channel's number, as CASE_0000"
    return files, [f"{counted(len(others), 'image')} {text.format(others[0])}"] if others else []


def _files(root: Path, folder: str) -> ImageFiles:
    """The images in a folder; none if the folder does not exist."""
    return image_files(root / folder) if (root / folder).is_dir() else ImageFiles([], [], [])


LAYOUT = Layout("dataset.json; imagesTr/CASE_0000.nii.gz, a file a channel; labelsTr/CASE.nii.gz", _find)
