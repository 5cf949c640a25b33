"""Manifests: the table that says which files hold which structure of which case.

A manifest is a TSV (UTF-8) with one row per case and structure and the columns of `COLUMNS`, in any order:
`image` is the file of that structure's modality, `label_values` are comma-separated positive integers whose
union is the structure, `group` is the patient (empty: the case itself). Other columns are ignored with a
note.

Paths are relative to the manifest's root folder and are judged as written: `..` may not climb out of the
root, and an absolute path must lie inside it. Links inside the root are followed wherever they lead, since
whoever set up the root put them there (git-annex, a scratch disk).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bifseg.errors import BadInput
from bifseg.store import inside

COLUMNS = ("case", "image", "label", "label_values", "structure", "modality", "split", "group")
SPLITS = ("train", "validation", "test")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class ManifestRow:
    """One structure of one case.

    Attributes:
        line: where the row ends in the manifest, counted from 1.
        image, label: paths relative to the root, with forward slashes.
        label_values: sorted; their union is the structure.
        group: the patient; the case itself where the manifest leaves it empty.
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


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend: file, line (0: the whole file), key, and text with the value and what to do."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        """The problem as one line."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}"


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was read.

    Attributes:
        path, root: the file, and the folder that its paths are relative to.
        rows: every row; a cell that is wrong is empty here and stands in `problems`.
        problems: what is wrong with header and cells; a clean manifest has none.
        notes: what was ignored.
    """

    path: Path
    root: Path
    rows: tuple[ManifestRow, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]


def read_manifest(path: Path, root: Path) -> list[ManifestRow]:
    """The rows of a manifest, in file order; no image is opened.

    Raises BadInput with the first lines when the header or a cell is wrong, or there is no row.
    """
    manifest = parse_manifest(path, root)
    if manifest.problems:
        raise BadInput(first_lines(path, manifest.problems))
    return list(manifest.rows)


def parse_manifest(path: Path, root: Path) -> Manifest:
    """The manifest with all problems of its header and cells; raises BadInput when it cannot be read."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t", strict=True)
            lines = [(reader.line_num, cells) for cells in reader]
    except OSError as error:
        raise BadInput(f"{path}: manifest: cannot be read ({error.strerror}); correct the path") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: manifest: not a UTF-8 table ({error}); save it as UTF-8 TSV") from error
    header = list(reader.fieldnames or ())
    problems = list(_header_problems(str(path), header))
    rows = []
    if not problems:
        for line, cells in lines:
            row, wrong = _read_row(line, cells, Path(root))
            problems += [Problem(str(path), line, key, text) for key, text in wrong]
            rows.append(row)
        if not lines:
            problems.append(Problem(str(path), 0, "case", "no rows; write one row per case and structure"))
    extra = [name for name in header if name not in COLUMNS]
    notes = [Problem(str(path), 1, name, "not a column of a manifest; ignored") for name in extra]
    return Manifest(Path(path), Path(root), tuple(rows), tuple(problems), tuple(notes))


def first_lines(path: Path, problems: Iterable[Problem], most: int = 5) -> str:
    """How many problems a manifest has, then the first of them, one a line."""
    lines = [str(problem) for problem in sorted(problems)]
    return "\n".join([f"{path}: {len(lines)} problem(s)", *lines[:most]])


def _header_problems(file: str, header: list[str]) -> Iterator[Problem]:
    for name in COLUMNS:
        if header.count(name) != 1:
            found = "more than one such column" if name in header else "no such column"
            yield Problem(file, 1, name, f"{found}; write one each of {' '.join(COLUMNS)}, tabs between")


def _read_row(line: int, cells: dict, root: Path) -> tuple[ManifestRow, list[tuple[str, str]]]:
    values: dict[str, Any] = {}
    wrong = []
    for key in COLUMNS:
        try:
            values[key] = _read_cell(key, (cells[key] or "").strip(), root)
        except ValueError as error:
            values[key] = () if key == "label_values" else ""
            wrong.append((key, str(error)))
    if None in cells:
        wrong.append(("row", f"{cells[None]} stand beyond the last column; remove the tabs too many"))
    values["group"] = values["group"] or values["case"]
    return ManifestRow(line, **values), wrong


def _read_cell(key: str, text: str, root: Path) -> str | tuple[int, ...]:
    if not text and key != "group":
        raise ValueError("empty; only 'group' may be left empty")
    if key in ("image", "label"):
        return inside(root, text)
    if key == "label_values":
        return _label_values(text)
    if key == "split" and text not in SPLITS:
        raise ValueError(f"{text!r} is not a split; write {', '.join(SPLITS[:-1])} or {SPLITS[-1]}")
    if key in ("case", "structure") and not _NAME.fullmatch(text):
        raise ValueError(
            f"{text!r} cannot name a file; use letters, digits, '_', '.' and '-', a letter or digit first"
        )
    return text


def _label_values(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise ValueError(f"{text!r} is not a list of positive integers; write them as 1,3,4")
    return tuple(sorted({int(part) for part in parts}))
