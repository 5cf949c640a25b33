"""Names of cases and structures: parts of file names, in any script, and never two cases under one name."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable

MOST_BYTES = 120
"""Of a name in UTF-8: file systems allow 255 for a file's name, which holds more than a case's."""


def is_name(text: str) -> bool:
    """Whether a text can name a case or a structure: letters and digits of any script, `_`, `.` and `-`."""
    fits = 0 < len(text.encode("utf-8", "replace")) <= MOST_BYTES
    return fits and text[0].isalnum() and all(map(_allowed, text))


def composed(text: str) -> str:
    """The text in Unicode's composed form (NFC): macOS stores `o` and two dots where others store an o umlaut."""
    return unicodedata.normalize("NFC", text)


def safe_name(text: str) -> str:
    """The text with `_` for all that cannot be in a name; different texts may give one name, see `distinct_names`."""
    letters = [letter if _allowed(letter) else " " for letter in composed(text.strip())]
    name = "_".join("".join(letters).split()).rstrip("_")
    start = next((k for k, letter in enumerate(name) if letter.isalnum()), len(name))
    return name[start:]


def distinct_names(texts: Iterable[str], kind: str = "case") -> dict[str, str]:
    """A name for each text; different texts have different names.

    A text that is a name already keeps it. Where two texts would become one name, those that are changed end in a
    hash of the text, so that a name does not depend on the order of the texts.

    Args:
        texts: as people wrote them.
        kind: what a name begins with whose text has no letter or digit.
    """
    names = {text: safe_name(text) for text in texts}
    count = Counter(names.values())
    return {
        text: name if _may_keep(text, name, count) else _with_hash(name or kind, text)
        for text, name in names.items()
    }


def _may_keep(text: str, name: str, count: Counter[str]) -> bool:
    return is_name(name) and (count[name] == 1 or name == text)


def _with_hash(name: str, text: str) -> str:
    short_name = name.encode("utf-8")[: MOST_BYTES - 20].decode("utf-8", "ignore")
    return f"{short_name}-{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _allowed(letter: str) -> bool:
    return letter.isalnum() or letter in "_.-" or unicodedata.category(letter).startswith("M")
