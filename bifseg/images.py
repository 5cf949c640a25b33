"""Reading and writing images with their grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from bifseg.errors import BadInput
from bifseg.geometry import Grid, Image, Mask
from bifseg.store import writing

_UNREADABLE = "{}: not a readable image; convert it to NIfTI, MetaImage, NRRD or PNG"


def read_grid(path: Path) -> Grid:
    """The grid of an image file, from its header alone; raises BadInput when it cannot be read."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(_existing(path)))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise BadInput(_UNREADABLE.format(path)) from error
    n = reader.GetDimension()
    return _grid(n, reader.GetSize(), reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection())


def read_array(path: Path) -> tuple[NDArray, Grid]:
    """Voxels in array order and their grid; raises BadInput for a file missing, broken or not grey."""
    try:
        image = sitk.ReadImage(str(_existing(path)))
    except RuntimeError as error:
        raise BadInput(_UNREADABLE.format(path)) from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        channels = image.GetNumberOfComponentsPerPixel()
        raise BadInput(f"{path}: has {channels} channels a voxel; save one grey channel a file")
    n = image.GetDimension()
    grid = _grid(n, image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    return sitk.GetArrayFromImage(image), grid


def read_image(path: Path, modality: str = "") -> Image:
    """The image as float32; raises BadInput as `read_array`, and where a voxel is not finite."""
    voxels, grid = read_array(path)
    voxels = voxels.astype(np.float32)
    bad = int((~np.isfinite(voxels)).sum())
    if bad:
        raise BadInput(f"{path}: {bad} voxels are not finite; replace NaN and infinity before use")
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
        raise BadInput(f"{path}: no such file")
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
