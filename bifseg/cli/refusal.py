"""A command that refuses its input leaves every file as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def all_or_nothing(*paths: Path) -> Iterator[None]:
    """A context whose changes to some small files and folders are undone if the block raises.

    Args:
        paths: files and folders, which need not exist.

    Yields:
        None.
    """

    def content() -> dict[Path, bytes]:
        files = {file for path in paths for file in (path, *path.rglob("*")) if file.is_file()}
        return {file: file.read_bytes() for file in files}

    def folders() -> set[Path]:
        inside = {one for path in paths for one in (path, *path.rglob("*"))}
        return {one for path in inside for one in (path, *path.parents) if one.is_dir()}

    before, were = content(), folders()
    try:
        yield
    except BaseException:
        for file, now in content().items():
            if file not in before:
                file.unlink()
            elif now != before[file]:
                file.write_bytes(before[file])
        for folder in sorted(folders() - were, reverse=True):
            folder.rmdir()
        raise
