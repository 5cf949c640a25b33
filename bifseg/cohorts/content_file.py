"""The file with the content fingerprints of a cohort's or a network's images."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bifseg.cohorts.content import Fingerprint, fingerprints_of, same_image
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import check_hash, read_record, writing
from bifseg.core.images import read_image

CONTENT = "content.npz"
Contents = dict[str, tuple[Fingerprint, ...]]
"""The fingerprints of each image at all sizes, by its path; `PATH#2` is channel 2 of a 4D file."""


def content_name(image: str, channel: int | None) -> str:
    """The name of an image in `Contents`.

    Args:
        image: path of its file.
        channel: number of the channel in a 4D file, from 0; None for a file without channels.

    Returns:
        The path, with the channel if there is one.
    """
    return image if channel is None else f"{image}#{channel}"


def content_names(row: ObjectRow) -> list[str]:
    """The names in `Contents` of an object's images.

    Args:
        row: row of a prepared cohort.

    Returns:
        The structure's own image, then further channels.
    """
    return [content_name(row.image, row.channel), *dict(row.channels).values()]


def content_of(root: Path, name: str) -> tuple[Fingerprint, ...]:
    """The content fingerprints of an image file.

    Args:
        root: folder that the name is relative to.
        name: a name that `content_name` returned.

    Returns:
        Its fingerprints, as from `fingerprints_of`.

    Raises:
        InputError: the file cannot be read.
    """
    path, mark, channel = name.rpartition("#")
    is_file = not mark or not channel.isdecimal()
    return fingerprints_of(
        read_image(root / (name if is_file else path), "", None if is_file else int(channel))
    )


def write_contents(path: Path, contents: Mapping[str, tuple[Fingerprint, ...]]) -> None:
    """Write fingerprints; equal fingerprints give equal files.

    Args:
        path: the file.
        contents: fingerprints by image.
    """
    arrays: dict[str, Any] = {}
    about: list[Any] = []
    for number, (name, prints) in enumerate(sorted(contents.items())):
        about.append([name, [[one.in_mm, one.scale] for one in prints]])
        for k, one in enumerate(prints):
            arrays |= {f"{number}-{k}-places": one.places, f"{number}-{k}-ranks": one.ranks}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, about=np.array(json.dumps(about)), **arrays)
    with writing(path) as part:
        part.write_bytes(buffer.getbuffer())


def read_contents(path: Path) -> Contents:
    """The fingerprints of a file.

    Args:
        path: a file that `write_contents` wrote.

    Returns:
        Fingerprints by image; empty without the file, which older versions did not write.

    Raises:
        InputError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {
                name: tuple(
                    Fingerprint(stored[f"{number}-{k}-places"], stored[f"{number}-{k}-ranks"], in_mm, scale)
                    for k, (in_mm, scale) in enumerate(sizes)
                )
                for number, (name, sizes) in enumerate(json.loads(str(stored["about"])))
            }
    except Exception as error:  # numpy and zipfile raise many kinds on a damaged file
        raise InputError(f"{path}: damaged fingerprints of images; prepare or train again") from error


def contents_in(folder: Path) -> Contents:
    """The fingerprints of a prepared cohort or a trained network.

    Args:
        folder: folder of the cohort or the network.

    Returns:
        Fingerprints by image.

    Raises:
        InputError: the folder is neither, an older version made it, or the file is damaged.
    """
    path = next((p for p in (folder / "cohort.json", folder / "card.json") if p.is_file()), None)
    if path is None:
        raise InputError(f"{folder}: neither a prepared cohort nor a trained network; name the folder of one")
    record = read_record(path)
    if "content_sha256" not in record:
        raise InputError(f"{path}: content_sha256: no fingerprints of images; prepare or train again")
    check_hash(folder / CONTENT, record["content_sha256"], "prepare or train again")
    return read_contents(folder / CONTENT)


def cohort_contents(folder: Path) -> Contents:
    """The fingerprints of a prepared cohort, or none if an older version prepared it.

    Args:
        folder: folder of the cohort.

    Returns:
        Fingerprints by image.

    Raises:
        InputError: the folder is not a cohort, or the file is damaged.
    """
    known = "content_sha256" in read_record(folder / "cohort.json")
    return contents_in(folder) if known else {}


def overlap(first: Contents, second: Contents) -> list[tuple[str, str]]:
    """The pairs of images from two sets that show the same content.

    Args:
        first: fingerprints by image.
        second: fingerprints by image.

    Returns:
        Pairs of names (from the first set, from the second), sorted.
    """
    return [
        (one, other)
        for one, prints in sorted(first.items())
        for other, others in sorted(second.items())
        if same_image(prints, others)
    ]
