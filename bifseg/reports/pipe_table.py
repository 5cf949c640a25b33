"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tabulate import tabulate


def pipe_table(headers: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[str]) -> str:
    """A table of texts, as they are.

    Args:
        headers: of the columns, each once.
        rows: cells; a `|` in them is escaped.
        left: headers of the columns that are aligned left; the others are aligned right.

    Returns:
        The table without a final newline.
    """
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    align = ["left" if name in left else "right" for name in headers]
    return str(tabulate(cells, headers, tablefmt="pipe", colalign=align, disable_numparse=True))
