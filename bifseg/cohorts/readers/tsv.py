"""A user's own table: one row per image, with columns for the image and its label map.

Its columns are those of a manifest, under these names or others that the user gives (`--columns image=t2_path`). Only
`image` and `label` are needed; `patient` counts as `group`, and a note names the columns that are not used. Paths are
relative to the table's folder, or absolute. Structures come from the columns `structure` and `label_values`, or from
the user.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from bifseg.cohorts.manifest import COLUMNS, OPTIONAL, listed, read_channel, read_channels, read_label_values
from bifseg.cohorts.names import safe_name
from bifseg.cohorts.readers.layout import (
    Case,
    Layout,
    LayoutOptions,
    LayoutScan,
    Source,
    Structure,
)
from bifseg.cohorts.readers.walk import existing_name, stem
from bifseg.core.errors import InputError, short
from bifseg.core.tables import delimiter_of, read_table

T = TypeVar("T")

_SPLITS = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "ts"), "test"),
    "": "",
}


def _find(path: Path, options: LayoutOptions) -> LayoutScan:
    header, lines = read_table(path, "table", delimiter_of(path))
    names = _columns(path, header, options)
    rows = [
        (line, {key: (cells.get(name) or "").strip() for key, name in names.items()}) for line, cells in lines
    ]
    for line, cells in rows:
        if cells.get("channels"):
            _read(path, line, "channels", partial(read_channels, root=Path("/")), cells)
    root = _common_folder(path, [cells for _, cells in rows])
    cases = [_case(path, line, cells, root, options) for line, cells in rows]
    structures = {name: structure for case in cases for name, structure in (case.structures or {}).items()}
    return LayoutScan(root, cases, structures, notes=_unused(header, names))


def _unused(header: list[str], names: Mapping[str, str]) -> list[str]:
    """A note that names the columns that are not used; none without any."""
    unused = [name for name in header if name and name not in names.values()]
    if not unused:
        return []
    note = f"columns not used: {short(', '.join(unused), 120)}"
    if "group" in names:
        return [note]
    remedy = "if one names the patients, add --columns group=NAME, else they follow from the cases' names"
    return [f"{note}; {remedy}"]


def _columns(path: Path, header: list[str], options: LayoutOptions) -> dict[str, str]:
    """The table's name for each column of a manifest that it has."""
    names = {key: options.columns.get(key, key) for key in (*COLUMNS, *OPTIONAL)}
    if names["group"] not in header and "group" not in options.columns:
        names["group"] = "patient"
    strange = [key for key in options.columns if key not in names]
    missing = [name for key, name in names.items() if name not in header and (key in options.columns)]
    missing += [names[key] for key in ("image", "label") if names[key] not in (*header, *missing)]
    if strange or missing:
        problem = (
            f"{short(strange[0])!r} is not a column of a manifest"
            if strange
            else f"there is no column {short(missing[0])!r}"
        )
        raise InputError(
            f"{path}:1: {problem}; the table has {short(', '.join(header), 100)}; give --columns image=NAME,label=NAME"
        )
    own = {key: name for key, name in names.items() if name in header}
    if twice := next((name for name in own.values() if header.count(name) > 1), ""):
        raise InputError(f"{path}:1: there are {header.count(twice)} columns {short(twice)!r}; rename one")
    if not options.structures and not {"structure", "label_values"} <= own.keys():
        raise InputError(
            f"{path}:1: has no columns 'structure' and 'label_values'; "
            "give --structure NAME=VALUES, for example --structure liver=1"
        )
    return own


def _common_folder(path: Path, rows: list[dict[str, str]]) -> Path:
    """The deepest folder with all the files. Methods cannot read it, so it must not contain code near the table."""
    beside = path.absolute().parent
    folders = [os.path.dirname(os.path.normpath(beside / name)) for cells in rows for name in _files(cells)]
    common = Path(os.path.commonpath(folders)) if folders else beside
    if common == Path(common.anchor):
        files = " and ".join(short(folder, 60) for folder in (min(folders), max(folders)))
        raise InputError(
            f"{path}: {files} have no folder in common, and methods could not be kept from both; put links to all "
            "files into one folder"
        )
    return common


def _files(cells: Mapping[str, str]) -> list[str]:
    """The paths of a row as the table has them."""
    named = [cells.get(key, "") for key in ("image", "label", "initial")]
    channels = [path for _, path in _channels(cells)]
    return [name for name in (*named, *listed(cells.get("raters", "")), *channels) if name]


def _channels(cells: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name and path of each further channel as the table has them."""
    parts = [part.partition("=") for part in listed(cells.get("channels", ""))]
    return [(name.strip(), path.strip()) for name, _, path in parts]


def _case(path: Path, line: int, cells: Mapping[str, str], root: Path, options: LayoutOptions) -> Case:
    def below_root(name: str) -> str:
        if not name:
            return ""
        return existing_name(root, os.path.relpath(os.path.normpath(path.absolute().parent / name), root))

    image, label = below_root(cells["image"]), below_root(cells["label"])
    split = cells.get("split", "")
    if split.lower() not in _SPLITS:
        raise InputError(
            f"{path}:{line}: split: {short(split)!r} is not a split; write train, validation, test or nothing"
        )
    name = cells.get("case") or stem(image)
    modality = cells.get("modality") or options.modality("", "image")
    channel = _read(path, line, "channel", read_channel, cells) if cells.get("channel") else None
    source = Source(image, channel)
    ignored = (
        _read(path, line, "ignore_values", read_label_values, cells) if cells.get("ignore_values") else ()
    )
    return Case(
        name=name,
        images={modality: source} if image else {},
        label=label,
        split=_SPLITS[split.lower()],
        raters=tuple(below_root(name) for name in listed(cells.get("raters", ""))),
        structures=_structures(path, line, cells, modality, options),
        group=cells.get("group", ""),
        ignore_values=ignored,
        initial=below_root(cells.get("initial", "")),
        channels=tuple(sorted((name, below_root(file)) for name, file in _channels(cells))),
    )


def _structures(
    path: Path, line: int, cells: Mapping[str, str], modality: str, options: LayoutOptions
) -> dict[str, Structure]:
    """The structures of a row: those that the user names for its modality, or its own."""
    if options.structures:
        return {
            name: Structure(values, modality)
            for name, values in options.structures.items()
            if options.modalities.get(name, modality) == modality
        }
    values = _read(path, line, "label_values", read_label_values, cells)
    return {safe_name(cells["structure"]): Structure(values, modality)}


def _read(path: Path, line: int, key: str, read: Callable[[str], T], cells: Mapping[str, str]) -> T:
    try:
        return read(cells[key])
    except ValueError as error:
        raise InputError(f"{path}:{line}: {key}: {error}") from error


LAYOUT = Layout("a TSV or CSV file with columns image and label, see --columns", _find)
