"""Messages between a session and the process of its method: lines of JSON, and NIfTI files for arrays.

docs/plugins.md describes them for programs that are not written with bifseg. Arrays are (z, y, x) or (y, x). The
message has the grid too, since a NIfTI file keeps single precision and cannot place a slice of an oblique stack.

The process may run foreign code, so nothing in its answers is trusted: `answers` checks each line, and a result must be
a plain file of the shared folder, no larger than the image allows.
"""

from __future__ import annotations

import struct
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Grid, Image, Index, Mask
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.contract import ContractError
from bifseg.methods.process.plain_nifti import Header, read_voxels, write_mask

if TYPE_CHECKING:  # the session imports them, its method's process does not need them
    from bifseg.core.child_processes import OwnFolder
    from bifseg.methods.process.answers import Window

IMAGE, MASK, SCRIBBLES, RESULT = "image.nii", "mask.nii", "scribbles.nii", "result.nii"
_HEADER_ROOM, _VOXEL_BYTES = 2**16, 8


def image_message(image: Image, box: Box, folder: OwnFolder, has_image: bool = False) -> dict[str, Any]:
    """The message of an image and a box; the voxels go to image.nii in the shared folder.

    Args:
        image: 2D (y, x) or 3D (z, y, x), with its grid and modality.
        box: in voxels of the image.
        folder: the one that session and process share.
        has_image: whether the process still has the image from the session before.

    Returns:
        The keys `image` (file name), `modality`, `grid` and `box`, ready for JSON; `channels` has the file of each
        further channel by its name, if there are any. `box` alone if the process has the image.
    """
    return {"box": asdict(box)} | ({} if has_image else image_files(image, folder))


def image_files(image: Image, folder: OwnFolder) -> dict[str, Any]:
    """The part of a message that holds an image; its voxels go to files in the shared folder.

    Args:
        image: 2D (y, x) or 3D (z, y, x), with its grid and modality.
        folder: the one that session and process share.

    Returns:
        The keys of `image_message` without `box`.
    """
    _share(IMAGE, image.voxels, image.grid, folder)
    message = {"image": IMAGE, "modality": image.modality, "grid": asdict(image.grid)}
    files = {}
    for name, voxels in image.others.items():
        files[name] = f"channel-{name}.nii"
        _share(files[name], voxels, image.grid, folder)
    return message | ({"channels": files} if files else {})


def read_image_message(
    message: dict[str, Any], folder: Path, image: Image | None = None
) -> tuple[Image, Box]:
    """The image and the box of a message.

    Args:
        message: of `image_message`, after JSON.
        folder: the shared folder, as the process sees it.
        image: of the session before.

    Returns:
        The image on the message's own grid, and the box in voxels. Without an image in the message, it is the very
        object of the session before.
    """
    box = Box(**{k: tuple(v) for k, v in message["box"].items()})
    if image and "image" not in message:
        return image, box
    return read_image_files(message, folder), box


def read_image_files(message: dict[str, Any], folder: Path) -> Image:
    """The image of a message.

    Args:
        message: of `image_files`, after JSON.
        folder: the shared folder, as the process sees it.

    Returns:
        The image on the message's own grid.
    """
    grid = Grid.from_record(message["grid"])
    voxels = read_voxels(folder / message["image"])
    others = {name: read_voxels(folder / file) for name, file in message.get("channels", {}).items()}
    return Image(voxels, grid, message["modality"], others)


def mask_message(mask: Mask, grid: Grid, folder: OwnFolder) -> dict[str, Any]:
    """The part of a message that holds an existing mask; its voxels go to mask.nii in the shared folder.

    Args:
        mask: bool array of the image's shape.
        grid: of the image.
        folder: shared with the process.

    Returns:
        Key and name of the file.
    """
    _share(MASK, mask.astype(np.uint8), grid, folder)
    return {"mask": MASK}


def read_mask_message(message: dict[str, Any], folder: Path) -> Mask:
    """The existing mask of a message.

    Args:
        message: of `mask_message`.
        folder: where its file lies.

    Returns:
        Bool array of the image's shape.
    """
    mask: Mask = read_voxels(folder / message["mask"]) != 0
    return mask


def scribbles_message(scribbles: Scribbles, grid: Grid, folder: OwnFolder | None) -> dict[str, Any]:
    """The message of all scribbles so far.

    Args:
        scribbles: on the image's voxels.
        grid: of the image.
        folder: the one that session and process share, for their label map in scribbles.nii; None: a process that
            reads the strokes alone, which spares it and the session a file of the image's size.

    Returns:
        The keys `scribbles` (file name) and `strokes`: path and painted voxels of each, in voxels.
    """
    if folder:
        _share(SCRIBBLES, scribbles.label_map(), grid, folder)
    strokes = [
        {"foreground": s.foreground, "path": s.path.tolist(), "voxels": s.voxels.tolist()}
        for s in scribbles.strokes
    ]
    return {"strokes": strokes} | ({"scribbles": SCRIBBLES} if folder else {})


def read_scribbles_message(message: dict[str, Any], shape: Index) -> Scribbles:
    """The scribbles of a message.

    Args:
        message: of `scribbles_message`, after JSON.
        shape: of the image, (z, y, x) or (y, x).

    Returns:
        All strokes so far, in drawing order.
    """
    strokes = (
        Stroke(s["foreground"], np.array(s["path"], float), np.array(s["voxels"], np.intp))
        for s in message["strokes"]
    )
    return Scribbles(shape, tuple(strokes))


def write_result(mask: Mask, grid: Grid, folder: Path, box: Box) -> dict[str, Any]:
    """Write a mask to result.nii: the voxels in the box, or all if some lie outside.

    Args:
        mask: bool array of the image's shape.
        grid: of the image.
        folder: the shared folder, as the process sees it.
        box: of the session.

    Returns:
        The key `window` for the answer, if the file holds the box alone.
    """
    inside = mask[box.slices]
    if np.count_nonzero(inside) < np.count_nonzero(mask):  # the session reports how many
        write_mask(folder / RESULT, mask, grid.spacing)
        return {}
    write_mask(folder / RESULT, inside, grid.spacing)
    return {"window": asdict(box)}


def read_result(shape: Index, folder: OwnFolder, window: Window | None = None) -> Mask:
    """The mask of an answer.

    Args:
        shape: of the image, (z, y, x) or (y, x).
        folder: its shared folder holds result.nii.
        window: part of the image that the file holds; None: the whole image.

    Returns:
        Bool array of that shape, False outside the window.

    Raises:
        ContractError: the window lies outside the image, or the file is no plain NIfTI file of that folder, is larger
            than its voxels allow, has another shape, or holds other values than 0 and 1.
    """
    box = window.box(shape) if window else Box.whole(shape)
    try:
        content = folder.read_shared(RESULT, _HEADER_ROOM + _VOXEL_BYTES * int(np.prod(box.shape)))
        voxels = _voxels(content, box.shape, "window's" if window else "image's")
    except (ValueError, OverflowError, struct.error) as error:
        raise ContractError(f"{RESULT} cannot be read: {error}") from error
    mask: Mask = voxels == 1
    other = ~mask & (voxels != 0)
    if other.any():
        raise ContractError(f"{RESULT} must hold 0 and 1 only, holds {voxels[other][0]:g}")
    return box.paste(mask, shape) if window else mask


def _voxels(content: bytes, shape: Index, whose: str) -> NDArray[Any]:
    """The voxels of a NIfTI-1 file, after a check of its header."""
    header = Header.read(content)
    if header.shape != tuple(shape):
        raise ContractError(f"{RESULT} must have the {whose} shape {tuple(shape)}, has {header.shape}")
    voxels = np.frombuffer(content, header.kind, int(np.prod(shape)), header.start)
    return header.scaled(voxels.reshape(shape))


def _share(name: str, voxels: NDArray[Any], grid: Grid, folder: OwnFolder) -> None:
    """Write voxels beside the shared folder, then move the file in, so that no link of the process redirects them."""
    from bifseg.core.images import write_array  # with SimpleITK, which the process does not need

    write_array(folder.path / name, voxels, flat(grid), durable=False)
    folder.share(name)


def flat(grid: Grid) -> Grid:
    """The grid as a file can keep it: a slice in a volume's world keeps its spacing and loses its position.

    Args:
        grid: of an image.

    Returns:
        The same grid, or a plain one with its shape and spacing.
    """
    return grid if len(grid.origin) == grid.ndim else Grid.plain(grid.shape, grid.spacing)
