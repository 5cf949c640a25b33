"""What a method computed from an image alone, kept for its other sessions on that image.

The method's process encodes an image before it gets any prompt on it, so that an encoding can tell nothing of one
session to another. Here an encoding is bytes that are never opened: only processes of the same method get them.
"""

from __future__ import annotations

import hashlib
import shutil
import weakref

import numpy as np

from bifseg.core.child_processes import OwnFolder
from bifseg.core.geometry import Image

ENCODING = "encoding.bin"
"""Name of the file in the folder that session and process share."""
LARGEST = 2**30
"""Most bytes of an encoding."""
_MOST = 4 * LARGEST


class Encodings:
    """The encodings of a job's worker, in files of a temporary folder that ends with it; the oldest are dropped."""

    def __init__(self) -> None:
        self._folder: OwnFolder | None = None
        self._sizes: dict[str, int] = {}
        self._seconds: dict[str, float] = {}
        self._hashed: tuple[Image, str] | None = None

    def key(self, method: str, image: Image) -> str:
        """The name of an image's encoding by a method.

        Args:
            method: a text that is equal for equal methods with equal settings.
            image: counts by its voxels, grid and modality.

        Returns:
            Hexadecimal digits.
        """
        if self._hashed is None or self._hashed[0] is not image:
            self._hashed = image, _content(image)
        return hashlib.sha256(f"{method}\n{self._hashed[1]}".encode()).hexdigest()

    def seconds(self, key: str) -> float | None:
        """The seconds that a kept encoding took.

        Args:
            key: its name.

        Returns:
            Seconds; None if no session has made it, or it was dropped.
        """
        return self._seconds[key] if key in self._sizes else None

    def give(self, key: str, folder: OwnFolder) -> None:
        """Put a kept encoding into the folder that a process shares.

        Args:
            key: its name.
            folder: that of the process.
        """
        assert self._folder
        shutil.copyfile(self._folder.path / key, folder.path / ENCODING)
        folder.share(ENCODING)

    def keep(self, key: str, content: bytes, seconds: float) -> None:
        """Keep an encoding, once: a process that makes a dropped one anew may know prompts on the image.

        Args:
            key: its name.
            content: made before its process got a prompt on the image.
            seconds: that it took, which every session that uses it is charged.
        """
        if key in self._seconds:
            return
        if self._folder is None:
            self._folder = OwnFolder()
            weakref.finalize(self, self._folder.remove)
        (self._folder.path / key).write_bytes(content)
        self._sizes[key], self._seconds[key] = len(content), seconds
        while sum(self._sizes.values()) > _MOST:
            oldest = next(iter(self._sizes))
            del self._sizes[oldest]
            (self._folder.path / oldest).unlink()


def _content(image: Image) -> str:
    """Hash of an image's voxels, grid, modality and further channels."""
    digest = hashlib.sha256(repr((image.grid, image.modality)).encode())
    for name, voxels in ((image.modality, image.voxels), *image.others.items()):
        digest.update(f"{name} {voxels.dtype} {voxels.shape}".encode())
        digest.update(np.ascontiguousarray(voxels).data)
    return digest.hexdigest()
