"""A search for the images below a folder, by their names.

Hidden files and folders (`._x.nii.gz`, `.DS_Store`, `__MACOSX`) are skipped and counted. If files in one folder differ
only in their ending, the first in the order of `ENDINGS` is used: of x.nii and x.nii.gz the latter. Endings may be in
upper case. Links to folders are followed; a folder is read once, by the first path to it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from bifseg.cohorts.readers.layout import LeftOut
from bifseg.core.errors import InputError, short
from bifseg.core.image_files import printable
from bifseg.core.wording import counted

ENDINGS = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr", ".hdr", ".hdr.gz", ".png")
DICOM_ENDINGS = (".dcm", ".dicom", ".ima")
OTHER_ENDINGS = (
    *(".tif", ".tiff", ".bmp", ".jpg", ".jpeg", ".gipl", ".mgz", ".mgh", ".mnc", ".npy", ".npz"),
    *DICOM_ENDINGS,
)
"""Endings of images that we do not read."""


class ImageFiles(NamedTuple):
    """The images below a folder.

    Attributes:
        files: paths relative to the folder, sorted.
        notes: a line for each kind of skipped files.
        left_out: files with names that are not UTF-8.
    """

    files: list[PurePosixPath]
    notes: list[str]
    left_out: list[LeftOut]


def image_files(root: Path) -> ImageFiles:
    """The images below a folder, by the endings of their names.

    Args:
        root: the folder.

    Returns:
        Images, notes about skipped files, and files left out.

    Raises:
        InputError: the folder cannot be read.
    """
    hidden, alike, others = 0, defaultdict(list), defaultdict(list)
    left_out: list[LeftOut] = []
    again: list[str] = []
    for path in all_files(root, again.append):
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
    used, copies = [], []
    for paths in alike.values():
        first, *rest = sorted(paths, key=lambda path: (ENDINGS.index(ending(path.name)), path))
        used.append(first)
        copies += [f"{other} skipped: {first.name} in the same folder is used" for other in rest]
    notes = [_skipped(known, paths) for known, paths in sorted(others.items())]
    notes += [f"{counted(hidden, 'hidden file')} skipped"] if hidden else []
    text = "skipped: links lead to the same folder by another path"
    notes += [f"{counted(len(again), 'folder')} {text}, e.g. {short(again[0])}"] if again else []
    notes += (
        [f"{copies[0]}; so are {len(copies) - 1} more" if len(copies) > 1 else copies[0]] if copies else []
    )
    return ImageFiles(sorted(used), notes, left_out)


def _skipped(known: str, paths: list[PurePosixPath]) -> str:
    """The note about images with an ending that we do not read."""
    remedy = "a series to one NIfTI file (dcm2niix)" if known in DICOM_ENDINGS else "to NIfTI or PNG"
    return f"{counted(len(paths), f'{known} file')} skipped, e.g. {short(str(paths[0]))}; convert {remedy}"


def skipped_by_name(paths: Sequence[str]) -> list[str]:
    """A note about images with names that a layout does not know.

    Args:
        paths: paths of the images, relative to the folder.

    Returns:
        One line; none without images.
    """
    return [f"skipped by name: {counted(len(paths), 'image')}, e.g. {paths[0]}"] if paths else []


def all_files(root: Path, again: Callable[[str], object] | None = None) -> Iterator[PurePosixPath]:
    """All files below a folder, hidden ones too.

    Args:
        root: the folder.
        again: gets each further path to a folder that was read by another path; None: nobody asks.

    Yields:
        Paths relative to the folder, sorted.

    Raises:
        InputError: the folder cannot be read.
    """
    if not Path(root).is_dir():
        raise InputError(f"{root}: is not a folder; name the folder that holds the data")
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # perhaps a link that leads back
            if again:
                again(Path(folder).relative_to(root).as_posix())
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(names):
            yield PurePosixPath(Path(folder, name).relative_to(root).as_posix())


def ending(name: str) -> str:
    """The ending of an image's name.

    Args:
        name: name of the file.

    Returns:
        One of `ENDINGS`; empty for another file.
    """
    return next((known for known in ENDINGS if name.lower().endswith(known)), "")


def stem(name: str) -> str:
    """An image's name without its ending.

    Args:
        name: name of the file.

    Returns:
        The name up to its ending; the whole name for another file.
    """
    return name[: len(name) - len(ending(name))]


def existing_name(root: Path, name: str) -> str:
    """The name of an existing file, compressed or not.

    Args:
        root: folder that the name is relative to.
        name: name of a file that may exist as `.nii.gz` instead of `.nii`, or the other way round.

    Returns:
        The name with the other ending if only that file exists; otherwise the name.
    """
    other = {".nii": name + ".gz", ".nii.gz": name[:-3]}.get(ending(name), name)
    return other if not os.path.isfile(root / name) and os.path.isfile(root / other) else name


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _refuse(error: OSError) -> None:
    raise InputError(
        f"{error.filename}: cannot be read ({error.strerror}); correct its permissions"
    ) from error
