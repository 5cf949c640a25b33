"""Uncompressed NIfTI-1 files of one image, as a session and a method's process exchange them.

`core.nifti` reads any NIfTI file with NiBabel; images of other formats need SimpleITK. A method's process needs neither
import, which together would take a fourth of the time to start it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bifseg.core.files import writing
from bifseg.core.geometry import Index, Mask

_HEADER_BYTES, _START, _MAGIC, _MM = 348, 352, b"n+1\0", 2
_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
"""NumPy's name for each NIfTI data type."""


class Header(NamedTuple):
    """What a header says of the voxels.

    Attributes:
        shape: in array order, (z, y, x) or (y, x).
        kind: type of the voxels as stored.
        start: byte at which they begin.
        slope, intercept: that they are scaled by.
    """

    shape: Index
    kind: np.dtype[Any]
    start: int
    slope: float
    intercept: float

    @classmethod
    def read(cls, content: bytes) -> Header:
        """The header at the beginning of a file.

        Args:
            content: the file, or its first 348 bytes; nothing in it is trusted.

        Returns:
            A header whose voxels begin behind it; the file may be too short for them.

        Raises:
            ValueError: it is no header of such a file, or one of voxels that are no numbers.
            OverflowError, struct.error: the same, for numbers out of range and files that are too short.
        """
        order = "<" if content[:4] == struct.pack("<i", _HEADER_BYTES) else ">"
        if content[:4] != struct.pack(f"{order}i", _HEADER_BYTES) or content[344:348] != _MAGIC:
            raise ValueError("it is no uncompressed NIfTI-1 file")
        axes, *sizes = struct.unpack(f"{order}8h", content[40:56])
        kind = struct.unpack(f"{order}h", content[70:72])[0]
        offset, slope, intercept = struct.unpack(f"{order}3f", content[108:120])
        if kind not in _TYPES:
            raise ValueError(f"its voxels have NIfTI type {kind}; write 8-bit integers")
        if offset < _HEADER_BYTES:
            raise ValueError(f"its voxels begin at byte {offset:g}")
        shape = tuple(reversed(sizes[: max(axes, 0)]))
        return cls(shape, np.dtype(order + _TYPES[kind]), int(offset), slope, intercept)

    def scaled(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """The values of stored voxels.

        Args:
            voxels: as stored.

        Returns:
            The same array if the header scales by nothing, else floats.
        """
        if not self.slope or not np.isfinite(self.slope) or (self.slope, self.intercept) == (1.0, 0.0):
            return voxels
        return voxels * self.slope + self.intercept


def read_voxels(path: Path) -> NDArray[Any]:
    """The voxels of a file that this package wrote.

    Args:
        path: the file.

    Returns:
        A new array in array order, (z, y, x) or (y, x), in native byte order.
    """
    with path.open("rb") as stream:
        header = Header.read(stream.read(_HEADER_BYTES))
        stream.seek(header.start)
        voxels = np.fromfile(stream, header.kind, int(np.prod(header.shape))).reshape(header.shape)
    return header.scaled(voxels.astype(header.kind.newbyteorder("="), copy=False))


def write_mask(path: Path, mask: Mask, spacing: tuple[float, ...]) -> None:
    """Write a mask as 0 and 1, without orientation; the file appears complete or not at all.

    Args:
        path: the file.
        mask: (z, y, x) or (y, x).
        spacing: in mm, in the order of the axes.
    """
    header = bytearray(_START)
    sizes = [mask.ndim, *reversed(mask.shape), *[1] * (7 - mask.ndim)]
    lengths = [1.0, *reversed(spacing), *[1.0] * (7 - mask.ndim)]
    struct.pack_into("=i", header, 0, _HEADER_BYTES)
    struct.pack_into("=8h", header, 40, *sizes)
    struct.pack_into("=2h", header, 70, 2, 8)  # unsigned bytes, of 8 bits
    struct.pack_into("=8f", header, 76, *lengths)
    struct.pack_into("=3f", header, 108, _START, 1.0, 0.0)
    header[123], header[344:348] = _MM, _MAGIC
    with writing(path, durable=False) as part:
        part.write_bytes(header + mask.astype(np.uint8).tobytes())
