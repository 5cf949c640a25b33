"""A check of the compressed voxels of MetaImage and NRRD files, since ITK reads damaged ones as other voxels."""

from __future__ import annotations

import zlib
from pathlib import Path

from bifseg.core.image_headers import header_field, n_header_bytes

_CHUNK = 1 << 20
_ZLIB_OR_GZIP = 47
_DAMAGED = "its compressed voxels are cut short or damaged; copy it again"


def compression_problem(path: Path, files: tuple[Path, ...], n_bytes: int) -> str:
    """The fault of an image's compressed voxels, and its remedy.

    Args:
        path: an existing file with a sound header.
        files: all files of the image, `path` first.
        n_bytes: length of the voxels by the header.

    Returns:
        A text for a message; empty if the voxels unpack to `n_bytes` with the right checksum, or are not compressed.
    """
    name = path.name.lower()
    if name.endswith((".nrrd", ".nhdr")) and header_field(path, "encoding").lower() in ("gzip", "gz"):
        size = None
        skipped = header_field(path, "byte ?skip")
        n_bytes += int(skipped) if skipped.isdecimal() else 0
        if header_field(path, "line ?skip") not in ("", "0"):
            return ""
    elif name.endswith((".mha", ".mhd")) and header_field(path, "CompressedData").upper().startswith("T"):
        stated = header_field(path, "CompressedDataSize")
        size = int(stated) if stated.isdecimal() and len(files) <= 2 else None
        if size is None and len(files) == 1:
            return "its header is damaged (no CompressedDataSize); write the file again"
    else:
        return ""
    first = n_header_bytes(path) if len(files) == 1 else 0
    lengths = [_unpacked_length(file, first, size, n_bytes) for file in files[len(files) > 1 :]]
    return "" if sum(lengths) == n_bytes and min(lengths) >= 0 else _DAMAGED


def _unpacked_length(file: Path, first: int, size: int | None, most: int) -> int:
    """The length of a compressed part of a file after unpacking, more than `most` if it is longer; -1 if damaged."""
    unpacker, n = zlib.decompressobj(_ZLIB_OR_GZIP), 0
    with open(file, "rb") as stream:
        stream.seek(first)
        left = file.stat().st_size if size is None else size
        try:
            while not unpacker.eof and n <= most and (packed := stream.read(min(_CHUNK, left))):
                left -= len(packed)
                while packed and n <= most:
                    n += len(unpacker.decompress(packed, 4 * _CHUNK))
                    packed = unpacker.unconsumed_tail
        except zlib.error:
            return -1
    return n if unpacker.eof or n > most else -1
