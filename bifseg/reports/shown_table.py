"""Tables as pages show them: sortable rows in groups, with what a click on a row opens."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bifseg.analysis.names import GROUP
from bifseg.cards.entries import entry_name
from bifseg.reports.formats import TEXT, Table, best_cells, present, to_latex
from bifseg.reports.latex import escaped, latex_table

Cell = tuple[str, bool]
"""A text, and whether it is the best of its column."""


@dataclass(frozen=True)
class Row:
    """A row of a shown table.

    Attributes:
        cells: in the order of the columns.
        sessions: what the session browser shows after a click: `cohort`, `structure`, `entry`, `protocol`, `object`;
            empty for a row without sessions.
        yours: whether its method is none of bifseg's.
        href: where the entry's cell leads instead; empty for nowhere.
        front: whether the row is shaded.
    """

    cells: list[Cell]
    sessions: dict[str, str] = field(default_factory=dict)
    yours: bool = False
    href: str = ""
    front: bool = False


@dataclass(frozen=True)
class Group:
    """Rows under one heading.

    Attributes:
        rows: in their first order.
        title: the heading; empty for none.
        seen: whether the structure of the title is a seen one; None for another title.
    """

    rows: list[Row]
    title: str = ""
    seen: bool | None = None


@dataclass(frozen=True)
class ShownTable:
    """A table of a page.

    Attributes:
        columns: headers.
        groups: each is sorted on its own.
        words: headers of the columns whose cells are words.
        csv: a data URL of the numbers; empty for none.
        latex: the table in LaTeX; empty for none.
        name: of the CSV file, and unique on the page.
    """

    columns: list[str]
    groups: list[Group]
    words: tuple[str, ...] = TEXT
    csv: str = ""
    latex: str = ""
    name: str = ""

    @property
    def link(self) -> int:
        """The column whose cells lead to the sessions: the entry's, or the first."""
        names = [name for name in ("Entry", "Method") if name in self.columns]
        return self.columns.index(names[0]) if names else 0


def plain_table(columns: list[str], rows: Iterable[Row], words: tuple[str, ...] = TEXT) -> ShownTable:
    """A table without groups.

    Args:
        columns: headers.
        rows: in their first order.
        words: headers of the columns whose cells are words.

    Returns:
        The table.
    """
    return ShownTable(columns, [Group(list(rows))], words)


def with_files(table: ShownTable, name: str) -> ShownTable:
    """A table that can be saved as CSV and copied as LaTeX, both with the cells as they are shown.

    Args:
        table: without files of its own.
        name: of the CSV file, and unique on the page.

    Returns:
        The table with both.
    """
    headed = any(group.title for group in table.groups)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Group"] * headed + table.columns)
    for group in table.groups:
        writer.writerows([group.title] * headed + [cell for cell, _ in row.cells] for row in group.rows)
    groups = [(group.title, [_latex_cells(row) for row in group.rows]) for group in table.groups]
    latex = latex_table(table.columns, table.words, groups, name, "")
    return replace(table, csv=csv_url(text.getvalue()), latex=latex, name=name)


def _latex_cells(row: Row) -> list[str]:
    return [rf"\textbf{{{escaped(text)}}}" if best else escaped(text) for text, best in row.cells]


def shown_table(
    table: Table, folder: Path, cohort: str, protocol: str, users: Mapping[str, str] = {}
) -> ShownTable:
    """A written table as the report shows it.

    Args:
        table: with at least one row.
        folder: RESULTS/RUN/tables, which holds its CSV and LaTeX files.
        cohort: whose table it is.
        protocol: whose sessions it shows; empty for several.
        users: the protocol of each user, for a table with a row a user.

    Returns:
        A group for each structure; a click on a row opens the sessions of its entry.
    """
    shown, best = present(table.frame), best_cells(table.frame)
    entries = table.frame.drop_duplicates(GROUP) if "target" in table.frame else table.frame
    columns = shown.columns.tolist()[2:]
    groups: dict[tuple[str, str], Group] = {}
    for k, (texts, entry) in enumerate(
        zip(shown.to_dict("records"), entries.to_dict("records"), strict=True)
    ):
        key = (texts["Structure"], texts["Seen"])
        group = groups.setdefault(key, Group([], texts["Structure"], texts["Seen"] == "seen"))
        own = users.get(entry.get("user", ""), protocol)
        where = {"cohort": cohort, "structure": entry["structure"], "protocol": own}
        where["entry"] = entry_name(entry["method"], entry["network"])
        cells = [(texts[name], name in best and best[name][k]) for name in columns]
        group.rows.append(Row(cells, where))
    file, latex = csv_url((folder / f"{table.name}.csv").read_text("utf-8")), to_latex(table, shown)
    return ShownTable(columns, list(groups.values()), csv=file, latex=latex, name=table.name)


def csv_url(text: str) -> str:
    """A data URL from which a browser saves a CSV file.

    Args:
        text: of the file.

    Returns:
        The URL.
    """
    return f"data:text/csv;base64,{base64.b64encode(text.encode()).decode()}"
