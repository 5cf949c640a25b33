"""Numbers with their nouns, and lists, for lines that people read."""

from __future__ import annotations

from collections.abc import Sequence


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


def joined(parts: Sequence[str]) -> str:
    """A list as in a sentence.

    Args:
        parts: at least one.

    Returns:
        For example `a`, `a and b`, or `a, b and c`.
    """
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
