"""The stored sessions of one entry: one file a session while a shard runs, one file a shard when it is done.

`FOLDER/unpacked/NAME.zip` holds one session and `FOLDER/shard-1.zip` holds many; inside, `NAME/` holds the session's
entries (see `record`). Files are written beside and renamed, so that a reader never sees half a session and two jobs
that play the same shard at once do no harm. If several files hold the same session, the unpacked one counts, then
the one in the newest pack.
"""

from __future__ import annotations

import errno
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from bifseg.core.errors import InputError
from bifseg.core.files import read_record, writing
from bifseg.core.geometry import Grid
from bifseg.core.machine import write_machine
from bifseg.core.run_place import PART
from bifseg.sessions.record import Session
from bifseg.sessions.seal import Seal

BROKEN = (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error, NotImplementedError)
"""Errors from reading a file that was cut off or overwritten."""
LEFT_OUT = "left-out.json"
"""File beside an entry's sessions: why objects are left out, by the object's name."""
_RECORD = "session.json"
_OPEN = 200
"""Most packs held open."""
_RERUN = "or `snakemake --forcerun run_sessions`: undamaged sessions are not run again"


def left_out_of(folder: Path) -> dict[str, str]:
    """The objects that an entry does not play.

    Args:
        folder: the folder of the entry's sessions.

    Returns:
        The reasons by the object's name; empty if it plays all, or has not begun.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / LEFT_OUT
    return read_record(path, remedy="delete it and run these sessions again") if path.is_file() else {}


class _Pack(NamedTuple):
    """One state of a shard's file; a new file at the same path is another pack."""

    written_ns: int
    path: Path
    inode: int


class _Stored(NamedTuple):
    """A stored session: the fields of its record's comment, and the bytes of each entry by its name."""

    fingerprint: str
    status: str
    sealed: bool
    contents: dict[str, bytes]


class Archive:
    """The stored sessions of one entry.

    Args:
        folder: the entry's folder, which need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._opened = lru_cache(_OPEN)(_open_pack)  # reading a directory takes longer than reading a session
        self._packs: list[_Pack] = []
        self._readable: set[_Pack] = set()
        self._packed: dict[str, _Pack] = {}
        self._seal = Seal(self.folder)
        self._list_packs()

    def fingerprint(self, name: str) -> str | None:
        """The fingerprint that a session was stored with.

        Args:
            name: the session's name.

        Returns:
            None if the session is missing or damaged, or has no valid seal: it must be run again.
        """
        try:
            stored = self._read(name)
        except BROKEN:
            return None
        return stored.fingerprint if stored.sealed else None

    def stored(self) -> dict[str, str]:
        """The status of every stored session.

        Returns:
            `ok`, `failed`, `timeout` or `stuck` by the session's name, without sessions in damaged files.
        """
        self._list_packs()
        statuses: dict[str, str] = {}
        for pack in dict.fromkeys(self._packed.values()):
            with suppress(*BROKEN):
                statuses |= _statuses(self._opened(pack))
        for path in (self.folder / "unpacked").glob("[!.]*.zip"):
            with suppress(*BROKEN), _open_file(path) as archive:
                statuses |= _statuses(archive)
        return statuses

    def names(self) -> set[str]:
        """The names of all sessions, also of those whose own file is damaged.

        Returns:
            Names; those in damaged files of many sessions are missing, see `damaged_packs`.
        """
        self._list_packs()
        return {*self._packed, *self.unpacked()}

    def unpacked(self) -> list[str]:
        """The names of sessions in files of their own: of jobs that have not ended, or to be run again.

        Returns:
            Names in order.
        """
        return sorted(path.stem for path in (self.folder / "unpacked").glob("[!.]*.zip"))

    def damaged_packs(self) -> list[Path]:
        """The files of many sessions that cannot be read.

        Returns:
            Paths in order.
        """
        self._list_packs()
        return sorted(pack.path for pack in {*self._packs} - self._readable)

    def load(self, name: str) -> Session:
        """A stored session.

        Args:
            name: the session's name.

        Returns:
            The session with all its steps.

        Raises:
            InputError: the session is missing or damaged, or its seal is wrong.
        """
        try:
            return Session.from_entries(self._read(name).contents)
        except FileNotFoundError as error:
            raise InputError(
                f"{self.folder}: {name}: no such session; run `bifseg run` for it first, {_RERUN}"
            ) from error
        except BROKEN as error:
            raise InputError(
                f"{self.folder}: {name}: damaged ({error}); run `bifseg run` again, {_RERUN}"
            ) from error

    def save(self, name: str, session: Session, whole: Grid, plane: tuple[int, int] | None = None) -> None:
        """Store a session in a file of its own and replace an earlier one of that name.

        Args:
            name: the session's name.
            session: a session that has ended.
            whole: grid of the image file.
            plane: (axis, index) of the object's slice; None if the object is on the whole image.
        """
        self._write(name, session.fingerprint, session.status, session.to_entries(whole, plane))

    def outdate(self, name: str) -> str:
        """Mark a stored session to be run again by the next job of its shard; it stays readable until then.

        Args:
            name: the session's name.

        Returns:
            Its `shard`.

        Raises:
            InputError: the session is missing or damaged.
        """
        try:
            stored = self._read(name)
        except BROKEN as error:
            raise InputError(f"{self.folder}: {name}: missing or damaged ({error}); run it again") from error
        self._write(name, "", stored.status, stored.contents)
        return self.shard(name)

    def shard(self, name: str) -> str:
        """The shard that has packed a session, damaged or not.

        Args:
            name: the session's name.

        Returns:
            `shard-1`, for example; empty if none has.
        """
        return self._packed[name].path.stem if name in self._packed else ""

    def pack(self, names: Iterable[str], number: int) -> None:
        """Collect stored sessions in `shard-NUMBER.zip`, delete their own files, and name this machine beside them.

        Other sessions in an older pack of that number stay in it, unless a newer pack holds them.

        Args:
            names: the sessions' names.
            number: the shard's number, from 1.

        Raises:
            InputError: a session is missing or damaged; no file has changed.
        """
        names, path = sorted(names), self.folder / f"shard-{number}.zip"
        self._list_packs()
        packed = {n for n, pack in self._packed.items() if pack.path == path}
        rest = sorted(packed - set(names))
        if not rest and packed.issuperset(names) and not any(self._single(n).exists() for n in names):
            return
        with writing(path) as part, ZipFile(part, "w") as target:
            for name in [*names, *rest]:
                for entry, content in self._entries(name):
                    target.writestr(entry, content)
        write_machine(self.folder)
        self._list_packs()
        for name in names:
            self._single(name).unlink(missing_ok=True)

    def prune(self) -> None:
        """Delete files that are no longer needed. Call it only while no job is at work.

        These are packs whose sessions are all in newer packs, which remain when the number of shards changes, and
        unfinished files of killed jobs. A pack that cannot be read stays.
        """
        self._list_packs()
        for pack in self._readable - set(self._packed.values()):
            pack.path.unlink(missing_ok=True)
        for part in self.folder.rglob(f"{PART}*"):
            part.unlink(missing_ok=True)

    def _read(self, name: str) -> _Stored:
        """A stored session; raises one of BROKEN if it is missing or damaged, or its seal is wrong."""
        with self._open(name) as archive:
            contents = {kind: _content(archive, f"{name}/{kind}") for kind in Session.ENTRIES}
            words = archive.getinfo(f"{name}/{_RECORD}").comment.decode().split(" ")
        fingerprint, status, seal = (*words, "", "")[:3]
        sealed = self._seal.check(name, fingerprint, status, seal, contents.values())
        return _Stored(fingerprint, status, sealed, contents)

    def _write(self, name: str, fingerprint: str, status: str, contents: Mapping[str, bytes]) -> None:
        """Write a session's own file, sealed."""
        seal = self._seal.of(name, fingerprint, status, contents.values())
        with writing(self._single(name), durable=False) as part, ZipFile(part, "w") as archive:
            for kind, content in contents.items():
                entry = ZipInfo(f"{name}/{kind}")  # dated 1980: equal sessions are equal files
                entry.compress_type = ZIP_DEFLATED if kind == _RECORD else ZIP_STORED
                entry.comment = f"{fingerprint} {status} {seal}".encode() if kind == _RECORD else b""
                archive.writestr(entry, content)

    def _entries(self, name: str) -> Iterator[tuple[ZipInfo, bytes]]:
        try:
            with self._open(name) as archive:
                for kind in Session.ENTRIES:
                    entry = archive.getinfo(f"{name}/{kind}")
                    yield copy(entry), _content(archive, entry.filename)  # writing it elsewhere changes it
        except BROKEN as error:
            raise InputError(f"{self.folder}: {name}: missing or damaged ({error}); run it again") from error

    def _single(self, name: str) -> Path:
        return self.folder / "unpacked" / f"{name}.zip"

    def _open(self, name: str) -> AbstractContextManager[ZipFile]:
        """The file that holds a session; raises FileNotFoundError."""
        with suppress(FileNotFoundError):  # missing, or just packed by another job
            return _open_file(self._single(name))
        if name not in self._packed:
            self._list_packs()
        if name not in self._packed:
            raise FileNotFoundError(name)
        return nullcontext(self._opened(self._packed[name]))

    def _list_packs(self) -> None:
        """Find the newest pack that holds each packed session; a damaged pack holds none."""
        packs = sorted(_pack_at(path) for path in self.folder.glob("shard-*.zip"))
        if packs == self._packs:
            return
        self._packs, self._readable, self._packed = packs, set(), {}
        for pack in packs:
            with suppress(*BROKEN):
                self._packed |= dict.fromkeys(_statuses(self._opened(pack)), pack)
                self._readable.add(pack)


def _pack_at(path: Path) -> _Pack:
    facts = path.stat()
    return _Pack(facts.st_mtime_ns, path, facts.st_ino)


def _open_pack(pack: _Pack) -> ZipFile:
    return _open_file(pack.path)


def _open_file(path: Path) -> ZipFile:
    """A zip file; without files left to open it is no damaged one, which would be run again."""
    try:
        return ZipFile(path)
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        raise RuntimeError(f"{path}: too many open files; allow more (ulimit -n)") from error


def _content(archive: ZipFile, entry: str) -> bytes:
    """The bytes of an entry, whose sum is checked."""
    try:
        return archive.read(entry)
    except RuntimeError as error:  # a flipped bit that says that the entry is encrypted
        raise BadZipFile(str(error)) from error


def _statuses(archive: ZipFile) -> dict[str, str]:
    """The status by name of every session in a file; BadZipFile if it holds anything but whole sessions.

    A file that was cut off can open as the zip file of masks inside it, and a damaged name would hide a session.
    """
    entries = sorted(archive.namelist())
    names = {entry.rpartition("/")[0] for entry in entries}
    if not names or entries != sorted(f"{name}/{kind}" for name in names for kind in Session.ENTRIES):
        raise BadZipFile("it holds no whole sessions")
    comments = {name: archive.getinfo(f"{name}/{_RECORD}").comment.decode() for name in names}
    return {name: (*comment.split(" "), "")[1] for name, comment in comments.items()}
