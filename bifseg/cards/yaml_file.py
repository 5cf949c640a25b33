"""YAML files read with limits: every file gives a mapping or a one-line error within a second."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from bifseg.core.errors import InputError, short

MOST_BYTES = 50_000
DEEPEST = 30
MOST_VALUES = 50_000


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without aliases, since a few of them can expand to more values than fit into memory."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.YAMLError(
                f"line {mark.line + 1} has an alias (*name); write the value itself, and a pattern in quotes"
            )
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.YAMLError(f"nested more than {DEEPEST} deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Args:
        path: the file, of at most `MOST_BYTES`.

    Returns:
        Values by key; keys are text.

    Raises:
        InputError: the file cannot be read, is not YAML or not a mapping, has aliases, or nests too deep.
    """
    path = Path(path)
    try:
        with open(path, "rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{short(str(path))}: cannot be read: {error.strerror}{_others(path)}") from error
    except ValueError as error:  # a NUL character in the name
        raise InputError(f"{short(str(path))}: cannot be read: {short(str(error))}") from error
    if len(content) > MOST_BYTES:
        raise InputError(f"{path}: longer than {MOST_BYTES} bytes; no card is, name another file")
    try:
        value = deepcopy(_parsed(content.decode("utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        hint = "; put a pattern such as '*@*' in quotes" if "scanning an alias" in text else ""
        raise InputError(f"{path}: not valid YAML: {short(text, 160)}{hint}") from error
    except Exception as error:  # PyYAML raises errors of any class on a wrong tag, such as `!!int x`
        raise InputError(f"{path}: not valid YAML: {type(error).__name__}: {short(str(error))}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: a card is a mapping of keys to values, this is {type(value).__name__}")
    return {str(key): item for key, item in value.items()}


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    """The value of a YAML text, kept because a start of the workflow reads each card about ten times."""
    return yaml.load(text, _Loader)


def check_size(value: Any, most: int = MOST_VALUES) -> None:
    """Check that nested dicts and lists are small enough to be walked through.

    Args:
        value: value that another program read, perhaps from YAML with aliases, which may refer to themselves.
        most: greatest number of values.

    Raises:
        InputError: the value nests more than `DEEPEST` deep, or holds more values.
    """
    left, waiting = most, [(value, 0)] if isinstance(value, dict | list) else []
    while waiting:
        item, depth = waiting.pop()
        # Everything that waits is a dict or a list.
        inside = [*item.values()] if isinstance(item, dict) else item
        left -= 1 + len(inside)
        if left < 0 or depth > DEEPEST:
            raise InputError("nests too deep or holds too many values; remove YAML aliases (*name)")
        waiting += [(one, depth + 1) for one in inside if isinstance(one, dict | list)]


def _others(path: Path) -> str:
    """The existing cards in the folder of a missing one, for a message."""
    try:
        names = ", ".join(sorted(other.stem for other in path.parent.glob("[!.]*.yaml")))
    except OSError:
        names = ""
    return f"; known are {short(names, 150)}" if names else "; correct the path"
