"""Reading and writing images with their grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from bifseg.core.errors import InputError
from bifseg.core.files import writing
from bifseg.core.geometry import Grid, Image, Mask

_UNREADABLE = "{}: not a readable image; convert it to NIfTI, MetaImage, NRRD or PNG"


def read_grid(path: Path, channel: int | None = None) -> Grid:
    """The grid of an image file or of one of its channels, from the header alone; raises InputError as `read_array`."""
    reader = _reader(path)
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(_UNREADABLE.format(path)) from error
    grid = _described(path, reader, reader.GetNumberOfComponents())
    if channel is None:
        return grid
    if grid.ndim != 4 or channel >= grid.shape[0]:
        raise InputError(f"{path}: has no channel {channel}; {channels_of(grid)}")
    return grid.of_channel


def read_array(path: Path, channel: int | None = None) -> tuple[NDArray, Grid]:
    """Voxels in array order and their grid.

    Args:
        path: the file.
        channel: of a 4D file, whose last axis in the file holds channels, only this one is read, from 0; None
            takes the file as it is.

    Raises:
        InputError: the file is missing, broken or not grey, or has no such channel.
    """
    reader = _reader(path)
    if channel is not None:
        grid = read_grid(path, channel)
        reader.SetExtractSize([*reversed(grid.shape), 0])
        reader.SetExtractIndex([0] * grid.ndim + [channel])
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise InputError(_UNREADABLE.format(path)) from error
    # Without a channel the header is not read on its own: of a small file that takes as long as its voxels.
    if channel is None:
        grid = _described(path, image, image.GetNumberOfComponentsPerPixel())
    return sitk.GetArrayFromImage(image), grid


def _reader(path: Path) -> sitk.ImageFileReader:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(_existing(path)))
    if Path(path).suffix.lower() in (".mha", ".mhd"):
        reader.SetImageIO("MetaImageIO")  # which knows its files by lower-case endings only
    return reader


def _described(path: Path, what: sitk.Image | sitk.ImageFileReader, components: int) -> Grid:
    """The grid of an image, or of what a reader has read the header of; raises InputError where it is not grey."""
    if components != 1:
        raise InputError(f"{path}: has {components} channels a voxel; save one grey channel a file")
    return _grid(
        what.GetDimension(), what.GetSize(), what.GetSpacing(), what.GetOrigin(), what.GetDirection()
    )


def channels_of(grid: Grid) -> str:
    """What to write as the channel of an image with this grid."""
    if grid.ndim != 4:
        return "it has no channel axis, leave the channel empty"
    return f"it has channels 0 to {grid.shape[0] - 1}, name one of them"


def read_image(path: Path, modality: str = "", channel: int | None = None) -> Image:
    """The image as float32; raises InputError as `read_array`, and where a voxel is not finite."""
    voxels, grid = read_array(path, channel)
    voxels = voxels.astype(np.float32)
    bad = int((~np.isfinite(voxels)).sum())
    if bad:
        raise InputError(f"{path}: {bad} voxels are not finite; replace NaN and infinity before use")
    return Image(voxels, grid, modality)


def write_array(path: Path, voxels: NDArray, grid: Grid, durable: bool = True) -> None:
    """Write voxels on their grid; the file appears whole or not at all, `durable` as for `store.writing`."""
    image = sitk.GetImageFromArray(voxels.astype(np.uint8) if voxels.dtype == bool else voxels)
    image.SetSpacing([float(v) for v in reversed(grid.spacing)])
    image.SetOrigin(grid.origin)
    image.SetDirection(np.array(grid.direction)[::-1].T.ravel().tolist())
    with writing(path, durable) as part:
        sitk.WriteImage(image, str(part), useCompression=path.name.endswith(".gz"))


def write_mask(path: Path, mask: Mask, grid: Grid, durable: bool = True) -> None:
    """Write a mask as 0 and 1 on the grid of its image."""
    write_array(path, mask.astype(np.uint8), grid, durable)


def _existing(path: Path) -> Path:
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file")
    return Path(path)


def _grid(n: int, size: tuple, spacing: tuple, origin: tuple, direction: tuple) -> Grid:
    columns = np.array(direction, float).reshape(n, n).T[::-1]
    return Grid(
        tuple(int(v) for v in reversed(size)),
        tuple(float(v) for v in reversed(spacing)),
        tuple(float(v) for v in origin),
        tuple(tuple(float(v) for v in axis) for axis in columns),
    )


def unit_range(voxels: NDArray) -> NDArray:
    """The voxels' 0.5 and 99.5 percentiles become 0 and 1, and what lies beyond them too."""
    low, high = np.percentile(voxels, (0.5, 99.5))
    scaled: NDArray = np.clip((voxels - low) / max(high - low, 1e-6), 0, 1)
    return scaled
