"""Objects of users' own modules."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import Any

from bifseg.core.errors import short


def imported(name: str) -> Any:
    """The object that a name such as `my_metrics:recall` means.

    Args:
        name: `module:attribute`.

    Returns:
        The attribute of the module.

    Raises:
        ImportError: the module cannot be imported, whatever error it raises, or lacks the attribute; for a module that
            is not found, the message says where it should be.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
        raise ImportError(f"{error}; is it on BIFSEG_PATH?" if is_missing else str(error)) from error
    except (Exception, SystemExit) as error:  # a user's module may raise anything, such as a SyntaxError
        raise ImportError(f"{type(error).__name__}: {error}") from error


def listed_set(value: Any, name: str) -> list[Any]:
    """The elements of a set that a plug-in states.

    Args:
        value: any object; a text is no set of its letters.
        name: of the attribute, for the message.

    Returns:
        A sorted list.

    Raises:
        TypeError: it is no collection, or its elements cannot be sorted.
    """
    if not isinstance(value, Collection) or isinstance(value, (str, bytes)):
        raise TypeError(f"`{name}` must be a set, is {short(repr(value))}")
    return sorted(value)
