"""The images below a folder, by name.

Hidden files and folders (`._x.nii.gz`, `.DS_Store`, `__MACOSX`) are passed over and counted. Of files in one
folder that differ in their ending only, the one that comes first in `ENDINGS` is taken: of x.nii and x.nii.gz
the latter. Upper case in an ending makes no difference. Links to folders are followed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bifseg.cohorts.readers.layout import LeftOut
from bifseg.core.errors import InputError, short
from bifseg.core.image_files import printable

ENDINGS = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr", ".hdr", ".png")
OTHER_ENDINGS = (".tif", ".tiff", ".bmp", ".jpg", ".jpeg", ".gipl", ".mgz", ".mnc", ".dcm", ".dicom")
"""Images too, that we do not read."""


class ImageFiles(NamedTuple):
    """The images below a folder.

    Attributes:
        files: sorted, relative to the folder.
        notes: what was passed over, a line a kind.
        left_out: files whose names are not UTF-8.
    """

    files: list[PurePosixPath]
    notes: list[str]
    left_out: list[LeftOut]


def image_files(root: Path) -> ImageFiles:
    """The images below a folder, by the endings of their names.

    Raises:
        InputError: the folder cannot be read.
    """
    hidden, alike, others = 0, defaultdict(list), defaultdict(list)
    left_out = []
    for path in all_files(root):
        name = printable(Path(path))
        if _is_hidden(path):
            hidden += 1
        elif name != str(path):
            reason = "its file's name is not UTF-8; rename the file"
            left_out.append(LeftOut(stem(PurePosixPath(name).name), "", reason, name))
        elif ending(path.name):
            alike[path.parent / stem(path.name)].append(path)
        elif other := next((known for known in OTHER_ENDINGS if path.name.lower().endswith(known)), ""):
            others[other].append(path)
    taken, beside = [], []
    for several in alike.values():
        first, *rest = sorted(several, key=lambda path: (ENDINGS.index(ending(path.name)), path))
        taken.append(first)
        beside += [f"{other} lies beside {first.name}, which is taken" for other in rest]
    notes = [_passed_over(known, paths) for known, paths in sorted(others.items())]
    notes += [f"{hidden} hidden files passed over"] if hidden else []
    notes += [f"{beside[0]}" + f"; as {len(beside) - 1} more" * (len(beside) > 1)] if beside else []
    return ImageFiles(sorted(taken), notes, left_out)


def _passed_over(known: str, paths: list[PurePosixPath]) -> str:
    remedy = (
        "a series to one NIfTI file (dcm2niix)" if known in (".dcm", ".dicom") else "them to NIfTI or PNG"
    )
    return f"{len(paths)} {known} files passed over, as {short(str(paths[0]))}; convert {remedy}"


def all_files(root: Path) -> Iterator[PurePosixPath]:
    """All files below a folder, hidden ones too, relative to it and sorted; raises InputError as `image_files`."""
    if not Path(root).is_dir():
        raise InputError(f"{root}: is not a folder; name the folder that holds the data")
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            yield PurePosixPath(Path(folder, name).relative_to(root).as_posix())


def ending(name: str) -> str:
    """The ending of an image's name in lower case; empty for another file."""
    return next((known for known in ENDINGS if name.lower().endswith(known)), "")


def stem(name: str) -> str:
    """An image's name without its ending."""
    return name[: len(name) - len(ending(name))]


def existing_name(root: Path, name: str) -> str:
    """A file's name, or that of the same file packed or unpacked (`.nii.gz`, `.nii`) where only that exists."""
    other = {".nii": name + ".gz", ".nii.gz": name[:-3]}.get(ending(name), name)
    return other if not os.path.isfile(root / name) and os.path.isfile(root / other) else name


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _refuse(error: OSError) -> None:
    raise InputError(
        f"{error.filename}: cannot be read ({error.strerror}); correct its permissions"
    ) from error
