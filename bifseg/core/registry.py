"""Implementations by the names that cards use for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, TypeVar

from bifseg.core.errors import InputError

T = TypeVar("T")


class Registry(dict[str, T]):
    """A dictionary of implementations, from which a card chooses one by its name.

    Write its entries as a literal. `runs.source_code` reads them without importing their module, and counts only the
    chosen entry as code that a session uses.

    Args:
        kind: noun for an entry in error messages, such as `policy`.
        entries: implementations by name.
    """

    def __init__(self, kind: str, entries: Mapping[str, T]) -> None:
        super().__init__(entries)
        self.kind = kind

    def __missing__(self, name: str) -> NoReturn:
        """Refuse a name that is not registered.

        Args:
            name: a key that is not in the dictionary.

        Raises:
            InputError: always; the message lists the registered names.
        """
        raise InputError(f"unknown {self.kind} {name!r}; known are {', '.join(self)}")
