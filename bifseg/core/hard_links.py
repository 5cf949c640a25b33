"""Hard links: other names of a file. They stay readable if only the folder of the first name is hidden."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from bifseg.core.errors import InputError

log = logging.getLogger(__name__)

Inode = tuple[int, int]
"""Numbers of a file system and of a file in it, which all names of a file share."""


def check_hard_links(files: Iterable[Path], hidden: Iterable[Path], readable: Iterable[Path]) -> None:
    """Check that files to be hidden have no other name in a folder that methods can read.

    Names elsewhere could only be found by a search of the whole disk; a warning counts the files that have some.

    Args:
        files: files to be hidden; missing ones are ignored.
        hidden: folders that methods cannot read; names in them do no harm.
        readable: folders that are searched, except for hidden folders in them.

    Raises:
        InputError: a file has another name in a readable folder.
    """
    linked: dict[Inode, tuple[Path, int]] = {}
    for file in files:
        with suppress(OSError):
            facts = file.stat()
            if facts.st_nlink > 1:
                linked[facts.st_dev, facts.st_ino] = file, facts.st_nlink
    if not linked:
        return
    places = {Path(place).resolve() for place in hidden}
    for inode, path in _names(readable, linked, places):
        raise InputError(
            f"{path}: is a hard link to {linked[inode][0]}, so that a method could read the truth; delete it, or copy "
            "the file instead"
        )
    in_hidden = Counter(inode for inode, _ in _names(_outermost(places), linked))
    outside = [file for inode, (file, names) in linked.items() if names > in_hidden[inode]]
    if outside:
        log.warning(
            "%s: has a hard link outside of the hidden folders (label maps with such links: %d); a method that knows "
            "the link's path can read it: copy the files instead",
            min(outside),
            len(outside),
        )


def _names(
    folders: Iterable[Path], linked: dict[Inode, tuple[Path, int]], without: Iterable[Path] = ()
) -> Iterator[tuple[Inode, Path]]:
    """The names of linked files in folders and below them, except for the folders `without`."""
    left_out = set(map(str, without))
    for folder in folders:
        for place, inner, names in os.walk(Path(folder).resolve()):
            inner[:] = [name for name in inner if os.path.join(place, name) not in left_out]
            for name in names if place not in left_out else ():
                with suppress(OSError):
                    facts = os.lstat(os.path.join(place, name))
                    if (facts.st_dev, facts.st_ino) in linked:
                        yield (facts.st_dev, facts.st_ino), Path(place, name)


def _outermost(places: set[Path]) -> list[Path]:
    """The folders that do not lie in another of them."""
    return [place for place in places if not places.intersection(place.parents)]
