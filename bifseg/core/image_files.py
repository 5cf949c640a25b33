"""The files of an image, their hash, and the reasons why a file is not an image."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from bifseg.core.errors import InputError, short
from bifseg.core.files import file_hash
from bifseg.core.image_headers import data_names, header_problem
from bifseg.core.nifti import pair_of

_GZIP = b"\x1f\x8b"
# The size that a header begins with.
_NIFTI = (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")
_IN_PLACE_OF_AN_IMAGE = {
    b"version https://git-lfs": "is a Git LFS pointer, not the image; run `git lfs pull`",
    b"/annex/objects": "is a git-annex pointer, not the image; run `git annex get`",
    b"<!doctype": "is a web page, not an image; download the file again",
    b"<html": "is a web page, not an image; download the file again",
}


def check_is_image(path: Path) -> None:
    """Check that a file is an image of the format of its name, as far as its first bytes and header show.

    Args:
        path: the file.

    Raises:
        InputError: the file is missing, is a folder, or holds something else; the message says what to do.
    """
    if os.path.isdir(path):
        dicom = any(_is_dicom(file) for file in sorted(path.iterdir())[:5] if file.is_file())
        series = "a folder of DICOM files; convert it to one NIfTI file (dcm2niix)"
        raise InputError(f"{path}: is {series if dicom else 'a folder; name a file'}")
    if not _is_utf8(path):
        raise InputError(f"{printable(path)}: its name is not UTF-8; rename it")
    if not os.path.isfile(path):
        link = (
            "is a link to a file that is missing; bring that back" if os.path.islink(path) else "no such file"
        )
        raise InputError(f"{path}: {link}")
    with open(path, "rb") as stream:
        start = stream.read(512)
    if text := _contradiction(path.name.lower(), start) or header_problem(path):
        raise InputError(f"{path}: {text}")


def printable(path: Path) -> str:
    r"""The text of a path whose name may not be UTF-8.

    Args:
        path: any path.

    Returns:
        Text in which bytes that are not UTF-8 are escaped, such as `\xff`.
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_utf8(path: Path) -> bool:
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _contradiction(name: str, start: bytes) -> str:
    """The reason why a file of this name cannot begin with these bytes; empty if it can."""
    if not start:
        return "is empty; copy the file again"
    for beginning, text in _IN_PLACE_OF_AN_IMAGE.items():
        if start.lstrip().lower().startswith(beginning):
            return text
    if start[128:132] == b"DICM":
        return "is a DICOM file; convert its series to one NIfTI file (dcm2niix)"
    if name.endswith(".gz") and not start.startswith(_GZIP):
        plain = start.startswith(_NIFTI)
        remedy = "remove .gz from its name" if plain else "copy the file again, or correct its name"
        return f"is not compressed, though its name ends in .gz; {remedy}"
    if name.endswith(".nii") and start.startswith(_GZIP):
        return "is compressed; add .gz to its name"
    return ""


def _is_dicom(file: Path) -> bool:
    with open(file, "rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def files_of(path: Path) -> tuple[Path, ...]:
    """All files of an image: `.mhd` and `.nhdr` headers name data files, `.hdr` belongs to `.img`.

    Args:
        path: the header, or either file of a pair.

    Returns:
        `path` first, then the others; `path` alone for formats of one file.

    Raises:
        InputError: a file is missing, or lies outside the header's folder, where methods could read it.
    """
    if path.name.lower().endswith((".mhd", ".mha", ".nhdr", ".nrrd")):
        others = [path.parent / name for name in data_names(path)]
    else:
        others = list(pair_of(path))
    for other in others:
        name = short(other.name)
        if not os.path.isfile(other):  # unlike Path.is_file, False for a name that cannot be one
            raise InputError(f"{path}: its data file {name} is missing; bring it back")
        if not other.is_symlink() and not other.resolve().is_relative_to(path.parent.resolve()):
            raise InputError(
                f"{path}: its data file {name} lies in another folder; move it beside the header"
            )
    return tuple(dict.fromkeys([path, *others]))


def png_bits(path: Path) -> int:
    """The number of bits of a grey value in a PNG file.

    Args:
        path: an existing file.

    Returns:
        1, 2, 4, 8 or 16; 0 for other files.
    """
    with open(path, "rb") as stream:
        start = stream.read(26)
    return start[24] if start.startswith(b"\x89PNG") and len(start) == 26 else 0


def image_hash(path: Path) -> str:
    """The SHA-256 of an image: of its file, or of the hashes of all its files.

    Args:
        path: the image.

    Returns:
        64 hexadecimal digits.

    Raises:
        InputError: `files_of` refuses the image.
    """
    files = files_of(path)
    if len(files) == 1:
        return file_hash(path)
    return hashlib.sha256("\n".join(map(file_hash, files)).encode()).hexdigest()
