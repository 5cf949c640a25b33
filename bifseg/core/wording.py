"""Numbers with their nouns, for lines that people read."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """A number with its noun.

    Args:
        number: how many.
        what: the noun in the singular, with a regular plural.

    Returns:
        For example `1 entry` or `1,200 entries`.
    """
    several = f"{what.removesuffix('y')}ies" if what[-1] == "y" else f"{what}s"
    return f"{number:,} {what if number == 1 else several}"
