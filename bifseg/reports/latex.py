r"""Tables in LaTeX; they need `\usepackage{booktabs}`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CHARACTERS = str.maketrans(
    {
        **{char: f"\\{char}" for char in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "∞": r"$\infty$",
        ">": "$>$",
        "<": "$<$",
        "–": "--",
        "−": "$-$",
        "*": "$^{*}$",
    }
)
_CODE = r"\\texttt{\1}"


def escaped(text: object) -> str:
    """A text whose special characters LaTeX prints.

    Args:
        text: of a cell or caption.

    Returns:
        LaTeX.
    """
    return str(text).translate(_CHARACTERS)


def latex_table(
    columns: list[str],
    left: Iterable[str],
    groups: Iterable[tuple[str, Iterable[list[str]]]],
    label: str,
    caption: str,
) -> str:
    """A table with a heading for each group of rows.

    Args:
        columns: headers.
        left: the columns that are aligned on the left; others on the right.
        groups: heading (empty for none) and rows of cells in LaTeX.
        label: after `tab:`.
        caption: a text, with code between backticks; empty for none.

    Returns:
        A whole `table` environment.
    """
    words = set(left)
    lines = [r"\begin{table}", r"\centering"]
    lines += [rf"\caption{{{re.sub('`([^`]+)`', _CODE, escaped(caption))}}}"] if caption else []
    lines += [
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{''.join('l' if name in words else 'r' for name in columns)}}}",
        r"\toprule",
        " & ".join(map(escaped, columns)) + r" \\",
    ]
    for heading, rows in groups:
        lines.append(r"\midrule")
        if heading:
            lines.append(rf"\multicolumn{{{len(columns)}}}{{l}}{{\emph{{{escaped(heading)}}}}} \\")
        lines += [" & ".join(cells) + r" \\" for cells in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])
