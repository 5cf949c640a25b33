"""Labels and channels of a data set of the Decathlon or of nnU-Net, from its `dataset.json`."""

from __future__ import annotations

import json
from collections import Counter
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
    """The `dataset.json` in a folder, or the only one below it.

    Args:
        path: the folder.

    Returns:
        The file and its content.

    Raises:
        InputError: there is none or several, or the file cannot be read.
    """
    files = [path / "dataset.json"]
    if not files[0].is_file():
        files = [path / name for name in all_files(path) if name.name == "dataset.json"]
    if len(files) != 1:
        how_many = f"there are {len(files)}, e.g. in {files[0].parent}" if files else "there is none"
        raise InputError(f"{path}: dataset.json: {how_many}; name the folder of one data set")
    try:
        content = json.loads(files[0].read_text(encoding="utf-8-sig"))
        check_size(content, most=10_000_000)  # it lists every case
    except (OSError, ValueError, RecursionError) as error:
        reason = short(f"{error}", 100)
        raise InputError(f"{files[0]}: dataset.json: cannot be read ({reason}); correct it") from error
    if not isinstance(content, dict):
        raise InputError(f"{files[0]}: dataset.json: is not a mapping of keys to values; correct it")
    return files[0], content


def channel_names(file: Path, content: Mapping[str, Any]) -> dict[int, str]:
    """The names of the channels.

    Args:
        file: the dataset.json, for messages.
        content: its `channel_names` (nnU-Net) or `modality` (Decathlon) are used; without them, `image` is the only
            channel.

    Returns:
        Name by number, sorted by number. A name of several channels, which nnU-Net allows, gets the number that the
        channel's files have, as in `MRI_0001`.

    Raises:
        InputError: the entry names no channel, or a channel without a name.
    """
    channels = content.get("channel_names", content.get("modality", {"0": "image"}))
    channels = {"0": channels} if isinstance(channels, str) else channels
    try:
        names = {int(number): str(name).strip() for number, name in dict(channels).items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{file}: channel_names: {short(channels)} does not name channels by number"
        ) from error
    uses = Counter(names.values())
    named = {n: name if uses[name] == 1 else f"{name}_{n:04d}" for n, name in sorted(names.items())}
    if not named or "" in uses or len({*named.values()}) < len(named):
        raise InputError(
            f"{file}: channel_names: {short(channels)} gives no name, or one name twice; correct it"
        )
    return named


def structures(
    file: Path, content: Mapping[str, Any], channels: Mapping[int, str], options: LayoutOptions
) -> dict[str, Structure]:
    """The structures of a data set, each with its channel.

    Args:
        file: the dataset.json, for messages.
        content: its labels give the structures.
        channels: name by number.
        options: structures and modalities of the user, which replace the labels and the first channel.

    Returns:
        Structures by name.

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
    """A note that says which channels are used.

    Args:
        channels: name by number.
        named: structures by name.

    Returns:
        One line; none for a single channel.
    """
    if len(channels) < 2:
        return []
    uses = {name: [key for key, one in named.items() if one.modality == name] for name in channels.values()}
    used = [f"{name} for {', '.join(keys)}" for name, keys in uses.items() if keys]
    rest = [name for name, keys in uses.items() if not keys]
    return [
        short(
            f"channel {'; '.join(used)}; not used: {', '.join(rest) or 'none'}; --modality selects another",
            280,
        )
    ]


def ignore_values(file: Path, content: Mapping[str, Any]) -> tuple[int, ...]:
    """The value of nnU-Net's label `ignore`, which marks voxels that nobody annotated.

    Args:
        file: the dataset.json, for messages.
        content: its labels may have the entry.

    Returns:
        One value; () without the entry.

    Raises:
        InputError: the value is not a positive integer.
    """
    labels = content.get("labels")
    given = _entries(labels) if isinstance(labels, dict) else []
    value = next((entry for name, entry in given if safe_name(name).lower() == "ignore"), None)
    if value is None:
        return ()
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{file}: labels: ignore: {short(value)} is not a positive integer; correct it")
    return (value,)


def _labels(file: Path, content: Mapping[str, Any]) -> Values:
    """Values by name; raises InputError if the labels do not give them."""
    labels = content.get("labels")
    values_of: dict[str, tuple[int, ...]] = {}
    try:
        for text, entry in _entries(dict(labels)):  # type: ignore[arg-type]
            values = tuple(_value(v) for v in (entry if isinstance(entry, list) else [entry]))
            name = safe_name(text).lower()
            if name in values_of or not is_name(name):
                why = "occurs twice" if name in values_of else "is not a name"
                raise InputError(f"{file}: labels: {short(name)!r} {why}; rename one")
            if name not in _NO_STRUCTURES and values != (0,):
                values_of[name] = values
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{file}: labels: {short(labels)} does not give label values by name; write them as integers"
        ) from error
    return values_of


def _entries(labels: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Name and value, or values, from {name: value} (nnU-Net 2) or {value: name} (Decathlon, nnU-Net 1)."""
    return [
        (value, int(key)) if isinstance(value, str) and key.isdecimal() else (key, value)
        for key, value in labels.items()
    ]


def _value(value: Any) -> int:
    """A label value; raises ValueError for negative numbers and fractions."""
    number = int(value)
    if isinstance(value, bool) or number < 0 or number != float(value):
        raise ValueError(f"{value!r} is not a label value")
    return number


def _channel(file: Path, channels: Mapping[int, str], key: str) -> str:
    """The name of the channel that the user gives by name or number."""
    for number, name in channels.items():
        if key.lower() in (name.lower(), str(number)):
            return name
    known = ", ".join(f"{number} {name}" for number, name in channels.items())
    raise InputError(f"{file}: channel_names: {short(key)!r} is unknown; known are: {short(known, 150)}")
