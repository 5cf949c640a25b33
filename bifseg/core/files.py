"""Files that are complete or absent: each is written under a temporary name beside its place, then renamed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, is_zipfile

from bifseg.core.errors import InputError
from bifseg.core.run_place import PART, misplacement, run_place


@contextmanager
def writing(path: Path, durable: bool = True) -> Iterator[Path]:
    """A context that writes a file completely or not at all.

    Args:
        path: the file; its folder is made.
        durable: whether the bytes reach the disk before the name, so that a crash of the machine leaves the old file
            or the new one. It costs milliseconds; False suits files that are checked whenever they are read.

    Yields:
        A temporary path in the same folder with the same suffixes. It is renamed to `path` at the end, or removed if
        the block raises.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=PART, suffix=f"-{path.name}", dir=path.parent)
    os.close(handle)
    os.chmod(name, 0o666 & ~_umask())
    try:
        yield Path(name)
        if durable:
            _to_disk(Path(name))
        os.replace(name, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # the error of a full disk names no file
        raise
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """A context that writes a folder completely or not at all; an existing folder is replaced.

    Args:
        path: the folder; its parents are made.

    Yields:
        An empty temporary folder beside `path`. It is renamed to `path` at the end, or removed if the block raises.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=PART, suffix=f"-{path.name}", dir=path.parent))
    os.chmod(part, 0o777 & ~_umask())
    try:
        yield part
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=PART, dir=path.parent))
            os.replace(path, old)
            shutil.rmtree(old)
        os.replace(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, completely or not at all.

    Args:
        path: the file; its folder is made.
        text: the content.
    """
    with writing(path) as part:
        part.write_text(text, encoding="utf-8")


def table_text(header: Sequence[str], rows: Iterable[Iterable[Any]], delimiter: str = "\t") -> str:
    """The text of a TSV or CSV file.

    Args:
        header: names of the columns.
        rows: cells of each row; None is an empty cell.
        delimiter: tab for TSV, comma for CSV.

    Returns:
        Lines that end in a newline, quoted where the values need it.
    """
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def write_json(path: Path, value: Any) -> None:
    """Write JSON; keys keep their order, which counts in a run's configuration.

    Args:
        path: the file; its folder is made.
        value: values that JSON cannot hold are written as their `str`.
    """
    write_text(path, json.dumps(value, indent=1, default=str) + "\n")


MADE_AGAIN = "delete it and make it again"
"""What to do about a damaged file that bifseg wrote."""


def read_json(path: Path, remedy: str = MADE_AGAIN) -> Any:
    """The value of a JSON file.

    Args:
        path: an existing file.
        remedy: what to do if it holds no JSON.

    Returns:
        Dicts, lists, texts, numbers, booleans or None.

    Raises:
        InputError: the file holds no JSON, for example because it was cut off.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not whole JSON ({error}); {remedy}") from error


DIGEST, _PLACE = "sha256_of_all_else", "place"
"""Keys of records that `write_record` adds."""


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a JSON object with its place in the run and a hash, so that `read_record` notices a change or a move.

    Args:
        path: the file.
        record: without the keys `place` and `sha256_of_all_else`.
    """
    placed = {**record, _PLACE: run_place(path)}
    write_json(path, {**placed, DIGEST: record_digest(placed)})


def read_record(path: Path, *keys: str, remedy: str = MADE_AGAIN) -> dict[str, Any]:
    """The object of a JSON file, without its place and hash.

    Args:
        path: a file that `write_record` or another program wrote.
        *keys: keys that the object must have.
        remedy: what to do if it is damaged.

    Returns:
        Its values by key.

    Raises:
        InputError: the file is not a JSON object, lacks a key, was changed after `write_record` wrote it, or belongs to
            another place or run.
        OSError: it cannot be read.
    """
    record = read_json(path, remedy)
    problem = ""
    if not isinstance(record, dict):
        problem = "not an object with keys"
    elif record.get(DIGEST, "") not in ("", record_digest(record)):
        problem = "changed since it was written"
    elif DIGEST in record and (reason := misplacement(record.get(_PLACE, ""), run_place(path))):
        problem = reason
    elif lacking := [key for key in keys if key not in record]:
        problem = f"lacks the key {lacking[0]!r}"
    if problem:
        raise InputError(f"{path}: {problem}; {remedy}")
    own = (_PLACE, DIGEST) if DIGEST in record else ()
    return {key: value for key, value in record.items() if key not in own}


def inside(root: Path, text: str) -> str:
    """A path from a card or a manifest, relative to its root.

    Only the written path is checked. A link inside the root may lead anywhere, since the root's owner made it
    (git-annex, a scratch disk).

    Args:
        root: folder that must contain the path.
        text: path relative to the root, or absolute.

    Returns:
        The relative path with forward slashes.

    Raises:
        ValueError: the path lies outside the root, or is the root itself.
    """
    base = os.path.abspath(root)
    path = os.path.relpath(os.path.join(base, text), base)
    if path.split(os.sep)[0] == os.pardir or path == os.curdir:
        raise ValueError(
            f"{text!r} is not a file inside the root {base}; move the file or change the card's 'root'"
        )
    return Path(path).as_posix()


def fingerprint(*parts: Any) -> str:
    """A short hash of values, equal for equal values on every machine.

    Args:
        *parts: values that JSON can hold; others count by their `str`.

    Returns:
        16 hexadecimal digits of the SHA-256 of their JSON.
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_hash(path: Path) -> str:
    """The SHA-256 of a file's bytes.

    Args:
        path: an existing file.

    Returns:
        64 hexadecimal digits.
    """
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_hash(path: Path, sha256: str, remedy: str, hash_of: Callable[[Path], str] = file_hash) -> None:
    """Check that a file is unchanged since it was written.

    Args:
        path: the file.
        sha256: its hash when it was written.
        remedy: what a user should do if it is missing or changed; ends the message.
        hash_of: computes the hash; `image_hash` for an image, which may have several files.

    Raises:
        InputError: the file is missing or changed.
    """
    if not path.is_file():
        raise InputError(f"{path}: is missing; {remedy}")
    if hash_of(path) != sha256:
        raise InputError(f"{path}: cut off or changed since it was written; {remedy}")


def zip_damage(path: Path) -> str:
    """What is damaged in a ZIP file, as torch writes them; torch reads changed bytes without a word.

    Args:
        path: an existing file.

    Returns:
        The first part with another checksum, or what else is wrong; empty for a whole file and for other formats.
    """
    if not is_zipfile(path):
        return ""
    try:
        with ZipFile(path) as archive:
            return archive.testzip() or ""
    except BadZipFile as error:
        return str(error)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_needed(path: Path, *keys: str) -> dict[str, Any]:
    """The object of a JSON file that must exist, without its place and hash.

    Args:
        path: the file.
        *keys: keys that the object must have.

    Returns:
        Its values by key.

    Raises:
        InputError: the file is missing, or `read_record` refuses it.
    """
    try:
        return read_record(path, *keys)
    except FileNotFoundError as error:
        raise InputError(f"{path}: is missing; delete {path.parent} and make it again") from error


def record_digest(record: Mapping[str, Any]) -> str:
    """The hash of a JSON object, apart from its own key for the hash.

    An object has the same hash before it is written and after it is read, when tuples have become lists.

    Args:
        record: values by key.

    Returns:
        64 hexadecimal digits of the SHA-256.
    """
    content = json.loads(json.dumps({**record, DIGEST: ""}, default=str))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
