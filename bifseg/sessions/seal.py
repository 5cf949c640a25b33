"""Seals of stored sessions: an HMAC (RFC 2104, SHA-256) whose key no method can read, so that none can forge one.

The key is `RESULTS/RUN/.session-key`, in a folder that is hidden from methods. Copy it together with the sessions.
Sessions of older versions have neither seal nor key: they can be read, but are run again.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from bifseg.core.errors import InputError
from bifseg.core.run_place import KEY, run_folder

_BYTES = 32
_WRITING_S = 2.0
"""Longest time that another job needs to write the key."""


class Seal:
    """Seals sessions of a folder and checks their seals.

    Args:
        folder: the folder of an entry's sessions.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known_key: bytes | None = None

    def of(self, name: str, fingerprint: str, status: str, contents: Iterable[bytes]) -> str:
        """The seal of a session; writes a new key if the run has none.

        Args:
            name: the session's name.
            fingerprint: the session's fingerprint, stored beside the seal.
            status: the session's status, stored beside the seal.
            contents: the bytes of its entries in the order of `Session.ENTRIES`.

        Returns:
            64 hexadecimal digits.
        """
        if self._key() is None:
            _make_key(run_folder(self._folder) / KEY)
        return _digest(self._key() or b"", name, fingerprint, status, contents)

    def check(self, name: str, fingerprint: str, status: str, seal: str, contents: Iterable[bytes]) -> bool:
        """Whether a session has a seal; a wrong one raises.

        Args:
            name: the session's name.
            fingerprint: the fingerprint beside the seal.
            status: the status beside the seal.
            seal: the stored seal, empty if the session has none.
            contents: the bytes of its entries in the order of `Session.ENTRIES`.

        Returns:
            True for a valid seal; False if neither a seal nor a key exists.

        Raises:
            ValueError: the seal is wrong or missing beside a key, or the key is missing.
        """
        key = self._key()
        if key is None:
            if seal:
                raise ValueError(f"its key, {run_folder(self._folder) / KEY}, is missing: copy it along")
            return False
        if not hmac.compare_digest(seal, _digest(key, name, fingerprint, status, contents)):
            raise ValueError(
                "its seal is wrong: bifseg did not write this file, or it was changed afterwards"
            )
        return True

    def _key(self) -> bytes | None:
        """The key; None if it does not exist yet."""
        if self._known_key is None:
            self._known_key = _read_key(run_folder(self._folder) / KEY)
        return self._known_key


def _digest(key: bytes, name: str, fingerprint: str, status: str, contents: Iterable[bytes]) -> str:
    code = hmac.new(key, "\0".join((name, fingerprint, status)).encode(), "sha256")
    for content in contents:
        code.update(len(content).to_bytes(8, "big") + content)
    return code.hexdigest()


def _read_key(path: Path) -> bytes | None:
    """A run's key; None if it does not exist yet."""
    end = monotonic() + _WRITING_S
    try:
        while len(key := path.read_bytes()) < _BYTES and monotonic() < end:
            sleep(0.1)
    except FileNotFoundError:
        return None
    if len(key) < _BYTES:
        raise InputError(
            f"{path}: holds {len(key)} of {_BYTES} bytes; delete it, and the run's sessions are played again"
        )
    return key


def _make_key(path: Path) -> None:
    """Write a new key, unless another job has just written one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{KEY}-{os.getpid()}-{secrets.token_hex(4)}")
    _write_key(part)
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links; another job may read the key before it is whole
        with suppress(FileExistsError):
            _write_key(path)
    finally:
        part.unlink()


def _write_key(path: Path) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(secrets.token_bytes(_BYTES))
