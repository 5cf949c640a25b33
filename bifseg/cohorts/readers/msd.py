"""The Medical Segmentation Decathlon: `dataset.json` lists images, whose channels are the last axis, and labels.

A list under `validation`, and label maps under `test`, which some data sets have, give those splits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from bifseg.cohorts.readers.dataset_json import channel_names, read_dataset, structures
from bifseg.cohorts.readers.layout import Asked, Case, Found, Layout, Source, patient, safe_name
from bifseg.cohorts.readers.walk import as_it_is_there, stem
from bifseg.errors import BadInput

_SPLITS = {"training": "", "validation": "validation", "test": "test"}


def _find(path: Path, asked: Asked) -> Found:
    file, content = read_dataset(path)
    channels = channel_names(file, content)
    cases = list(_cases(file, content, channels))
    return Found(file.parent, cases, structures(file, content, channels, asked))


def _cases(file: Path, content: Mapping[str, Any], channels: Mapping[int, str]) -> Iterator[Case]:
    for key, split in _SPLITS.items():
        for entry in content.get(key) or []:
            entry = {"image": entry} if isinstance(entry, str) else entry
            try:
                given, label = entry["image"], entry.get("label") or ""
                images = dict(_images(file.parent, given, channels))
            except (TypeError, KeyError, AttributeError) as error:
                raise BadInput(f"{file}: {key}: {entry!r} names no image; mend it") from error
            name = safe_name(stem(PurePosixPath(label or given).name))
            label = as_it_is_there(file.parent, label) if label else ""
            yield Case(name, patient(name), images, label, split if label else "")


def _images(root: Path, given: str | list[str], channels: Mapping[int, str]) -> Iterator[tuple[str, Source]]:
    """Each modality's source: a channel of one file, or a file each where a list is given."""
    several = isinstance(given, list)
    for k, (number, name) in enumerate(channels.items()):
        if several and k >= len(given):
            return
        path = as_it_is_there(root, given[k] if isinstance(given, list) else given)
        yield name, Source(path, None if several or len(channels) == 1 else number)


LAYOUT = Layout(
    "dataset.json with training: [{image, label}]; imagesTr/CASE.nii.gz, labelsTr/CASE.nii.gz", _find
)
