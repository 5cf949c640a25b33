"""The Medical Segmentation Decathlon: `dataset.json` lists images and labels; an image's last axis holds channels.

A list under `validation`, and label maps under `test`, give those splits in data sets that have them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from bifseg.cohorts.readers.dataset_json import (
    channel_names,
    channel_note,
    ignore_values,
    read_dataset,
    structures,
)
from bifseg.cohorts.readers.layout import Case, Layout, LayoutOptions, LayoutScan, Source
from bifseg.cohorts.readers.walk import existing_name, image_files, stem
from bifseg.core.errors import InputError, short
from bifseg.core.wording import counted

_SPLITS = {"training": "", "validation": "validation", "test": "test"}


def _find(path: Path, options: LayoutOptions) -> LayoutScan:
    file, content = read_dataset(path)
    channels = channel_names(file, content)
    named = structures(file, content, channels, options)
    cases = list(_cases(file, content, channels))
    return LayoutScan(
        file.parent,
        cases,
        named,
        notes=[*channel_note(channels, named), *_unlisted(file.parent, cases)],
        ignore_values=ignore_values(file, content),
        names_all_values=not options.structures,
    )


def _unlisted(root: Path, cases: list[Case]) -> list[str]:
    """A note about images below the folder that the dataset.json does not list; none without any."""
    paths = {path for case in cases for path in (case.label, *(image.path for image in case.images.values()))}
    listed = {os.path.normpath(path) for path in paths}
    others = [str(file) for file in image_files(root).files if str(file) not in listed]
    return (
        [f"not in dataset.json, so not read: {counted(len(others), 'image')}, e.g. {others[0]}"]
        if others
        else []
    )


def _cases(file: Path, content: Mapping[str, Any], channels: Mapping[int, str]) -> Iterator[Case]:
    for key, split in _SPLITS.items():
        entries = content.get(key) or []
        for entry in entries if isinstance(entries, list) else [entries]:
            files, label = _files(entry)
            if not files:
                raise InputError(f"{file}: {key}: {short(entry)} names no image; correct it")
            images = dict(_images(file.parent, files, channels))
            name = stem(PurePosixPath(label or files[0]).name)
            label = existing_name(file.parent, label) if label else ""
            yield Case(name, images, label, split if label else "")


def _files(entry: Any) -> tuple[list[str], str]:
    """The images and the label map of an entry; no image if the entry has another form."""
    entry = entry if isinstance(entry, dict) else {"image": entry}
    images, label = entry.get("image"), entry.get("label") or ""
    files = images if isinstance(images, list) else [images]
    fits = all(isinstance(name, str) and name for name in files) and isinstance(label, str)
    return (files, label) if fits else ([], "")


def _images(root: Path, files: list[str], channels: Mapping[int, str]) -> Iterator[tuple[str, Source]]:
    """Each modality's source: a channel of a single file, or one of several files."""
    if len(files) == 1:
        path = existing_name(root, files[0])
        for number, name in channels.items():
            yield name, Source(path, number if len(channels) > 1 else None)
    else:
        for name, file in zip(channels.values(), files, strict=False):
            yield name, Source(existing_name(root, file))


LAYOUT = Layout(
    "dataset.json with training: [{image, label}]; imagesTr/CASE.nii.gz, labelsTr/CASE.nii.gz", _find
)
