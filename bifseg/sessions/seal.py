"""Seals of stored sessions: an HMAC with a key that methods cannot read, so that none can write a session.

The key lies in the folder of the run, `RESULTS/RUN/.session-key`, which is hidden from methods. Copy it along with the
sessions. Sessions without seal or key, as older versions wrote them, can be read but are played again.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

KEY = ".session-key"
_RUN_MARK = "config.json"
_LEVELS_UP = 5
_BYTES = 32


def run_folder(folder: Path) -> Path:
    """The folder of all that a run makes: the nearest one with a key, else with a configuration, else `folder`."""
    around = [folder, *list(folder.absolute().parents)[:_LEVELS_UP]]
    marked = (place for mark in (KEY, _RUN_MARK) for place in around if (place / mark).is_file())
    return next(marked, folder)


class Seal:
    """Seals sessions of a folder and checks their seals.

    Args:
        folder: of an entry's sessions.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known_key: bytes | None = None

    def of(self, name: str, fingerprint: str, status: str, contents: Iterable[bytes]) -> str:
        """The seal of a session: 64 hexadecimal digits; the key is made where there is none yet.

        Args:
            name: of the session.
            fingerprint: of the session, stored beside the seal.
            status: of the session, stored beside the seal.
            contents: of its entries, in order.
        """
        if self._key() is None:
            _make_key(run_folder(self._folder) / KEY)
        return _digest(self._key() or b"", name, fingerprint, status, contents)

    def check(self, name: str, fingerprint: str, status: str, seal: str, contents: Iterable[bytes]) -> bool:
        """Whether a session has a seal, which is the one that `of` gives; arguments as there.

        Raises:
            ValueError: it has another seal, or none beside a key, or there is no key.
        """
        key = self._key()
        if key is None:
            if seal:
                raise ValueError(f"its key, {run_folder(self._folder) / KEY}, is missing: copy it along")
            return False
        if not hmac.compare_digest(seal, _digest(key, name, fingerprint, status, contents)):
            raise ValueError("its seal is wrong: something else than bifseg wrote it, or it was changed")
        return True

    def _key(self) -> bytes | None:
        """The key; None where there is none yet."""
        if self._known_key is None:
            with suppress(FileNotFoundError):
                self._known_key = (run_folder(self._folder) / KEY).read_bytes()
        return self._known_key


def _digest(key: bytes, name: str, fingerprint: str, status: str, contents: Iterable[bytes]) -> str:
    code = hmac.new(key, "\0".join((name, fingerprint, status)).encode(), "sha256")
    for content in contents:
        code.update(len(content).to_bytes(8, "big") + content)
    return code.hexdigest()


def _make_key(path: Path) -> None:
    """Write a new key, whole, unless another job has just done so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{KEY}-{os.getpid()}-{secrets.token_hex(4)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secrets.token_bytes(_BYTES))
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
