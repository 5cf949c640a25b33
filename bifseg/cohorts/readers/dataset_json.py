"""What `dataset.json` says about a data set of the Decathlon or of nnU-Net: its labels and its channels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bifseg.cohorts.readers.layout import LayoutOptions, Structure, Values, safe_name
from bifseg.cohorts.readers.walk import all_files
from bifseg.core.errors import InputError
from bifseg.core.files import read_json

_NO_STRUCTURES = ("background", "ignore")


def read_dataset(path: Path) -> tuple[Path, dict[str, Any]]:
    """The `dataset.json` in a folder, or the only one below it, and what it says.

    Raises InputError where there is none, where there are several, or where it cannot be read.
    """
    files = [path / "dataset.json"]
    if not files[0].is_file():
        files = [path / name for name in all_files(path) if name.name == "dataset.json"]
    if len(files) != 1:
        there = f"there are {len(files)}, as in {files[0].parent}" if files else "there is none"
        raise InputError(f"{path}: dataset.json: {there}; name the folder of one data set")
    try:
        content = read_json(files[0])
    except (OSError, ValueError) as error:
        raise InputError(f"{files[0]}: dataset.json: cannot be read ({error}); mend it") from error
    if not isinstance(content, dict):
        raise InputError(f"{files[0]}: dataset.json: is no mapping of keys to values; mend it")
    return files[0], content


def channel_names(file: Path, content: Mapping[str, Any]) -> dict[int, str]:
    """Name by number of each channel, in order: of `channel_names` (nnU-Net) or `modality` (Decathlon)."""
    given = content.get("channel_names", content.get("modality", {"0": "image"}))
    given = {"0": given} if isinstance(given, str) else given
    try:
        names = {int(number): str(name).strip() for number, name in dict(given).items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{file}: channel_names: {given!r} does not name channels by number") from error
    if not names or len(set(names.values())) < len(names):
        raise InputError(f"{file}: channel_names: {given!r} gives no name, or one name twice; correct it")
    return dict(sorted(names.items()))


def structures(
    file: Path, content: Mapping[str, Any], channels: Mapping[int, str], asked: LayoutOptions
) -> dict[str, Structure]:
    """The structures of the labels, or those asked for, each in its channel: the first unless another is asked for.

    Raises InputError for labels that cannot be read and for a channel that is not there.
    """
    found = asked.structures or _labels(file, content)
    first = next(iter(channels.values()))
    return {
        name: Structure(values, _channel(file, channels, asked.modality(name, first)))
        for name, values in found.items()
    }


def _labels(file: Path, content: Mapping[str, Any]) -> Values:
    """Values by name, from {name: value or values} (nnU-Net 2) or {value: name} (Decathlon, nnU-Net 1)."""
    labels = content.get("labels")
    found: dict[str, tuple[int, ...]] = {}
    try:
        for key, value in dict(labels).items():  # type: ignore[arg-type]
            name, values = (value, key) if isinstance(value, str) and key.isdigit() else (key, value)
            values = tuple(int(v) for v in (values if isinstance(values, list) else [values]))
            name = safe_name(name).lower()
            if name in found:
                raise InputError(f"{file}: labels: {name!r} is there twice; rename one")
            if name not in _NO_STRUCTURES and values != (0,):
                found[name] = values
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file}: labels: {labels!r} does not give label values by name") from error
    return found


def _channel(file: Path, channels: Mapping[int, str], asked: str) -> str:
    """The name of the channel that is asked for by name or number."""
    for number, name in channels.items():
        if asked.lower() in (name.lower(), str(number)):
            return name
    known = ", ".join(f"{number} {name}" for number, name in channels.items())
    raise InputError(f"{file}: channel_names: {asked!r} is not there; known are: {known}")
