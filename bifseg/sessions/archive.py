"""The stored sessions of one entry: a file each while they are played, one file a shard when it is done.

`FOLDER/unpacked/NAME.zip` holds one session, `FOLDER/shard-1.zip` many; inside, `NAME/` holds its entries (see
`record`). Files appear whole or not at all, so a reader never sees half a session, and two jobs that play the same
shard at the same moment leave what one of them would have left. Where files hold the same session, one that is
unpacked counts, else that of the newest pack.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from bifseg.core.errors import InputError
from bifseg.core.files import PART, writing
from bifseg.core.geometry import Grid
from bifseg.sessions.record import Session
from bifseg.sessions.seal import Seal

BROKEN = (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error, NotImplementedError)
"""What reading a file that was cut off or overwritten may raise."""
_RECORD = "session.json"

_OPEN = 200
"""Packs that are held open; a process may have some 1,000 files."""
_OR = ", or `snakemake --forcerun run_sessions`: whole sessions are kept"


class Pack(NamedTuple):
    """A shard's file as it was seen: when it is replaced, it is another pack of the same path."""

    written_ns: int
    path: Path
    inode: int

    @classmethod
    def of(cls, path: Path) -> Pack:
        """The file that now is at a path."""
        facts = path.stat()
        return cls(facts.st_mtime_ns, path, facts.st_ino)

    def open(self) -> ZipFile:
        """The file; reading its directory takes longer than a session of it."""
        return ZipFile(self.path)


class Stored(NamedTuple):
    """A session as it is stored: what its record's comment says, and the content of each entry."""

    fingerprint: str
    status: str
    sealed: bool
    contents: dict[str, bytes]


class Archive:
    """The sessions in an entry's folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._opened = lru_cache(_OPEN)(Pack.open)
        self._packs: list[Pack] = []
        self._packed: dict[str, Pack] = {}
        self._seal = Seal(self.folder)
        self._look()

    def fingerprint(self, name: str) -> str | None:
        """The fingerprint of a stored session that is as bifseg wrote it; None if there is none."""
        try:
            stored = self._read(name)
        except BROKEN:
            return None
        return stored.fingerprint if stored.sealed else None

    def stored(self) -> dict[str, str]:
        """The status of every stored session by its name; files that were cut off hold none."""
        self._look()
        statuses: dict[str, str] = {}
        for pack in dict.fromkeys(self._packed.values()):
            with suppress(*BROKEN):
                statuses |= _statuses(self._opened(pack))
        for path in (self.folder / "unpacked").glob("[!.]*.zip"):
            with suppress(*BROKEN), ZipFile(path) as archive:
                statuses |= _statuses(archive)
        return statuses

    def load(self, name: str) -> Session:
        """A stored session; raises InputError where there is none, it is damaged, or its seal is wrong."""
        try:
            return Session.from_entries(self._read(name).contents)
        except FileNotFoundError as error:
            raise InputError(
                f"{self.folder}: {name}: no such session; run `bifseg run` for it first{_OR}"
            ) from error
        except BROKEN as error:
            raise InputError(
                f"{self.folder}: {name}: damaged ({error}); run `bifseg run` again{_OR}"
            ) from error

    def save(self, name: str, session: Session, whole: Grid, plane: tuple[int, int] | None = None) -> None:
        """Store a session whole, in place of the one of that name; arguments as for `Session.to_entries`."""
        self._write(name, session.fingerprint, session.status, session.to_entries(whole, plane))

    def outdate(self, name: str) -> None:
        """Have a stored session played again by the next job of its shard, whose list goes; until then it stays."""
        try:
            stored = self._read(name)
        except BROKEN as error:
            raise InputError(f"{self.folder}: {name}: missing or damaged ({error}); run it again") from error
        self._write(name, "", stored.status, stored.contents)
        if name in self._packed:
            self._packed[name].path.with_suffix(".tsv").unlink(missing_ok=True)

    def pack(self, names: Iterable[str], number: int) -> None:
        """Bring stored sessions together in shard-NUMBER.zip; what is unpacked of them goes.

        What an older pack of that number held beside them stays in it, unless a newer one holds it.

        Raises:
            InputError: a session is missing or damaged; nothing has changed then.
        """
        names, path = sorted(names), self.folder / f"shard-{number}.zip"
        self._look()
        packed = {n for n, pack in self._packed.items() if pack.path == path}
        rest = sorted(packed - set(names))
        if not rest and packed.issuperset(names) and not any(self._single(n).exists() for n in names):
            return
        with writing(path) as part, ZipFile(part, "w") as target:
            for name in [*names, *rest]:
                for entry, content in self._entries(name):
                    target.writestr(entry, content)
        self._look()
        for name in names:
            self._single(name).unlink(missing_ok=True)

    def prune(self) -> None:
        """When no job is at work: remove what counts for nothing.

        Packs whose sessions are all in newer ones, as a change of the number of shards leaves them, and half-written
        files of jobs that were killed.
        """
        self._look()
        for pack in set(self.folder.glob("shard-*.zip")) - {pack.path for pack in self._packed.values()}:
            pack.unlink(missing_ok=True)
        for part in self.folder.rglob(f"{PART}*"):
            part.unlink(missing_ok=True)

    def _read(self, name: str) -> Stored:
        """A session as it is stored; raises one of BROKEN where it is damaged or its seal is wrong."""
        with self._open(name) as archive:
            contents = {kind: archive.read(f"{name}/{kind}") for kind in Session.ENTRIES}  # checks the sums
            words = archive.getinfo(f"{name}/{_RECORD}").comment.decode().split(" ")
        fingerprint, status, seal = (*words, "", "")[:3]
        sealed = self._seal.check(name, fingerprint, status, seal, contents.values())
        return Stored(fingerprint, status, sealed, contents)

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
                    yield copy(entry), archive.read(entry)  # writing it elsewhere changes it
        except BROKEN as error:
            raise InputError(f"{self.folder}: {name}: missing or damaged ({error}); run it again") from error

    def _single(self, name: str) -> Path:
        return self.folder / "unpacked" / f"{name}.zip"

    def _open(self, name: str) -> AbstractContextManager[ZipFile]:
        """The file that holds a session; raises FileNotFoundError."""
        with suppress(FileNotFoundError):  # there is none, or another job has just packed it
            return ZipFile(self._single(name))
        if name not in self._packed:
            self._look()
        if name not in self._packed:
            raise FileNotFoundError(name)
        return nullcontext(self._opened(self._packed[name]))

    def _look(self) -> None:
        """See which pack holds each packed session: the newest that does. A pack that was cut off holds nothing."""
        packs = sorted(Pack.of(path) for path in self.folder.glob("shard-*.zip"))
        if packs == self._packs:
            return
        self._packs, self._packed = packs, {}
        for pack in packs:
            with suppress(*BROKEN):
                self._packed |= dict.fromkeys(_statuses(self._opened(pack)), pack)


def _statuses(archive: ZipFile) -> dict[str, str]:
    """The status of every session in a file by its name."""
    records = [entry for entry in archive.infolist() if entry.filename.endswith(f"/{_RECORD}")]
    return {e.filename.rpartition("/")[0]: (*e.comment.decode().split(" "), "")[1] for e in records}
