"""Checks of the headers of MetaImage, NRRD and PNG files before ITK reads them, since ITK crashes on damaged ones."""

from __future__ import annotations

import math
import re
import zlib
from pathlib import Path

_HEADER_BYTES = 1 << 16
_MOST_HEADER_BYTES = 1 << 22  # a segmentation of 3D Slicer has ten lines for each of its segments
_LONGEST = 1000  # characters of a line; the NRRD library crashes on long words
_META_TYPES = {
    "CHAR",
    "UCHAR",
    "SHORT",
    "USHORT",
    "INT",
    "UINT",
    "LONG",
    "ULONG",
    "LONG_LONG",
    "ULONG_LONG",
    "FLOAT",
    "DOUBLE",
}
_META_NUMBERS = {
    **dict.fromkeys(("ElementSpacing", "ElementSize", "Offset", "Position", "Origin", "CenterOfRotation"), 1),
    **dict.fromkeys(("TransformMatrix", "Rotation", "Orientation"), 2),
}
"""Keys with as many numbers as the image has axes (1), or the square of that (2)."""
_NRRD_ENCODINGS = {"raw", "gzip", "gz", "bzip2", "bz2", "ascii", "text", "txt", "hex"}
_OTHER_UNITS = re.compile(r'"([cnu]?m|in|(?:inch|met[er]|mic|nano|centi|\xb5|\xc2\xb5)[^"]*)"', re.IGNORECASE)
"""Units of length but mm in an NRRD header, which ITK reads as mm. A micro sign may be in Latin-1 or UTF-8."""
_IN_OTHER_UNITS = "its lengths are in {}; write spacing, origin and units in mm into its header"
_DAMAGED = "its header is damaged ({}); write the file again"
_PNG_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""The bits of a value that PNG allows for each type of colours."""
_PNG_COLOURS = {
    2: "has 3 channels per voxel; save one grey channel per file",
    3: "is a PNG with a palette; save it as grey, a label map with its numbers as grey values",
    4: "has 2 channels per voxel (grey and alpha); save the grey channel alone",
    6: "has 4 channels per voxel; save one grey channel per file",
}


def header_problem(path: Path) -> str:
    """The fault of a MetaImage, NRRD or PNG file's header, and its remedy.

    Args:
        path: an existing file.

    Returns:
        A text for a message; empty if the header is sound or the file has another format.
    """
    name = path.name.lower()
    if name.endswith(".png"):
        return _png_problem(path.read_bytes())
    if name.endswith((".mhd", ".mha")):
        return _meta_problem(_header_text(path))
    if _is_nrrd(path):
        return _nrrd_problem(_header_text(path))
    return ""


def _is_nrrd(path: Path) -> bool:
    return path.name.lower().endswith((".nhdr", ".nrrd"))


def _header_text(path: Path) -> str:
    """The header of a MetaImage or NRRD file, with the list of data files that may follow it."""
    return _header(path)[0]


def _header(path: Path) -> tuple[str, int]:
    """The header of a MetaImage or NRRD file, and the byte at which voxels in the same file begin."""
    with open(path, "rb") as stream:
        text = stream.read(_HEADER_BYTES).decode("latin-1")
        if _is_nrrd(path):
            while not (end := re.search(r"\r?\n\r?\n", text)) and len(text) < _MOST_HEADER_BYTES:
                if not (more := stream.read(_HEADER_BYTES)):
                    break
                text += more.decode("latin-1")
            return (text[: end.start()], end.end()) if end else (text, len(text))
    end = re.search(r"^ElementDataFile[ \t]*=[ \t]*LOCAL[ \t]*\r?$", text, re.MULTILINE | re.IGNORECASE)
    return (text[: end.end()], end.end() + 1) if end else (text, len(text))


def n_header_bytes(path: Path) -> int:
    """The length of the header in a MetaImage or NRRD file that also holds the voxels.

    Args:
        path: an existing file.

    Returns:
        Bytes before the voxels.
    """
    return _header(path)[1]


def header_field(path: Path, key: str) -> str:
    """The value of a key in the header of a MetaImage or NRRD file.

    Args:
        path: an existing file.
        key: regular expression of the key, in upper or lower case.

    Returns:
        Its text without blanks around it; empty without the key.
    """
    sign = ":" if _is_nrrd(path) else "[ \t]*="
    match = re.search(rf"^{key}{sign}(.*)$", _header_text(path), re.MULTILINE | re.IGNORECASE)
    return match[1].strip() if match else ""


def data_names(path: Path) -> list[str]:
    """The names of the data files in the header of a MetaImage or NRRD file.

    Args:
        path: an existing file.

    Returns:
        Names relative to the header's folder; none if the file also holds the voxels.
    """
    text = _header_text(path).encode("latin-1").decode("utf-8", "surrogateescape")
    meta = path.name.lower().endswith((".mhd", ".mha"))
    pattern = r"^ElementDataFile\s*=\s*(.*?)\s*$" if meta else r"^data ?file:\s*(.*?)\s*$"
    match = re.search(pattern, text, re.MULTILINE | re.IGNORECASE)
    if not match or match[1].upper() == "LOCAL":
        return []
    words = match[1].split()
    if words and words[0].upper() == "LIST":
        return [line.strip() for line in text[match.end() :].splitlines() if line.strip()]
    if (
        len(words) in (4, 5)
        and re.fullmatch(r"[^%]*%0?\d?d[^%]*", words[0])
        and all(map(_is_number, words[1:4]))
    ):
        first, last, step = (int(word) for word in words[1:4])
        return [words[0] % number for number in range(first, min(last, first + 100_000) + 1, max(step, 1))]
    return [match[1]]


def is_raw(path: Path) -> bool:
    """Whether a MetaImage or NRRD header says that the voxels are stored as raw bytes.

    Args:
        path: an existing file.

    Returns:
        False for compressed voxels and for text.
    """
    if _is_nrrd(path):
        return header_field(path, "encoding").lower() == "raw"
    packed = header_field(path, "CompressedData").upper().startswith("T")
    return header_field(path, "BinaryData").upper().startswith("T") and not packed


def states_spacing(path: Path) -> bool:
    """Whether the header of a MetaImage or NRRD file states a spacing; if not, ITK takes 1.

    Args:
        path: an existing file.

    Returns:
        True for a key of the spacing or of the size of a voxel.
    """
    key = "(?:spacings|space directions)" if _is_nrrd(path) else "Element(?:Spacing|Size)"
    return header_field(path, key) != ""


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 10


def _meta_problem(text: str) -> str:
    """The fault of a MetaImage header; empty if it is sound."""
    # ITK divides lines at newlines only, unlike `splitlines`.
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    end = next((k for k, line in enumerate(lines) if line.startswith("ElementDataFile")), len(lines) - 1)
    head = lines[: end + 1]
    strange = [
        line for line in head if not re.fullmatch(r"[A-Za-z]\w*\s*=[\x20-\x7e\x80-\xff\t]*", line, re.ASCII)
    ]
    pairs = [line.split("=", 1) for line in head if "=" in line]
    fields = {key.strip(): value.split() for key, value in pairs}
    keys = [key.strip() for key, _ in pairs]
    missing = [key for key in ("NDims", "DimSize", "ElementType", "ElementDataFile") if not fields.get(key)]
    if missing or strange or any(len(line) > _LONGEST for line in head):
        return _DAMAGED.format(f"no {missing[0]}" if missing else "a line is not KEY = VALUE")
    if fields.get("BinaryData") != ["True"]:
        return "its voxels are stored as text, or BinaryData is not True; write it as a binary file"
    count = fields["NDims"][0]
    n = int(count) if _is_number(count) else 0
    # ITK would read these with the wrong length.
    early = {*_META_NUMBERS, "DimSize"} & {*keys[: keys.index("NDims")]}
    sizes = fields["DimSize"]
    if not 1 <= n <= 4 or early or len(sizes) != n or not all(map(_is_number, sizes)) or "0" in sizes:
        return _DAMAGED.format("NDims and DimSize give no shape")
    for key, power in _META_NUMBERS.items():
        if key in fields and (len(fields[key]) != n**power or not all(map(_is_float, fields[key]))):
            return _DAMAGED.format(f"{key} does not hold {n**power} numbers")
    if fields["ElementType"][0].removeprefix("MET_") not in _META_TYPES:
        return _DAMAGED.format("ElementType is unknown")
    units = fields.get("DistanceUnits", [""])[0]
    return _IN_OTHER_UNITS.format(units) if units in ("um", "cm") else ""


def _is_float(word: str) -> bool:
    """Whether ITK reads a word as one number of double precision. It reads "inf" and "nan", but not 1e400."""
    try:
        too_large = math.isinf(float(word)) and any(map(str.isdecimal, word))
    except ValueError:
        return False
    return not too_large and word.isascii() and "_" not in word


def _nrrd_problem(text: str) -> str:
    """The fault of an NRRD header; empty if it is sound."""
    lines = text.splitlines()
    fields = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    if not lines or not re.match(r"NRRD000\d", lines[0]) or any(len(line) > _LONGEST for line in lines):
        return _DAMAGED.format("it does not begin with NRRD, or a line has no end")
    if fields.get("encoding", "").lower() not in _NRRD_ENCODINGS:
        return _DAMAGED.format("its encoding is unknown")
    sizes = fields.get("sizes", "").split()
    if (
        not sizes
        or not all(map(_is_number, sizes))
        or fields.get("dimension") != str(len(sizes))
        or "0" in sizes
    ):
        return _DAMAGED.format("dimension and sizes give no shape")
    kinds = fields.get("kinds", "").lower().split() or ["domain"] * len(sizes)
    for axis, kind, spacing in zip("xyzt", kinds, fields.get("spacings", "").split(), strict=False):
        if kind in ("domain", "space") and not (_is_float(spacing) and math.isfinite(float(spacing))):
            return f"its spacing along {axis} is not finite; write the true spacing in mm into its header"
    if units := _OTHER_UNITS.search(f"{fields.get('space units', '')} {fields.get('units', '')}"):
        return _IN_OTHER_UNITS.format(units[1])
    return ""


def _png_problem(content: bytes) -> str:
    """The fault of a PNG file, from the checksum of each part and the colours; empty if it has none."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "is not a PNG file; correct its name"
    at, kinds = 8, []
    while at + 12 <= len(content):
        n = int.from_bytes(content[at : at + 4])
        kinds.append(content[at + 4 : at + 8])
        end = at + 8 + n
        if content[end : end + 4] != zlib.crc32(content[at + 4 : end]).to_bytes(4):
            break
        at = end + 4
        if kinds[-1] == b"IEND":
            break
    bits, colours = content[24:26] if len(content) > 26 else (0, 0)
    whole = len(kinds) > 2 and kinds[0] == b"IHDR" and kinds[-1] == b"IEND" and at <= len(content)
    if not whole or b"IDAT" not in kinds or bits not in _PNG_BITS.get(colours, ()):
        return "cut short or damaged; copy the file again"
    return _PNG_COLOURS.get(colours, "")
