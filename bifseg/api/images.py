"""Images and masks from files, with the same checks as for a cohort."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bifseg.cohorts.files import File, inspect_image, inspect_label_map
from bifseg.core import images
from bifseg.core.errors import InputError
from bifseg.core.geometry import Image, Mask
from bifseg.core.grid_differences import differences


def read_image(path: Path | str, modality: str = "", channel: int | None = None) -> Image:
    """The image in a file, with its grid.

    Args:
        path: NIfTI, MetaImage, NRRD, PNG or any other format that SimpleITK reads.
        modality: name of the contrast, such as `flair`; it chooses a network's intensity statistics.
        channel: channel of a 4D file, from 0; None for a file without a channel axis.

    Returns:
        float32 voxels, (z, y, x) or (y, x), with spacing in mm in the same order.

    Raises:
        InputError: the file is missing, damaged or a colour image, has no such channel, or a voxel is not finite.

    Examples:
        >>> image = read_image("case/flair.nii.gz", modality="flair")
        >>> image.voxels.shape, image.grid.spacing
        ((12, 40, 48), (3.0, 1.0, 1.0))
    """
    _refuse(path, inspect_image(Path(path)))
    return images.read_image(Path(path), modality, channel)


def read_mask(path: Path | str, values: Iterable[int] = (), image: Image | None = None) -> Mask:
    """The mask in a label map: True where a voxel has one of the values.

    Args:
        path: a file in one of the formats of `read_image`.
        values: label values of the structure; empty: all values but 0.
        image: the image that the mask belongs to, whose grid the mask must have; None: any grid.

    Returns:
        Bool array, (z, y, x) or (y, x); all False if no voxel has one of the values.

    Raises:
        InputError: the file is missing, damaged or no label map, or is not on the image's grid.

    Examples:
        >>> image = read_image("case/flair.nii.gz", modality="flair")
        >>> truth = read_mask("case/seg.nii.gz", values=[1, 4], image=image)
        >>> int(truth.sum())
        96
    """
    _refuse(path, inspect_label_map(Path(path)))
    labels, grid = images.read_array(Path(path))
    for difference in differences(image.grid, grid) if image else ():
        raise InputError(f"{path}: not on the image's grid: {difference}; resample the mask")
    chosen = list(values)
    mask: Mask = np.isin(labels, chosen) if chosen else labels != 0
    return mask


def _refuse(path: Path | str, file: File) -> None:
    """Raise InputError for a file with a problem."""
    if file.problems:
        raise InputError(f"{path}: {file.problems[0]}")
