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
from bifseg.cohorts.readers.layout import Case, Layout, LayoutOptions, LayoutScan, Source
from bifseg.cohorts.readers.walk import ImageFiles, image_files, stem


def _find(path: Path, options: LayoutOptions) -> LayoutScan:
    file, content = read_dataset(path)
    channels = channel_names(file, content)
    named = structures(file, content, channels, options)
    cases: list[Case] = []
    notes, left_out = channel_note(channels, named), []
    for end, split in (("Tr", ""), ("Ts", "test")):
        images = _files(file.parent, f"images{end}")
        labels = _files(file.parent, f"labels{end}")
        sources, skipped = _sources(images, f"images{end}", channels)
        notes += [*skipped, *images.notes, *labels.notes]
        left_out += [*images.left_out, *labels.left_out]
        maps = {stem(name.name): f"labels{end}/{name}" for name in labels.files}
        for name in sorted({*sources, *maps}):
            label = maps.get(name, "")
            cases.append(Case(name, sources[name], label, split if label else ""))
    values = ignore_values(file, content)
    return LayoutScan(file.parent, cases, named, left_out=left_out, notes=notes, ignore_values=values)


def _sources(
    images: ImageFiles, folder: str, channels: dict[int, str]
) -> tuple[defaultdict[str, dict[str, Source]], list[str]]:
    """The sources by modality of each case in a folder of images, and notes."""
    notes = []
    sources: defaultdict[str, dict[str, Source]] = defaultdict(dict)
    for file in images.files:
        match = re.fullmatch(r"(.+)_(\d{4})", stem(file.name))
        if match and int(match[2]) in channels:
            sources[match[1]][channels[int(match[2])]] = Source(f"{folder}/{file}")
        else:
            notes.append(
                f"{folder}/{file} skipped: its name does not end in a channel's number, as CASE_0000"
            )
    return sources, notes


def _files(root: Path, folder: str) -> ImageFiles:
    """The images in a folder; none if the folder does not exist."""
    return image_files(root / folder) if (root / folder).is_dir() else ImageFiles([], [], [])


LAYOUT = Layout("dataset.json; imagesTr/CASE_0000.nii.gz, a file a channel; labelsTr/CASE.nii.gz", _find)
