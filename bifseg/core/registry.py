"""Implementations by the names that cards use for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bifseg.core.errors import InputError

T = TypeVar("T")


class Registry(dict[str, T]):
    """A dictionary of implementations, of which a card chooses one by its name.

    Write its entries as a literal. `runs.source_code` reads them without importing their module, and counts only the
    chosen entry as code that a session uses.

    Args:
        kind: what an entry is, for error messages, such as `policy`.
        entries: the implementations by name.
    """

    def __init__(self, kind: str, entries: Mapping[str, T]) -> None:
        super().__init__(entries)
        self.kind = kind

    def __missing__(self, name: str) -> T:
        """Refuse a name that is not registered; raises InputError with the names that are."""
        raise InputError(f"unknown {self.kind} {name!r}; known are {', '.join(self)}")
