"""The stored sessions of one player: a file each while they are played, one file a shard when it is done.

`FOLDER/unpacked/NAME.zip` holds one session, `FOLDER/shard-1.zip` many; inside, `NAME/` holds its entries (see
`record`). Files appear whole or not at all, so a reader never sees half a session, and two jobs that play the same
shard at the same moment leave what one of them would have left. Where files hold the same session, one that is
unpacked counts, else that of the newest pack.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from bifseg.errors import BadInput
from bifseg.geometry import Grid
from bifseg.record import Session
from bifseg.store import PART, writing

BROKEN = (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, zlib.error, NotImplementedError)
"""What reading a file that was cut off or overwritten may raise."""
_RECORD = "session.json"

_OR = ", or `snakemake --forcerun run_sessions`: whole sessions are kept"


class Archive:
    """The sessions in a player's folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._packed = self._read_packs()

    def fingerprint(self, name: str) -> str | None:
        """The fingerprint of a stored session, each byte of which is as it was written; None when there is none."""
        try:
            with self._open(name) as archive:
                for kind in Session.ENTRIES:
                    archive.read(f"{name}/{kind}")  # checks the sum
                return archive.getinfo(f"{name}/{_RECORD}").comment.decode().partition(" ")[0]
        except BROKEN:
            return None

    def stored(self) -> dict[str, str]:
        """The status of every stored session by its name; files that were cut off hold none."""
        self._packed = self._read_packs()
        found: dict[str, str] = {}
        for path in [*dict.fromkeys(self._packed.values()), *(self.folder / "unpacked").glob("[!.]*.zip")]:
            with suppress(*BROKEN), ZipFile(path) as archive:
                records = [entry for entry in archive.infolist() if entry.filename.endswith(f"/{_RECORD}")]
                found |= {
                    e.filename.rpartition("/")[0]: e.comment.decode().partition(" ")[2] for e in records
                }
        return found

    def load(self, name: str) -> Session:
        """A stored session; raises BadInput where there is none, or it is damaged."""
        try:
            with self._open(name) as archive:
                return Session.from_entries({k: archive.read(f"{name}/{k}") for k in Session.ENTRIES})
        except FileNotFoundError as error:
            raise BadInput(
                f"{self.folder}: {name}: no such session; run `bifseg run` for it first{_OR}"
            ) from error
        except BROKEN as error:
            raise BadInput(
                f"{self.folder}: {name}: damaged ({error}); run `bifseg run` again{_OR}"
            ) from error

    def save(self, name: str, session: Session, whole: Grid, plane: tuple[int, int] | None = None) -> None:
        """Store a session whole, in place of the one of that name; arguments as for `Session.to_entries`."""
        with writing(self._single(name), durable=False) as part, ZipFile(part, "w") as archive:
            for kind, content in session.to_entries(whole, plane).items():
                entry = ZipInfo(f"{name}/{kind}")  # dated 1980: equal sessions are equal files
                entry.compress_type = ZIP_DEFLATED if kind == _RECORD else ZIP_STORED
                entry.comment = f"{session.fingerprint} {session.status}".encode() if kind == _RECORD else b""
                archive.writestr(entry, content)

    def pack(self, names: Iterable[str], number: int) -> None:
        """Bring stored sessions together in shard-NUMBER.zip; what is unpacked of them goes.

        What an older pack of that number held beside them stays in it, unless a newer one holds it.

        Raises:
            BadInput: a session is missing or damaged; nothing has changed then.
        """
        names, path = sorted(names), self.folder / f"shard-{number}.zip"
        self._packed = self._read_packs()
        rest = sorted(n for n, pack in self._packed.items() if pack == path and n not in set(names))
        if not rest and all(self._packed.get(n) == path and not self._single(n).exists() for n in names):
            return
        with writing(path) as part, ZipFile(part, "w") as target:
            for name in [*names, *rest]:
                for entry, content in self._entries(name):
                    target.writestr(entry, content)
        self._packed |= dict.fromkeys(names, path)
        for name in names:
            self._single(name).unlink(missing_ok=True)

    def prune(self) -> None:
        """When no job is at work: remove what counts for nothing.

        Packs whose sessions are all in newer ones, as a change of the number of shards leaves them, and half-written
        files of jobs that were killed.
        """
        self._packed = self._read_packs()
        for pack in set(self.folder.glob("shard-*.zip")) - set(self._packed.values()):
            pack.unlink(missing_ok=True)
        for part in self.folder.rglob(f"{PART}*"):
            part.unlink(missing_ok=True)

    def _entries(self, name: str) -> Iterator[tuple[ZipInfo, bytes]]:
        try:
            with self._open(name) as archive:
                for kind in Session.ENTRIES:
                    entry = archive.getinfo(f"{name}/{kind}")
                    yield entry, archive.read(entry)
        except BROKEN as error:
            raise BadInput(f"{self.folder}: {name}: missing or damaged ({error}); run it again") from error

    def _single(self, name: str) -> Path:
        return self.folder / "unpacked" / f"{name}.zip"

    def _open(self, name: str) -> ZipFile:
        """The file that holds a session; raises FileNotFoundError."""
        single = self._single(name)
        if single.exists() or name in self._packed:
            try:
                return ZipFile(single if single.exists() else self._packed[name])
            except (FileNotFoundError, KeyError):  # another job has just packed it
                pass
        self._packed = self._read_packs()
        if name not in self._packed:
            raise FileNotFoundError(name)
        return ZipFile(self._packed[name])

    def _read_packs(self) -> dict[str, Path]:
        """The pack of every packed session: the newest that holds it. A pack that was cut off holds nothing."""
        found: dict[str, Path] = {}
        for pack in sorted(self.folder.glob("shard-*.zip"), key=lambda path: (path.stat().st_mtime_ns, path)):
            try:
                with ZipFile(pack) as archive:
                    names = [n.rpartition("/")[0] for n in archive.namelist() if n.endswith(f"/{_RECORD}")]
            except BROKEN:
                continue
            found |= dict.fromkeys(names, pack)
        return found
