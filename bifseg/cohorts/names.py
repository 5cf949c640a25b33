"""Names of cases and structures in any script. They are parts of file names; distinct cases have distinct names."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable

MOST_BYTES = 120
"""Longest name in UTF-8. The case is a part of file names, and file systems allow 255 bytes for these."""


def is_name(text: str) -> bool:
    """Whether a text can name a case or a structure.

    Args:
        text: any text.

    Returns:
        True for 1 to 120 bytes of letters and digits of any script, `_`, `.` and `-`, a letter or digit first.
    """
    fits = 0 < len(text.encode("utf-8", "replace")) <= MOST_BYTES
    return fits and text[0].isalnum() and all(map(_allowed, text))


def composed(text: str) -> str:
    """The text in Unicode's composed form (NFC), since macOS stores an o umlaut as `o` and two dots.

    Args:
        text: any text.

    Returns:
        The text with the same look; texts that look the same are spelled the same.
    """
    return unicodedata.normalize("NFC", text)


def safe_name(text: str) -> str:
    """The text as a name, with `_` in place of other characters.

    Args:
        text: any text; different texts may give one name, see `distinct_names`.

    Returns:
        Empty if the text has no letter or digit.
    """
    letters = [letter if _allowed(letter) else " " for letter in composed(text.strip())]
    name = "_".join("".join(letters).split()).rstrip("_")
    start = next((k for k, letter in enumerate(name) if letter.isalnum()), len(name))
    return name[start:]


def distinct_names(texts: Iterable[str], kind: str = "case") -> dict[str, str]:
    """A name for each text; different texts have different names.

    A text that is a name already stays. If two texts would become one name, the changed ones end in a hash of their
    text, so that no name depends on the order of the texts.

    Args:
        texts: as people wrote them.
        kind: beginning of the name for a text without a letter or digit.

    Returns:
        Name by text.
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
