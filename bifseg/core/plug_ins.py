"""Objects of users' own modules."""

from __future__ import annotations

import importlib
from typing import Any


def imported(name: str) -> Any:
    """The object that a name such as `my_metrics:recall` means.

    Args:
        name: `module:attribute`.

    Returns:
        The attribute of the module.

    Raises:
        ImportError: the module cannot be imported, whatever error it raises, or lacks the attribute.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ImportError(str(error)) from error
    except Exception as error:  # a user's module may raise anything, such as a SyntaxError
        raise ImportError(f"{type(error).__name__}: {error}") from error
