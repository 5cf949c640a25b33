"""What `dataset.json` says about a data set of the Decathlon or of nnU-Net: its labels and its channels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bifseg.cards.yaml_file import check_size
from bifseg.cohorts.names import is_name, safe_name
from bifseg.cohorts.readers.layout import LayoutOptions, Structure, Values
from bifseg.cohorts.readers.walk import all_files
from bifseg.core.errors import InputError, short

_NO_STRUCTURES = ("background", "ignore")


def read_dataset(path: Path) -> tuple[Path, dict[str, Any]]:
    """The `dataset.json` in a folder, or the only one below it, and what it says.

    Raises InputError where there is none, where there are several, or where it cannot be read.
    """
    files = [path / "dataset.json"]
    if not files[0].is_file():
        files = [path / name for name in all_files(path) if name.name == "dataset.json"]
    if len(files) != 1:
        how_many = f"there are {len(files)}, as in {files[0].parent}" if files else "there is none"
        raise InputError(f"{path}: dataset.json: {how_many}; name the folder of one data set")
    try:
        content = json.loads(files[0].read_text(encoding="utf-8-sig"))
        check_size(content, most=10_000_000)  # it lists every case
    except (OSError, ValueError, RecursionError) as error:
        reason = short(f"{error}", 100)
        raise InputError(f"{files[0]}: dataset.json: cannot be read ({reason}); correct it") from error
    if not isinstance(content, dict):
        raise InputError(f"{files[0]}: dataset.json: is no mapping of keys to values; correct it")
    return files[0], content


def channel_names(file: Path, content: Mapping[str, Any]) -> dict[int, str]:
    """Name by number of each channel, in order: of `channel_names` (nnU-Net) or `modality` (Decathlon)."""
    given = content.get("channel_names", content.get("modality", {"0": "image"}))
    given = {"0": given} if isinstance(given, str) else given
    try:
        names = {int(number): str(name).strip() for number, name in dict(given).items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{file}: channel_names: {short(given)} does not name channels by number") from error
    if not names or len(set(names.values())) < len(names):
        raise InputError(
            f"{file}: channel_names: {short(given)} gives no name, or one name twice; correct it"
        )
    return dict(sorted(names.items()))


def structures(
    file: Path, content: Mapping[str, Any], channels: Mapping[int, str], options: LayoutOptions
) -> dict[str, Structure]:
    """The structures of the labels, or those that the user names, each in its channel: the first, or the user's.

    Raises:
        InputError: the labels cannot be read, or a channel does not exist.
    """
    values = options.structures or _labels(file, content)
    first = next(iter(channels.values()))
    return {
        name: Structure(own, _channel(file, channels, options.modality(name, first)))
        for name, own in values.items()
    }


def channel_note(channels: Mapping[int, str], named: Mapping[str, Structure]) -> list[str]:
    """Which of several channels are taken and which are not, as one line; nothing for a single channel."""
    if len(channels) < 2:
        return []
    taken = {name: [key for key, one in named.items() if one.modality == name] for name in channels.values()}
    used = [f"{name} for {', '.join(keys)}" for name, keys in taken.items() if keys]
    rest = [name for name, keys in taken.items() if not keys]
    return [
        short(
            f"channel {'; '.join(used)}; not used: {', '.join(rest) or 'none'}; --modality takes another", 280
        )
    ]


def ignore_values(file: Path, content: Mapping[str, Any]) -> tuple[int, ...]:
    """The value of nnU-Net's label `ignore`, whose voxels nobody annotated; () where there is none.

    Raises:
        InputError: it is no positive integer.
    """
    labels = content.get("labels")
    value = labels.get("ignore") if isinstance(labels, dict) else None
    if value is None:
        return ()
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{file}: labels: ignore: {short(value)} is no positive integer; correct it")
    return (value,)


def _labels(file: Path, content: Mapping[str, Any]) -> Values:
    """Values by name, from {name: value or values} (nnU-Net 2) or {value: name} (Decathlon, nnU-Net 1)."""
    labels = content.get("labels")
    values_of: dict[str, tuple[int, ...]] = {}
    try:
        for key, value in dict(labels).items():  # type: ignore[arg-type]
            name, given = (value, key) if isinstance(value, str) and key.isdigit() else (key, value)
            values = tuple(int(v) for v in (given if isinstance(given, list) else [given]))
            name = safe_name(name).lower()
            if name in values_of or not is_name(name):
                why = "is there twice" if name in values_of else "is no name"
                raise InputError(f"{file}: labels: {short(name)!r} {why}; rename one")
            if name not in _NO_STRUCTURES and values != (0,):
                values_of[name] = values
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file}: labels: {short(labels)} does not give label values by name") from error
    return values_of


def _channel(file: Path, channels: Mapping[int, str], wanted: str) -> str:
    """The name of the channel that the user gives by name or number."""
    for number, name in channels.items():
        if wanted.lower() in (name.lower(), str(number)):
            return name
    known = ", ".join(f"{number} {name}" for number, name in channels.items())
    raise InputError(f"{file}: channel_names: {short(wanted)!r} is unknown; known are: {short(known, 150)}")
