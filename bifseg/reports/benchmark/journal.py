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
        known, torn = _known(path, stream)  # refuses another file before anything is cut off
        if torn:
            log.warning("%s: cutting off half a line of a writer that was killed", path)
            stream.truncate(stream.seek(0, os.SEEK_END) - len(torn))
        fresh = {record[KEY]: record for record in records if record[KEY] not in known}
        text = "".join(f"{line(record)}\n" for record in fresh.values())
        stream.write((b"" if _ends_a_line(stream) else b"\n") + text.encode())
        stream.flush()
        os.fsync(stream.fileno())
    return list(fresh.values())


def check(path: Path) -> None:
    """Check that records can be added to a journal, before other work.

    Args:
        path: of the journal, which need not exist.

    Raises:
        InputError: the file is no journal, or a line of it is no record.
    """
    if path.exists():
        with open(path, "rb") as stream:
            _known(path, stream)


def line(record: Record) -> str:
    """A record as a line of a journal.

    Args:
        record: with a fingerprint.

    Returns:
        JSON without a line break, with a hash of all else.
    """
    return json.dumps({**record, DIGEST: record_digest(record)}, ensure_ascii=False)


def read(path: Path, *keys: str) -> list[Record]:
    """All records in the order of the file; of equal ones, as of two journals put together, the first.

    Half a line at the end, of a writer at work or killed, is left out with a warning.

    Args:
        path: of the journal.
        *keys: keys that every record must have.

    Returns:
        The records.

    Raises:
        InputError: the file does not exist, another line is no record, or a record lacks a key.
    """
    try:
        with open(path, "rb") as stream:
            lines, torn = _lines(stream)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; correct the path") from error
    if torn:
        log.warning("%s: the last line is not whole and is left out", path)
    return list(_records(path, lines, keys).values())


def _lock(path: Path, stream: BinaryIO) -> None:
    """Wait until no other process writes the journal, and lock it until the file is closed."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be locked ({error.strerror}); keep the results on a file system that has locks"
        ) from error


def _known(path: Path, stream: BinaryIO) -> tuple[set[str], bytes]:
    """The fingerprints of a journal's records, and the half line behind them."""
    lines, torn = _lines(stream)
    known = set(_records(path, lines))
    if torn and not (lines or _begins_a_record(torn)):
        raise InputError(f"{path}: is no history of runs; name another file")
    return known, torn


def _lines(stream: BinaryIO) -> tuple[list[bytes], bytes]:
    """The whole lines of a file, and the half line behind them.

    A last record with its hash is whole; an editor may leave out the end of its line.
    """
    stream.seek(0)
    *lines, last = stream.read().split(b"\n")
    record = _record(last)
    return ([*lines, last], b"") if record and DIGEST in record else (lines, last)


def _ends_a_line(stream: BinaryIO) -> bool:
    """Whether a file is empty or ends in a line break."""
    stream.seek(max(stream.seek(0, os.SEEK_END) - 1, 0))
    return stream.read() in (b"", b"\n")


def _begins_a_record(torn: bytes) -> bool:
    start = f'{{"{KEY}": '.encode()
    return torn.startswith(start) or start.startswith(torn)


def _records(path: Path, lines: list[bytes], keys: Iterable[str] = ()) -> dict[str, Record]:
    """The records of whole lines by fingerprint."""
    records: dict[str, Record] = {}
    for number, line in enumerate(lines, 1):
        record = _record(line)
        if not record:
            raise InputError(f"{path}: line {number}: is no record of a run; repair or delete the line")
        if lacking := [key for key in keys if key not in record]:
            raise InputError(
                f"{path}: line {number}: lacks the key {lacking[0]!r} of a record of a run; delete the line"
            )
        records.setdefault(record[KEY], {key: value for key, value in record.items() if key != DIGEST})
    return records


def _record(line: bytes) -> Record:
    """The record of a line, with its hash; empty if it has another hash, or is no record."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(record, dict) or KEY not in record:
        return {}
    # Those of older versions have no hash.
    return record if record.get(DIGEST, "") in ("", record_digest(record)) else {}
