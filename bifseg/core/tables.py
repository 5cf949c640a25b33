"""Tables that users write, such as manifests and splits, as a header and rows of text."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from bifseg.core.errors import InputError, short

Lines = list[tuple[int, dict[Any, Any]]]
"""The last line of each row in its file, and the row's cells by column."""


def delimiter_of(path: Path) -> str:
    """The separator of a table's cells: a tab, or in a .csv file the most frequent one of its first line.

    Spreadsheet programs write semicolons in locales with a decimal comma.

    Args:
        path: the table.

    Returns:
        A tab, comma or semicolon; a comma if a .csv file cannot be read.
    """
    if path.suffix.lower() != ".csv":
        return "\t"
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as stream:
            first = stream.readline(10_000)
    except OSError:
        return ","
    return max(",;\t", key=first.count)


def read_table(path: Path, key: str, delimiter: str = "\t") -> tuple[list[str], Lines]:
    """Header and rows of a UTF-8 table.

    Args:
        path: the table.
        key: kind of table, for messages.
        delimiter: separator of cells.

    Returns:
        Names of the columns without blanks around them, and (line, cells by column) of each row that is not blank.

    Raises:
        InputError: the file cannot be read, or is not a UTF-8 table.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            lines = [(reader.line_num, cells) for cells in reader]
    except OSError as error:
        raise InputError(f"{path}: {key}: cannot be read ({error.strerror}); correct the path") from error
    except (csv.Error, UnicodeDecodeError) as error:
        reason = short(str(error), 100)
        raise InputError(f"{path}: {key}: not a UTF-8 table ({reason}); save it as UTF-8 TSV") from error
    return header, [(line, cells) for line, cells in lines if not all(map(_is_blank, cells.values()))]


def _is_blank(cell: str | list[str] | None) -> bool:
    return all(map(_is_blank, cell)) if isinstance(cell, list) else not (cell or "").strip()
