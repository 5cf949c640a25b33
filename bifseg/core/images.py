"""Reading and writing images with their grid.

A file gives the same grid whether its voxels are read or not (`core.grid_headers`). We read NIfTI ourselves
(`core.nifti`) and all other formats with SimpleITK.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.compressed_voxels import compression_problem
from bifseg.core.errors import InputError
from bifseg.core.files import writing
from bifseg.core.geometry import Grid, Image, Mask
from bifseg.core.grid_headers import checked_grid
from bifseg.core.image_files import check_is_image, files_of, png_bits
from bifseg.core.image_headers import is_raw, n_header_bytes, states_spacing
from bifseg.core.nifti import DEFLATE_MOST, NiftiFile, is_nifti

if TYPE_CHECKING:  # importing SimpleITK takes a while, which programs that read no such file save
    import SimpleITK as sitk

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
"""Endings of formats that may state no spacing: a spacing of 1 is the reader's default, not 1 mm."""

_TEXT_HEADERS = (".mha", ".mhd", ".nrrd", ".nhdr")
_NIFTI_HEADERS = (352, 544)  # bytes before the voxels that ITK writes in NIfTI-1 and NIfTI-2
_UNREADABLE = "{}: not a readable image; convert it to NIfTI, MetaImage, NRRD or PNG"
_BYTES = dict(enumerate([1, 1, 2, 2, 4, 4, 8, 8, 4, 8]))  # of a voxel, by SimpleITK's number of its type


def read_grid(path: Path, channel: int | None = None) -> Grid:
    """The grid of an image file or of one of its channels, from the header alone.

    Args:
        path: the file.
        channel: channel of a 4D file, from 0; None: the whole file.

    Returns:
        The grid in array order; that of a channel lacks the axis of channels.

    Raises:
        InputError: `read_array` refuses the file.
    """
    return _of_channel(_header(path)[1], channel, path)


def read_array(path: Path, channel: int | None = None) -> tuple[NDArray[Any], Grid]:
    """The voxels of an image file and their grid.

    Args:
        path: the file.
        channel: channel of a 4D file, whose last axis holds channels, from 0; None: the whole file.

    Returns:
        Voxels in array order, (z, y, x) or (y, x), as stored or scaled by the header's slope; and the grid.

    Raises:
        InputError: the file is missing, broken or not grey, its header makes no sense, or it has no such channel.
    """
    source, whole, _ = _header(path)
    grid = _of_channel(whole, channel, path)
    if isinstance(source, NiftiFile):
        return source.voxels(channel), grid
    import SimpleITK as sitk

    if problem := compression_problem(path, files_of(path), _n_voxel_bytes(source)):
        raise InputError(f"{path}: {problem}")
    if channel is not None:
        source.SetExtractSize([*reversed(grid.shape), 0])
        source.SetExtractIndex([0] * grid.ndim + [channel])
    try:
        voxels = sitk.GetArrayFromImage(source.Execute()).reshape(grid.shape)
    except RuntimeError as error:
        raise InputError(_UNREADABLE.format(path)) from error
    return _as_stored(path, voxels), grid


def read_off_degrees(path: Path) -> float:
    """The angle by which a file's axes were off right angles before we straightened them.

    Args:
        path: the file.

    Returns:
        Degrees; 0 for right angles.

    Raises:
        InputError: `read_array` refuses the file.
    """
    return _header(path)[2]


def forms_differ(path: Path) -> bool:
    """Whether a NIfTI file has a qform and a sform that place it differently.

    Args:
        path: the file.

    Returns:
        False for files of other formats.

    Raises:
        InputError: `read_array` refuses the file.
    """
    file = _header(path)[0]
    return isinstance(file, NiftiFile) and file.forms_differ


def _of_channel(grid: Grid, channel: int | None, path: Path) -> Grid:
    """The grid of one channel of a file, or the whole grid for None; raises InputError if there is no such channel."""
    if channel is None:
        return grid
    if grid.ndim != 4 or not 0 <= channel < grid.shape[0]:
        raise InputError(f"{path}: has no channel {channel}; {channel_advice(grid)}")
    return grid.of_channel


def _header(path: Path) -> tuple[NiftiFile | sitk.ImageFileReader, Grid, float]:
    """A file with its header read, its grid, and the degrees by which its axes were off right angles."""
    path = Path(path)
    check_is_image(path)
    files = files_of(path)
    if is_nifti(path):
        nifti = NiftiFile.open(path)
        return nifti, nifti.grid, nifti.off_degrees
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    if path.suffix.lower() in (".mha", ".mhd"):
        reader.SetImageIO("MetaImageIO")  # ITK would recognise lower-case endings only
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(_UNREADABLE.format(path)) from error
    if reader.GetNumberOfComponents() != 1:
        n = reader.GetNumberOfComponents()
        raise InputError(f"{path}: has {n} channels per voxel; save one grey channel per file")
    _check_length(path, files, _n_voxel_bytes(reader))
    n = reader.GetDimension()
    axes = np.array(reader.GetDirection(), np.float64).reshape(n, n).T[::-1]
    try:
        grid, off_degrees = checked_grid(
            reader.GetSize()[::-1], reader.GetSpacing()[::-1], reader.GetOrigin(), axes
        )
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    grid = replace(grid, in_mm=set(grid.spacing) != {1.0} or _states_spacing(path))
    one_channel = grid.ndim == 4 and grid.shape[0] == 1  # counts as none, as in NIfTI files
    return reader, grid.of_channel if one_channel else grid, off_degrees


def _states_spacing(path: Path) -> bool:
    """Whether a file with a spacing of 1 states it: a picture may hold none, and then it is ITK's default."""
    ending = path.suffix.lower()
    return states_spacing(path) if ending in _TEXT_HEADERS else ending not in _PICTURES


def _n_voxel_bytes(reader: sitk.ImageFileReader) -> int:
    """The length of the voxels by the header."""
    return int(prod(reader.GetSize()) * _BYTES.get(reader.GetPixelID(), 1))


def _check_length(path: Path, files: tuple[Path, ...], n_bytes: int) -> None:
    """Raise InputError if the files cannot hold `n_bytes` of voxels."""
    size = sum(file.stat().st_size for file in files[len(files) > 1 :])
    raw = path.suffix.lower() in _TEXT_HEADERS and is_raw(path)
    size -= n_header_bytes(path) if raw and len(files) == 1 else 0
    if n_bytes > (size if raw else size * DEFLATE_MOST):
        data = f"its data file {files[-1].name}" if len(files) > 1 else "it"
        raise InputError(
            f"{path}: {data} has {size} of the {n_bytes} bytes that the header announces; copy it again"
        )


def _as_stored(path: Path, voxels: NDArray[Any]) -> NDArray[Any]:
    """The voxels with the file's values: ITK stretches those of fewer than 8 bits to 0 to 255."""
    bits = png_bits(path)
    return voxels // (255 // (2**bits - 1)) if bits in (1, 2, 4) else voxels


def channel_advice(grid: Grid) -> str:
    """The channels that a user can name for an image, as a text for a message.

    Args:
        grid: grid of the whole file.

    Returns:
        Such as `it has channels 0 to 3, name one of them`.
    """
    if grid.ndim != 4:
        return "it has no channel axis, leave the channel empty"
    return f"it has channels 0 to {grid.shape[0] - 1}, name one of them"


def read_image(path: Path, modality: str = "", channel: int | None = None) -> Image:
    """The image of a file as float32.

    Args:
        path: the file.
        modality: name of the contrast.
        channel: as in `read_array`.

    Returns:
        Voxels with their grid.

    Raises:
        InputError: `read_array` refuses the file, or a voxel is not finite as float32.
    """
    voxels, grid = read_array(path, channel)
    cast, text = as_float32(voxels)
    if text:
        raise InputError(f"{path}: {text}")
    return Image(cast, grid, modality)


def as_float32(voxels: NDArray[Any]) -> tuple[NDArray[np.float32], str]:
    """The voxels as float32, and their fault if one is not finite.

    Args:
        voxels: array of numbers.

    Returns:
        An array of the same shape, and a text with fault and remedy for a message; empty if all are finite.
    """
    with np.errstate(over="ignore"):
        cast = voxels.astype(np.float32)
    bad = ~np.isfinite(cast)
    if not bad.any():
        return cast, ""
    many = f"{int(bad.sum())} of {voxels.size} voxels are"
    if np.isfinite(voxels[bad]).all():
        return cast, f"{many} too large for float32; scale them down"
    return cast, f"{many} not finite; replace NaN and infinity"


def write_array(path: Path, voxels: NDArray[Any], grid: Grid, durable: bool = True) -> None:
    """Write voxels on their grid; the file appears complete or not at all.

    Args:
        path: the file; its ending gives the format.
        voxels: (z, y, x) or (y, x); bool is written as 0 and 1.
        grid: grid of the same shape.
        durable: as in `core.files.writing`.

    Raises:
        ValueError: the format stores voxels and header in two files.
        OSError: the disk is full.
    """
    import SimpleITK as sitk

    if path.suffix.lower() in (".mhd", ".nhdr", ".hdr", ".img"):
        raise ValueError(f"{path}: we write formats of one file only; use .nii.gz, .mha or .nrrd")
    image = sitk.GetImageFromArray(voxels.astype(np.uint8) if voxels.dtype == bool else voxels)
    image.SetSpacing([float(v) for v in reversed(grid.spacing)])
    image.SetOrigin(grid.origin)
    image.SetDirection(np.array(grid.direction)[::-1].T.ravel().tolist())
    with writing(path, durable) as part:
        try:
            sitk.WriteImage(image, str(part), useCompression=path.name.endswith(".gz"))
        except RuntimeError as error:  # ITK has no other
            if (reason := os.strerror(errno.ENOSPC)) in str(error):
                raise OSError(errno.ENOSPC, reason) from error
            raise
        if is_nifti(part):
            _check_whole(part, image.GetNumberOfPixels() * image.GetSizeOfPixelComponent())


def _check_whole(path: Path, n_bytes: int) -> None:
    """Raise OSError if a NIfTI file lacks voxels: ITK cuts it off without an error if the disk is full."""
    with open(path, "rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
        size = stream.seek(0, os.SEEK_END)
        if packed:  # the last four bytes are the length of the content
            stream.seek(max(size - 4, 0))
            size = int.from_bytes(stream.read(4), "little")
    if size not in {(header + n_bytes) % 2**32 if packed else header + n_bytes for header in _NIFTI_HEADERS}:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_mask(path: Path, mask: Mask, grid: Grid, durable: bool = True) -> None:
    """Write a mask as 0 and 1; the file appears complete or not at all.

    Args:
        path: the file; its ending gives the format.
        mask: (z, y, x) or (y, x).
        grid: grid of the same shape.
        durable: as in `core.files.writing`.
    """
    write_array(path, mask.astype(np.uint8), grid, durable)


def unit_range(voxels: NDArray[Any]) -> NDArray[Any]:
    """The voxels scaled so that their 0.5 and 99.5 percentiles become 0 and 1, clipped to that range.

    Args:
        voxels: array of numbers, at least one.

    Returns:
        An array of the same shape, all 0 for a constant image.
    """
    low, high = np.percentile(voxels, (0.5, 99.5))
    scaled: NDArray[Any] = np.clip((voxels - low) / max(high - low, 1e-6), 0, 1)
    return scaled
