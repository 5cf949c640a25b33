"""A file of records, one a line, that is only ever added to: safe with several writers and killed ones."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from bifseg.core.errors import InputError
from bifseg.core.files import DIGEST, record_digest

log = logging.getLogger(__name__)
Record = dict[str, Any]
KEY = "fingerprint"
"""Every record has one; no two records of a journal have the same."""


def append(path: Path, records: Iterable[Record]) -> list[Record]:
    """Add the records that the journal lacks, in one write under a lock (flock).

    Half a line that a killed writer left is cut off first, since that writer has not reported success.

    Args:
        path: of the journal; a new one is created with its folder.
        records: each with a fingerprint.

    Returns:
        The records that were added.

    Raises:
        InputError: a line of the file is no record, or the file system has no locks; the file stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as stream:
        _lock(path, stream)
        lines, torn = _lines(stream)
        # refuses another file before anything is cut off
        known = {record[KEY] for record in _records(path, lines)}
        if torn and not (lines or _begins_a_record(torn)):
            raise InputError(f"{path}: is no history of runs; name another file")
        if torn:
            log.warning("%s: cutting off half a line of a writer that was killed", path)
            stream.truncate(stream.seek(0, os.SEEK_END) - len(torn))
        fresh = {record[KEY]: record for record in records if record[KEY] not in known}
        stream.write("".join(f"{line(record)}\n" for record in fresh.values()).encode())
        stream.flush()
        os.fsync(stream.fileno())
    return list(fresh.values())


def line(record: Record) -> str:
    """A record as a line of a journal.

    Args:
        record: with a fingerprint.

    Returns:
        JSON without a line break, with a hash of all else.
    """
    return json.dumps({**record, DIGEST: record_digest(record)}, ensure_ascii=False)


def read(path: Path) -> list[Record]:
    """All records, oldest first.

    Half a line at the end, of a writer at work or killed, is left out with a warning.

    Args:
        path: of the journal.

    Returns:
        The records.

    Raises:
        InputError: the file does not exist, or another line is no record.
    """
    try:
        with open(path, "rb") as stream:
            lines, torn = _lines(stream)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; correct the path") from error
    if torn:
        log.warning("%s: the last line is not whole and is left out", path)
    return _records(path, lines)


def _lock(path: Path, stream: BinaryIO) -> None:
    """Wait until no other process writes the journal, and lock it until the file is closed."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be locked ({error.strerror}); keep the results on a file system that has locks"
        ) from error


def _lines(stream: BinaryIO) -> tuple[list[bytes], bytes]:
    """The whole lines of a file, and what comes after the last line's end."""
    stream.seek(0)
    *lines, torn = stream.read().split(b"\n")
    return lines, torn


def _begins_a_record(torn: bytes) -> bool:
    start = f'{{"{KEY}": '.encode()
    return torn.startswith(start) or start.startswith(torn)


def _records(path: Path, lines: list[bytes]) -> list[Record]:
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or KEY not in record or not _is_unchanged(record):
            raise InputError(f"{path}: line {number}: is no record of a run; repair or delete the line")
        records.append({key: value for key, value in record.items() if key != DIGEST})
    return records


def _is_unchanged(record: Record) -> bool:
    """Whether a record has its hash; those of older versions have none."""
    return record.get(DIGEST, "") in ("", record_digest(record))
