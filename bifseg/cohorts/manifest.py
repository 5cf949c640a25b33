"""Manifests: tables of the files of each structure of each case.

A manifest is a TSV (UTF-8) with one row per case and structure and the columns of `COLUMNS`, in any order:
`image` is the file of that structure's modality; `label_values` are comma-separated positive integers, and the
structure is their union; `group` is the patient (empty: the case itself).

The columns of `OPTIONAL` may be left out. `channel` picks one of the channels that a 4D image has along its last axis.
`raters` are comma-separated label maps of the same structure by other people. `ignore_values` are the label values of
voxels that nobody annotated. `initial` is an automatic method's label map; sessions that begin with a mask correct it.
`channels` are further channels of the case on the grid of `image`, written `flair=a_flair.nii.gz,t2=a_t2.nii.gz`.
Other columns are ignored with a note.

Paths are relative to the manifest's root folder and are checked as written: `..` may not leave the root, and an
absolute path must lie inside it. Links inside the root may lead anywhere, since the owner of the root made them
(git-annex, a scratch disk).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bifseg.cohorts.names import MOST_BYTES, composed, is_name
from bifseg.core.errors import short
from bifseg.core.files import inside, table_text
from bifseg.core.tables import Lines, read_table
from bifseg.core.wording import counted

COLUMNS = ("case", "image", "label", "label_values", "structure", "modality", "split", "group")
OPTIONAL = ("channel", "raters", "ignore_values", "initial", "channels")
SPLITS = ("train", "validation", "test")
_MOST_SHOWN = 10  # label values in a message
_EMPTY: dict[str, Any] = {
    "label_values": (),
    "channel": None,
    "raters": (),
    "ignore_values": (),
    "initial": "",
    "channels": (),
}
"""Values of empty and wrong cells, for columns that are optional or do not hold a text."""


@dataclass(frozen=True)
class ManifestRow:
    """One structure of one case.

    Attributes:
        line: the row's last line in the manifest, counted from 1.
        image, label: paths relative to the root, with forward slashes.
        label_values: sorted label values; their union is the structure.
        group: the patient; the case itself if the manifest's cell is empty.
        channel: channel of a 4D image, from 0; None if the file has no channel axis.
        raters: label maps of the same structure by other people; paths as in `label`.
        ignore_values: label values of voxels that belong neither to the structure nor to the background.
        initial: an automatic method's label map; a path as in `label`, empty without one.
        channels: name and path of each further channel of the case.
    """

    line: int
    case: str
    image: str
    label: str
    label_values: tuple[int, ...]
    structure: str
    modality: str
    split: str
    group: str
    channel: int | None = None
    raters: tuple[str, ...] = ()
    ignore_values: tuple[int, ...] = ()
    initial: str = ""
    channels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, order=True)
class Problem:
    """One fault: file, line (0: the whole file), key, and text with the value and what to do."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        """The problem as one line.

        Returns:
            FILE:LINE: KEY: TEXT.
        """
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {short(self.key, 60)}: {self.text}"


Fault = tuple[int, str, str]
"""Line, key and text of a problem in a manifest."""


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was read.

    Attributes:
        path, root: the file, and the folder that its paths are relative to.
        rows: every row; a wrong cell is empty here and has an entry in `problems`.
        problems: faults of header and cells; a clean manifest has none.
        notes: ignored columns.
    """

    path: Path
    root: Path
    rows: tuple[ManifestRow, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]


def parse_manifest(path: Path, root: Path) -> Manifest:
    """The manifest of a file.

    Args:
        path: TSV in UTF-8.
        root: folder that its paths are relative to.

    Returns:
        Rows, and all problems of header and cells.

    Raises:
        InputError: the file cannot be read or is not a table.
    """
    return parse_cells(path, root, *read_table(path, "manifest"))


def parse_cells(path: Path, root: Path, header: list[str], lines: Lines) -> Manifest:
    """The manifest of a header and of cells.

    Args:
        path: file name for messages; it is not read.
        root: folder that the cells' paths are relative to.
        header: names of the columns.
        lines: (line, cells by column) of each row.

    Returns:
        Rows, and all problems of header and cells.
    """
    problems = list(_header_problems(str(path), header))
    rows = []
    if not problems:
        for line, cells in lines:
            row, wrong = _read_row(line, cells, Path(root))
            problems += [Problem(str(path), line, key, text) for key, text in wrong]
            rows.append(row)
        if not lines:
            problems.append(Problem(str(path), 0, "case", "no rows; write one row per case and structure"))
    other_columns = [name for name in header if name not in (*COLUMNS, *OPTIONAL)]
    notes = [Problem(str(path), 1, name, "not a column of a manifest; ignored") for name in other_columns]
    return Manifest(Path(path), Path(root), tuple(rows), tuple(problems), tuple(notes))


def first_lines(path: Path, problems: Iterable[Problem], most: int = 5) -> str:
    """The number of a manifest's problems and the first of them.

    Args:
        path: the manifest, for the message.
        problems: at least one.
        most: most problems to list.

    Returns:
        Lines of text.
    """
    lines = [str(problem) for problem in sorted(problems)]
    return "\n".join([f"{path}: {counted(len(lines), 'problem')}", *lines[:most]])


def manifest_text(rows: Iterable[ManifestRow]) -> str:
    """The text of a manifest, which `parse_manifest` reads as the same rows.

    Args:
        rows: in the order of the text.

    Returns:
        TSV with a header; it has an optional column only if a row uses it.
    """
    cells = [cells_of(row) for row in rows]
    used = [key for key in OPTIONAL if any(row[key] for row in cells)]
    header = [*COLUMNS, *used]
    return table_text(header, ([row[key] for key in header] for row in cells))


def cells_of(row: ManifestRow) -> dict[str, str]:
    """The cells of a row.

    Args:
        row: row of a manifest.

    Returns:
        Text by column.
    """
    lists = {key: values_text(getattr(row, key)) for key in ("label_values", "ignore_values")}
    channel = "" if row.channel is None else str(row.channel)
    files = {key: _path_cell(getattr(row, key)) for key in ("image", "label", "initial")}
    files |= {"raters": ",".join(map(_path_cell, row.raters))}
    files |= {"channels": channels_text((name, _path_cell(path)) for name, path in row.channels)}
    return {**vars(row), **lists, **files, "channel": channel}


def _path_cell(path: str) -> str:
    """The path with blanks at its beginning kept, which are removed from other cells."""
    return f"./{path}" if path[:1].isspace() else path


def _header_problems(file: str, header: list[str]) -> Iterator[Problem]:
    for name in (*COLUMNS, *OPTIONAL):
        if header.count(name) > 1 or (name in COLUMNS and name not in header):
            how_many = "more than one such column" if name in header else "no such column"
            yield Problem(file, 1, name, f"{how_many}; write one each of {' '.join(COLUMNS)}, tabs between")


def _read_row(line: int, cells: dict[Any, Any], root: Path) -> tuple[ManifestRow, list[tuple[str, str]]]:
    """A row, in which wrong cells are empty, and column and fault of each wrong cell."""
    values: dict[str, Any] = {}
    wrong = []
    for key in (*COLUMNS, *OPTIONAL):
        try:
            values[key] = _read_cell(key, (cells.get(key) or "").strip(), root)
        except ValueError as error:
            values[key] = _EMPTY.get(key, "")
            wrong.append((key, short(str(error), 200)))
    if None in cells:
        wrong.append(("row", f"{short(cells[None])} lie beyond the last column; remove the extra tabs"))
    values["group"] = values["group"] or values["case"]
    return ManifestRow(line, **values), wrong


def _read_cell(key: str, text: str, root: Path) -> Any:
    """The value of a cell of a column; raises ValueError with fault and remedy."""
    if not text and key in OPTIONAL:
        return _EMPTY[key]
    if not text and key != "group":
        raise ValueError("empty; only 'group' may be left empty")
    if key in ("image", "label", "initial"):
        return inside(root, text)
    if key == "raters":
        return tuple(inside(root, part.strip()) for part in text.split(","))
    if key == "channels":
        return read_channels(text, root)
    if key in _READERS:
        return _READERS[key](text)
    if key == "split" and text not in SPLITS:
        raise ValueError(f"{short(text)!r} is not a split; write {', '.join(SPLITS[:-1])} or {SPLITS[-1]}")
    if key in ("case", "structure", "group"):
        text = composed(text)
    if key in ("case", "structure") and not is_name(text):
        raise ValueError(
            f"{short(text)!r} is not a name; use up to {MOST_BYTES} bytes of letters, digits, '_', '.' and '-', a "
            "letter or digit first"
        )
    return text


def read_label_values(text: str) -> tuple[int, ...]:
    """The label values of a cell.

    Args:
        text: positive integers with commas between them.

    Returns:
        The values, sorted, each once.

    Raises:
        ValueError: the text is not such a list.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 and int(part) > 0 for part in parts):
        raise ValueError(f"{short(text)!r} is not a list of positive integers; write them as 1,3,4")
    return tuple(sorted({int(part) for part in parts}))


def values_text(values: Iterable[int]) -> str:
    """The cell of label values, as `read_label_values` reads it.

    Args:
        values: in any order.

    Returns:
        The values, sorted, with commas between them.
    """
    return ",".join(map(str, sorted(values)))


def shown_values(values: Collection[int]) -> str:
    """Label values for a message.

    Args:
        values: in any order.

    Returns:
        The ten smallest and, if there are more, their number; `none` without values.
    """
    text = values_text(sorted(values)[:_MOST_SHOWN]) or "none"
    return text if len(values) <= _MOST_SHOWN else f"{text},... ({len(values)} values)"


def listed(text: str) -> tuple[str, ...]:
    """The entries of a comma-separated list.

    Args:
        text: text of a cell or an option.

    Returns:
        The entries without blanks around them; empty ones are left out.
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def read_channel(text: str) -> int:
    """The number of a channel.

    Args:
        text: text of a cell.

    Returns:
        The number, 0 for the first channel.

    Raises:
        ValueError: the text is not a number.
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ValueError(f"{short(text)!r} is not the number of a channel; write 0 for the first")
    return int(text)


def read_channels(text: str, root: Path) -> tuple[tuple[str, str], ...]:
    """The channels of a cell.

    Args:
        text: `flair=a_flair.nii.gz,t2=a_t2.nii.gz`.
        root: folder of the paths.

    Returns:
        Name and path of each, sorted by name.

    Raises:
        ValueError: a part is not NAME=PATH, a name occurs twice, or a path leaves the root.
    """
    parts = [part.partition("=") for part in listed(text)]
    names = [name.strip() for name, _, _ in parts]
    if not all(sign and is_name(name.strip()) and path.strip() for name, sign, path in parts):
        raise ValueError(
            f"{short(text)!r} is not a list of channels; write flair=a_flair.nii.gz,t2=a_t2.nii.gz"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"{short(text)!r} names a channel twice; name each once")
    return tuple(sorted((name.strip(), inside(root, path.strip())) for name, _, path in parts))


def channels_text(channels: Iterable[tuple[str, str]]) -> str:
    """The cell of channels, as `read_channels` reads it.

    Args:
        channels: name and path of each.

    Returns:
        `NAME=PATH,NAME=PATH`.
    """
    return ",".join(f"{name}={path}" for name, path in channels)


_READERS: dict[str, Callable[[str], Any]] = {
    "channel": read_channel,
    "label_values": read_label_values,
    "ignore_values": read_label_values,
}
"""Readers of cells that name no file, by column."""
