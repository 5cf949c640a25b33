"""NIfTI files (.nii, .nii.gz, .hdr with .img): the header gives the grid and says how to read the voxels.

We do not use ITK for them: it turns NaN into 0, fills the end of a cut file with 0, ignores the scale of an sform,
replaces a spacing of 0 by 1, and refuses axes that are a little off right angles.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.grid_headers import SHEAR_TOLERANCE, checked_grid, shear

_LONGEST_HEADER = 540
_TO_MM = {1: 1000.0, 3: 0.001}  # unit codes metre and micrometre; all others count as mm
_TO_LPS = np.array([[-1.0], [-1.0], [1.0]])  # NIfTI's world is RAS, that of all other formats is LPS
_SAME_SPACING = 1e-3  # relative difference
DEFLATE_MOST = 1032
"""Factor by which deflate can shorten data at most."""
_FLAT = 0.9998
"""Least length that a unit axis has in the x-y plane: tilted by at most 1.15 degrees, as `SHEAR_TOLERANCE`."""
_CUT = "cut short or damaged; copy the file again"


def is_nifti(path: Path) -> bool:
    """Whether we read a file as NIfTI, by its name.

    Args:
        path: the file; it need not exist.

    Returns:
        True for the endings of NIfTI and Analyze files, compressed or not.
    """
    return path.name.lower().endswith((".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz"))


@dataclass(frozen=True)
class NiftiFile:
    """A NIfTI image whose header was read.

    Attributes:
        header_path: file of the header.
        data_path: file of the voxels; the same file unless the image is a pair.
        fields: the header's fields. Analyze 7.5 counts as a NIfTI-1 pair without orientation.
        dtype: type of the voxels as stored.
        start: byte of the data file at which the voxels begin.
        grid: grid of the whole image; the channels of a 4D image are its first axis.
        off_degrees: degrees by which the axes were off right angles before we straightened them.
    """

    header_path: Path
    data_path: Path
    fields: Any
    dtype: np.dtype[Any]
    start: int
    grid: Grid
    off_degrees: float

    @classmethod
    def open(cls, path: Path) -> NiftiFile:
        """The image of a file or of a pair, with its header read.

        Args:
            path: the file, or either file of a pair.

        Returns:
            The image; its voxels are read later.

        Raises:
            InputError: the file is not NIfTI, is damaged, or its header makes no sense.
        """
        header_path, data_path = pair_of(path)
        with _reading(header_path) as stream:
            block = stream.read(_LONGEST_HEADER)
        fields = _fields(header_path, block)
        if bytes(fields["magic"]).startswith((b"n+1", b"n+2")):
            data_path = header_path
        try:
            if np.isnan(fields["vox_offset"]):
                raise OverflowError
            start = int(fields["vox_offset"])
            if data_path == header_path:
                start = max(start, fields.single_vox_offset)
            return cls(header_path, data_path, fields, _dtype(fields), start, *_grid(fields))
        except OverflowError as error:
            raise InputError(f"{path}: {_CUT}") from error
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error

    @property
    def forms_differ(self) -> bool:
        """Whether qform and sform are both given and place a corner of the image more than half a voxel apart."""
        from nibabel.spatialimages import HeaderDataError

        try:
            with np.errstate(invalid="ignore"):  # a qform may hold NaN and infinity beside a sound sform
                forms = [form(coded=True) for form in (self.fields.get_sform, self.fields.get_qform)]
        except (ValueError, HeaderDataError):  # a qform that is no rotation, beside a sform
            return False
        if not all(code and np.isfinite(form).all() for form, code in forms):
            return False
        last = np.array([n - 1 for n in (*self.grid.shape[::-1], 1)[:3]])
        corners = np.array([(*(last * corner), 1) for corner in np.ndindex(2, 2, 2)])
        away = (corners @ (forms[0][0] - forms[1][0]).T)[:, :3]
        spacing = np.linalg.norm(forms[0][0][:3, :3], axis=0)
        return bool(np.linalg.norm(away, axis=1).max() > spacing.min() / 2)

    def stored(self, channel: int | None = None) -> NDArray[Any]:
        """The voxels as stored.

        Args:
            channel: channel of a 4D image, from 0; None: the whole image.

        Returns:
            An array in array order, (z, y, x), (y, x) or (channels, z, y, x), in native byte order.

        Raises:
            InputError: the file is cut short or damaged.
        """
        shape, kind, start = self.grid.shape, self.dtype, self.start
        n = math.prod(shape) * kind.itemsize
        if channel is not None:
            n //= shape[0]
            start, shape = start + channel * n, shape[1:]
        if start + n > DEFLATE_MOST * (self.data_path.stat().st_size + 1) or start < 0:
            raise InputError(f"{self.data_path}: {_CUT}")
        with _reading(self.data_path) as stream:
            stream.seek(start)
            content = bytearray(stream.read(n))
            stream.read(1)  # reading past the last voxel compares a compressed file's checksum
        if len(content) < n:
            raise InputError(f"{self.data_path}: {_CUT}")
        voxels = np.frombuffer(content, kind).reshape(shape)
        return voxels.astype(kind.newbyteorder("="), copy=False)

    def voxels(self, channel: int | None = None) -> NDArray[Any]:
        """The voxels with the header's slope and intercept applied.

        Args:
            channel: as in `stored`.

        Returns:
            An array as from `stored`; float if slope or intercept change the voxels.

        Raises:
            InputError: the file is cut short or damaged.
        """
        voxels = self.stored(channel)
        slope, intercept = float(self.fields["scl_slope"]), float(self.fields["scl_inter"])
        intercept = intercept if np.isfinite(intercept) else 0.0
        if slope == 0 or not np.isfinite(slope) or (slope, intercept) == (1.0, 0.0):
            return voxels
        with np.errstate(over="ignore", invalid="ignore"):  # callers report values that are not finite
            scaled: NDArray[Any] = voxels * slope + intercept
        return scaled


def pair_of(path: Path) -> tuple[Path, Path]:
    """The header and the voxel file of a NIfTI or Analyze pair.

    Args:
        path: either file of a pair, or any other file.

    Returns:
        Header and voxel file, which may be missing; `path` twice if its ending is not that of a pair.
    """
    for own, other in ((".hdr", ".img"), (".img", ".hdr")):
        for packed in ("", ".gz"):
            name = path.name
            if name.lower().endswith(own + packed):
                base = name[: len(name) - len(own + packed)]
                partners = [path.with_name(base + end) for end in (other, other + ".gz", other.upper())]
                partner = next((one for one in partners if one.is_file()), partners[0])
                return (path, partner) if own == ".hdr" else (partner, path)
    return path, path


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked if it is compressed; raises InputError if it is missing or damaged."""
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file; a pair of .hdr and .img needs both")
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if packed else raw as stream:
                yield stream  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile, OverflowError) as error:
        raise InputError(f"{path}: {_CUT}") from error


def _fields(path: Path, block: bytes) -> Any:
    """The fields of a header; raises InputError if the bytes are not a header."""
    # Importing NiBabel takes a while, which programs that read no NIfTI save.
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    kinds: dict[int, Any] = {348: Nifti1Header, _LONGEST_HEADER: Nifti2Header}  # by the size they begin with
    for size, kind in kinds.items():
        for order, sign in (("little", "<"), ("big", ">")):
            if len(block) >= size and int.from_bytes(block[:4], order) == size:  # type: ignore[arg-type]
                return kind(block[:size], sign, check=False)
    raise InputError(
        f"{path}: holds no NIfTI header; convert it to NIfTI, or give it the ending of its format"
    )


def _dtype(fields: Any) -> np.dtype[Any]:
    """Type of the voxels; raises ValueError for colours, complex numbers and unknown codes."""
    from nibabel.spatialimages import HeaderDataError

    try:
        kind: np.dtype[Any] = fields.get_data_dtype()
    except (HeaderDataError, KeyError) as error:
        raise ValueError("its voxels are of an unknown type; save them as integers or floats") from error
    if kind.kind == "c":
        raise ValueError("its voxels are complex numbers; save their magnitude or another real part")
    if kind.fields:
        raise ValueError(f"has {len(kind.fields)} channels per voxel; save one grey channel per file")
    if kind.kind not in "iuf":
        raise ValueError("its voxels are not numbers of whole bytes; save them as integers or floats")
    return kind


def _grid(fields: Any) -> tuple[Grid, float]:
    """The grid of a header and the degrees by which its axes were off; raises ValueError if it describes no grid."""
    shape = _shape(fields)
    n = len(shape)
    spacing, axes, origin = _orientation(fields)
    if n > 3:  # channels or time: axes without a length in mm
        whole = np.eye(n)
        whole[:3, :3] = axes
        axes, spacing, origin = whole, np.r_[spacing, np.ones(n - 3)], np.r_[origin, np.zeros(n - 3)]
    axes = axes[:n, :n]
    if n == 2 and np.linalg.norm(axes, axis=1).min() < _FLAT:
        raise ValueError(
            "its two axes do not lie in the world's x-y plane, so that it would lose its place; save it as a volume "
            "of one slice, with three axes"
        )
    return checked_grid(shape[::-1], spacing[:n][::-1].tolist(), origin[:n].tolist(), axes[::-1])


def _shape(fields: Any) -> tuple[int, ...]:
    """Voxels along x, y, z, ...; axes of one voxel behind z do not count."""
    dims = [int(n) for n in fields["dim"]]
    if not 1 <= dims[0] <= 7 or min(dims[1 : dims[0] + 1]) < 1:
        raise ValueError("its header gives no shape; write the file again")
    shape = dims[1 : dims[0] + 1]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    return tuple(shape) if len(shape) > 1 else (*shape, 1)


def _by_sform(fields: Any, scale: float) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None:
    """Spacing, unit vectors and origin from the sform, as in `_orientation`; None if the qform is better."""
    affine = np.array([fields[f"srow_{axis}"] for axis in "xyz"], float)
    length = np.linalg.norm(affine[:, :3], axis=0)
    sound = bool(np.isfinite(affine).all() and (length > 0).all())
    if fields["qform_code"] > 0 and not (sound and shear((affine[:, :3] / length).T) <= SHEAR_TOLERANCE):
        return None
    if not sound:
        raise ValueError("its sform has an axis of no length; write the true axes into its header")
    pixdim = np.abs(np.array(fields["pixdim"][1:4], float))
    spacing = np.where(np.abs(pixdim - length) <= _SAME_SPACING * length, pixdim, length)
    return spacing * scale, (_TO_LPS * affine[:, :3] / length).T, _TO_LPS[:, 0] * affine[:, 3] * scale


def _orientation(fields: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Spacing in mm, unit vectors (a row an axis) and origin, in the order x, y, z and in the world LPS."""
    from nibabel.quaternions import quat2mat

    # The sform, if its axes are at right angles within the tolerance; else the qform; else the spacing alone.
    # `pixdim` has more digits than the sform, so a spacing on which both agree is taken from it.
    scale = _TO_MM.get(int(fields["xyzt_units"]) & 7, 1.0)
    pixdim = np.array(fields["pixdim"][1:4], float)
    is_nifti = bytes(fields["magic"]).startswith((b"n+", b"ni"))
    if is_nifti and fields["sform_code"] > 0 and (given := _by_sform(fields, scale)):
        return given
    if is_nifti and fields["qform_code"] > 0:
        try:
            rotation = np.array(quat2mat(fields.get_qform_quaternion()), float)  # minds float32's rounding
        except ValueError as error:
            raise ValueError("its qform is not a rotation; write the orientation again") from error
        rotation[:, 2] *= -1 if fields["pixdim"][0] < 0 else 1
        offset = np.array([fields[f"qoffset_{axis}"] for axis in "xyz"], float)
        return pixdim * scale, (_TO_LPS * rotation).T, _TO_LPS[:, 0] * offset * scale
    return pixdim * scale, np.eye(3), np.zeros(3)
