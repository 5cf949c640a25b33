"""Odd images that people report for programs of this kind: functions that write an image and its label map."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

SHAPE = (12, 10, 8)
TRUTH = np.zeros(SHAPE, np.uint8)
TRUTH[3:9, 3:8, 2:6] = 1
VOXELS = (100 + 60.0 * TRUTH + np.random.default_rng(0).normal(0, 8, SHAPE)).astype(np.float32)
PLAIN = np.diag([1.0, 1.0, 2.0, 1.0])
LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"


def nifti(path: Path, voxels: NDArray[np.generic] = VOXELS, affine: NDArray[np.float64] = PLAIN) -> None:
    """Write a NIfTI of any voxels; a sheared affine has an sform alone."""
    image = nibabel.Nifti1Image(voxels, PLAIN)
    image.header["qform_code"] = 0
    image.header.set_sform(affine, 1)
    image.header["pixdim"][1:4] = np.linalg.norm(affine[:3, :3], axis=0)
    image.to_filename(path) if np.all(affine == PLAIN) else path.write_bytes(_bytes(image.header, voxels))


def _bytes(header: nibabel.Nifti1Header, voxels: NDArray[np.generic]) -> bytes:
    """A compressed file with exactly this header, which nibabel would correct."""
    header["magic"], header["vox_offset"] = b"n+1", 352
    return gzip.compress(header.binaryblock + bytes(4) + voxels.tobytes(order="F"))


def sheared(shear: float) -> NDArray[np.float64]:
    """An affine whose axes are not at right angles."""
    affine = PLAIN.copy()
    affine[0, 1] = shear
    return affine


def moved(millimetres: float) -> NDArray[np.float64]:
    """The affine of an image that lies elsewhere."""
    affine = PLAIN.copy()
    affine[0, 3] = millimetres
    return affine


def scaled(millimetres: float) -> NDArray[np.float64]:
    """The affine of small voxels."""
    return np.diag([millimetres, millimetres, millimetres, 1.0])


def both(folder: Path, image: NDArray[np.generic], affine: NDArray[np.float64] = PLAIN) -> tuple[str, str]:
    """An image, and the label map on the same grid."""
    nifti(folder / "i.nii.gz", image, affine)
    nifti(folder / "l.nii.gz", TRUTH, affine)
    return "i.nii.gz", "l.nii.gz"


def pair(folder: Path, suffix: str, harm: Callable[[Path], object] = lambda path: None) -> tuple[str, str]:
    """A header with its data in a second file, which is then harmed."""
    for name, voxels in (("i", VOXELS), ("l", TRUTH)):
        sitk.WriteImage(sitk.GetImageFromArray(voxels.T), str(folder / f"{name}{suffix}"))
    harm(folder / f"i{'.img' if suffix == '.hdr' else '.raw'}")
    return f"i{suffix}", f"l{suffix}"


def holding(folder: Path, content: bytes, name: str = "i.nii.gz") -> tuple[str, str]:
    """A file of such bytes beside a good label map."""
    nifti(folder / "l.nii.gz", TRUTH)
    (folder / name).write_bytes(content)
    return name, "l.nii.gz"


def whole(folder: Path) -> bytes:
    """The bytes of a good .nii.gz."""
    nifti(folder / "good.nii.gz")
    return (folder / "good.nii.gz").read_bytes()


def with_value(value: float, voxels: NDArray[np.float32] = VOXELS) -> NDArray[np.float32]:
    """The image with another value in its first voxel."""
    changed = voxels.copy()
    changed[0, 0, 0] = value
    return changed


def labelled(
    folder: Path, truth: NDArray[np.generic], affine: NDArray[np.float64] = PLAIN
) -> tuple[str, str]:
    """A good image with such a label map."""
    nifti(folder / "i.nii.gz")
    nifti(folder / "l.nii.gz", truth, affine)
    return "i.nii.gz", "l.nii.gz"


COLOURS = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
MIRRORED = np.diag([-1.0, 1.0, 2.0, 1.0])

GOOD: dict[str, Callable[[Path], tuple[str, str]]] = {
    "plain": lambda f: both(f, VOXELS),
    "axes one degree off": lambda f: both(f, VOXELS, sheared(0.02)),
    "mirrored axes": lambda f: both(f, VOXELS, MIRRORED),
    "voxels of 0.0001 mm": lambda f: both(f, VOXELS, scaled(1e-4)),
    "slices 33 times as thick": lambda f: both(f, VOXELS, np.diag([0.3, 0.3, 10.0, 1.0])),
    "mhd and raw": lambda f: pair(f, ".mhd"),
    "hdr and img": lambda f: pair(f, ".hdr"),
    "nhdr and raw": lambda f: pair(f, ".nhdr"),
    "a constant image": lambda f: both(f, np.full(SHAPE, 100, np.float32)),
    "an image of zeros": lambda f: both(f, np.zeros(SHAPE, np.float32)),
    "one voxel of 1e9": lambda f: both(f, with_value(1e9)),
    "values about 1e32": lambda f: both(f, (VOXELS * 1e30).astype(np.float32)),
    "an object as large as the image": lambda f: labelled(f, np.ones(SHAPE, np.uint8)),
    "an object of three pieces": lambda f: labelled(f, (np.indices(SHAPE)[0] % 4 < 2).astype(np.uint8)),
    "a label map of floats": lambda f: labelled(f, TRUTH.astype(np.float32)),
    "a fourth axis of length 1": lambda f: both(f, VOXELS[..., None]),
}
"""Images that are read."""

BAD: dict[str, tuple[Callable[[Path], tuple[str, str]], str]] = {
    "axes twenty degrees off": (lambda f: both(f, VOXELS, sheared(0.4)), "off right angles"),
    "an axis of no length": (
        lambda f: both(f, VOXELS, np.diag([1.0, 0.0, 2.0, 1.0])),
        "has an axis of no length",
    ),
    "not compressed, named .gz": (
        lambda f: holding(f, gzip.decompress(whole(f))),
        "is not compressed, though its name ends in .gz",
    ),
    "compressed, not named .gz": (
        lambda f: holding(f, whole(f), "i.nii"),
        "is compressed; add .gz to its name",
    ),
    "cut compressed data": (lambda f: holding(f, whole(f)[:900]), "cut short or damaged"),
    "text named .nii": (lambda f: holding(f, b"hello" * 200, "i.nii"), "no NIfTI header"),
    "an empty file": (lambda f: holding(f, b""), "is empty; copy the file again"),
    "a Git LFS pointer": (lambda f: holding(f, LFS.encode()), "is a Git LFS pointer"),
    "cut data of a header": (
        lambda f: pair(f, ".mhd", lambda p: p.write_bytes(p.read_bytes()[:500])),
        "its data file i.raw has 500 of the 3840 bytes",
    ),
    "no data of a header": (lambda f: pair(f, ".mhd", Path.unlink), "its data file i.raw is missing"),
    "colours": (lambda f: both(f, COLOURS), "has 3 channels per voxel"),
    "complex numbers": (lambda f: both(f, VOXELS.astype(np.complex64)), "complex numbers"),
    "a field of vectors": (lambda f: both(f, np.stack([VOXELS] * 3, -1)[:, :, :, None]), "has 5 dimensions"),
    "NaN": (lambda f: both(f, with_value(np.nan)), "not finite"),
    "infinity": (lambda f: both(f, with_value(np.inf)), "not finite"),
    "beyond single precision": (
        lambda f: both(f, with_value(1.0).astype(np.float64) * 1e39),
        "too large for float32",
    ),
    "a label map of another shape": (lambda f: labelled(f, TRUTH[1:]), "shape is"),
    "a label map elsewhere": (lambda f: labelled(f, TRUTH, moved(5.0)), "origin differs by"),
    "a label map of fractions": (lambda f: labelled(f, (TRUTH * 0.5).astype(np.float32)), "integers only"),
    "a label map without the value": (lambda f: labelled(f, TRUTH * 3), "no voxel has the value 1"),
}
"""Images that are left out, and words of the reason."""
