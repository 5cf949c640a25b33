"""Objects: the units of work of a checked manifest, and the table that lists them.

In a 3D cohort an object is one structure of one case. In a 2D cohort it is one connected instance (diagonal
neighbours count) in one slice. A 2D image is one slice; a stack is cut across its through-plane axis or the axis of
the card's `slices`, as in the paper's fetal experiment.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.cards.cards import CohortCard
from bifseg.cohorts.check_report import Report
from bifseg.cohorts.files import Progress, each_file
from bifseg.cohorts.manifest import ManifestRow, channels_text, values_text
from bifseg.core.errors import InputError
from bifseg.core.files import table_text, write_text
from bifseg.core.geometry import Grid, Mask
from bifseg.core.images import read_array


@dataclass(frozen=True)
class ObjectRow:
    """One unit of work.

    Attributes:
        object: unique name, safe for files: `case01_tumour_core`, `case07_fetal_lungs_z012_2`.
        seen: whether networks are trained on the structure.
        image, label: paths relative to the cohort's root.
        axis, index: array axis and position of the slice; None if the object lies on the whole image.
        instance: number of the connected instance in its slice, from 1, see `instances`; None for a volume.
        voxels, volume_ml: size, by the spacing of the whole file (a 2D file counts as 1 mm thick).
        left_out: why the object is not worked on; empty if it is.
        channel: channel of a 4D image file, from 0; None if the file has no channel axis.
        raters: label maps of the same structure by other people; paths as in `label`.
        ignore_values: label values of voxels that belong neither to truth nor to background.
        initial: an automatic method's label map; a path as in `label`, empty without one.
        channels: name and path of each further channel of the case.
    """

    object: str
    case: str
    structure: str
    seen: bool
    split: str
    group: str
    image: str
    label: str
    label_values: tuple[int, ...]
    modality: str
    axis: int | None
    index: int | None
    instance: int | None
    voxels: int
    volume_ml: float
    left_out: str = ""
    channel: int | None = None
    raters: tuple[str, ...] = ()
    ignore_values: tuple[int, ...] = ()
    initial: str = ""
    channels: tuple[tuple[str, str], ...] = ()

    @property
    def plane(self) -> tuple[int, int] | None:
        """(axis, index) of the slice; None for an object on the whole image."""
        return None if self.axis is None or self.index is None else (self.axis, self.index)

    def lacking(self, channels: Iterable[str]) -> list[str]:
        """The channels that a method needs and the object's case does not have.

        Args:
            channels: names of channels; the modality of the object's own image is one of its channels.

        Returns:
            Their names, in order.
        """
        present = {self.modality, *dict(self.channels)}
        return [name for name in channels if name not in present]


def find_objects(report: Report, root: Path, card: CohortCard, progress: Progress = iter) -> list[ObjectRow]:
    """The objects of a checked manifest, including those that are left out.

    Args:
        report: report of the manifest, without problems.
        root: folder that the manifest's paths are relative to.
        card: gives dimension, slices, least size and the seen structures.
        progress: wraps the names of the label maps of a 2D cohort.

    Returns:
        Sorted by case, structure, slice and instance, whatever the order of the manifest's rows.

    Raises:
        InputError: two objects would have one name.
    """
    if card.dimension == 3 and not card.by_component:
        objects = [_volume(row, report, card) for row in report.rows]
    else:
        names = sorted({row.label for row in report.rows})
        by_map = each_file(lambda name: _instances_in(name, report, root, card), names, progress)
        objects = [row for rows in by_map.values() for row in rows]
    objects.sort(key=lambda row: (row.case, row.structure))  # slices and instances are in order already
    _refuse_equal_names(objects)
    return objects


def structure_mask(labels: NDArray[Any], values: tuple[int, ...]) -> Mask:
    """The mask of a structure.

    Args:
        labels: label map of any shape.
        values: label values of the structure.

    Returns:
        Bool array of the same shape.
    """
    return np.isin(labels, values)


def instances(mask: Mask, grid: Grid | None = None) -> NDArray[np.int32]:
    """The connected instances of a mask; diagonal neighbours are connected.

    Args:
        mask: bool array (z, y, x) or (y, x).
        grid: the mask's grid: an instance has the same number however the image is stored. None: scan order as stored.

    Returns:
        Numbers from 1 in scan order along the canonical axes, 0 outside the mask, in the shape of the mask.
    """
    from scipy import ndimage  # the status of a run, a plan and a Snakefile need no instances

    if grid is not None:
        turn = grid.canonical()
        return turn.undo(instances(turn.apply(mask)))
    numbers: NDArray[np.int32] = ndimage.label(mask, structure=np.ones((3,) * mask.ndim, bool))[0]
    return numbers


def through_plane(grid: Grid) -> int:
    """The array axis across the slices of a stack.

    Args:
        grid: grid of the stack.

    Returns:
        The axis with a single voxel if there is just one; else `Grid.thickest`.
    """
    single = [axis for axis, n in enumerate(grid.shape) if n == 1]
    return single[0] if len(single) == 1 else grid.thickest


def slice_axis(grid: Grid, slices: str) -> int:
    """The array axis across the slices that a cohort card names.

    Args:
        grid: grid of the stack; three axes in a three-dimensional world.
        slices: `auto` for the through-plane axis; `axial`, `coronal` or `sagittal` for the axis along the body's z, y
            or x. On an oblique grid, the three axes are matched to x, y and z so that the sum of their absolute
            direction cosines is largest.

    Returns:
        0, 1 or 2.
    """
    if slices == "auto":
        return through_plane(grid)
    return grid.canonical().axes[["axial", "coronal", "sagittal"].index(slices)]


def write_objects(path: Path, objects: list[ObjectRow]) -> None:
    """Write the objects as TSV.

    Args:
        path: the file, which is written whole or not at all.
        objects: in the order of the file; lists become comma-separated, None an empty cell.
    """
    write_text(path, table_text([column.name for column in fields(ObjectRow)], map(_cells, objects)))


def _cells(row: ObjectRow) -> Iterable[Any]:
    lists = {key: values_text(getattr(row, key)) for key in ("label_values", "ignore_values")}
    files = {"raters": ",".join(row.raters), "channels": channels_text(row.channels)}
    return {**vars(row), **lists, **files, "seen": str(row.seen).lower()}.values()


def read_objects(path: Path) -> list[ObjectRow]:
    """The objects of a table.

    Args:
        path: a file that `write_objects` wrote.

    Returns:
        The objects in the order of the file.

    Raises:
        InputError: the file is missing or holds another table.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return [_from_cells(cells) for cells in csv.DictReader(stream, delimiter="\t")]
    except OSError as error:
        raise InputError(f"{path}: objects: cannot be read ({error.strerror}); prepare the cohort") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: objects: not a table of objects ({error}); prepare the cohort again"
        ) from error


def _volume(row: ManifestRow, report: Report, card: CohortCard) -> ObjectRow:
    grid = report.labels[row.label].grid
    assert grid is not None, "only checked manifests have objects"
    return _object(row, card, report.voxels(row), grid.voxel_ml)


def _instances_in(label: str, report: Report, root: Path, card: CohortCard) -> list[ObjectRow]:
    labels, grid = read_array(root / label)
    rows = [row for row in report.rows if row.label == label]
    return [instance for row in rows for instance in _instances(row, labels, grid, card)]


def _instances(row: ManifestRow, labels: NDArray[Any], grid: Grid, card: CohortCard) -> Iterator[ObjectRow]:
    """The objects of a row: instances in the whole image, or slice by slice in a 2D cohort of stacks."""
    mask = structure_mask(labels, row.label_values)
    if grid.ndim == 2 or card.dimension == 3:
        for number, voxels in _sizes(mask, grid, card):
            yield _object(row, card, voxels, grid.voxel_ml, instance=number)
        return
    axis = slice_axis(grid, card.slices)
    for place, index in _places(grid, axis):
        if (section := np.take(mask, index, axis)).any():
            for number, voxels in _sizes(section, grid.plane(axis, index), card):
                yield _object(row, card, voxels, grid.voxel_ml, place, (axis, index), number)


def _places(grid: Grid, axis: int) -> list[tuple[str, int]]:
    """Name and position of each slice of a stack, in canonical order.

    A name has the slice's canonical axis and number, and is the same however the stack is stored. A stack of one slice
    is named as an image is: not at all.
    """
    turn, n = grid.canonical(), grid.shape[axis]
    k = turn.axes.index(axis)
    order = range(n - 1, -1, -1) if turn.reverse[k] else range(n)
    return [("zyx"[k] + f"{number:03d}" if n > 1 else "", index) for number, index in enumerate(order)]


def _sizes(mask: Mask, grid: Grid, card: CohortCard) -> list[tuple[int | None, int]]:
    """Number and voxels of each instance; None is the number of a whole structure, which may be empty."""
    if not card.by_component:
        return [(None, int(mask.sum()))]
    return list(enumerate(np.bincount(instances(mask, grid).ravel())[1:].tolist(), start=1))


def _object(
    row: ManifestRow,
    card: CohortCard,
    voxels: int,
    voxel_ml: float,
    place: str = "",
    plane: tuple[int, int] | None = None,
    instance: int | None = None,
) -> ObjectRow:
    axis, index = plane or (None, None)
    parts = [row.case, row.structure, place, "" if instance is None else str(instance)]
    small = voxels < card.minimum_voxels
    return ObjectRow(
        object="_".join(part for part in parts if part),
        case=row.case,
        structure=row.structure,
        seen=row.structure in card.seen,
        split=row.split,
        group=row.group,
        image=row.image,
        label=row.label,
        label_values=row.label_values,
        modality=row.modality,
        axis=axis,
        index=index,
        instance=instance,
        voxels=voxels,
        volume_ml=round(voxels * voxel_ml, 6),
        left_out=f"{voxels} voxels, minimum_voxels is {card.minimum_voxels}" if small else "",
        channel=row.channel,
        raters=row.raters,
        ignore_values=row.ignore_values,
        initial=row.initial,
        channels=row.channels,
    )


def _refuse_equal_names(objects: list[ObjectRow]) -> None:
    """Raise InputError if two objects have one name."""
    first: dict[str, ObjectRow] = {}
    for row in objects:
        other = first.setdefault(row.object, row)
        if other is not row:
            raise InputError(
                f"manifest: structure: {other.structure!r} of case {other.case!r} and {row.structure!r} "
                f"of case {row.case!r} both make the object {row.object!r}; rename one"
            )


_CELLS: dict[str, Callable[[str], Any]] = {
    "seen": {"true": True, "false": False}.__getitem__,
    **dict.fromkeys(
        ("label_values", "ignore_values"),
        lambda text: tuple(int(value) for value in text.split(",") if value),
    ),
    **dict.fromkeys(("axis", "index", "instance", "channel"), lambda text: int(text) if text else None),
    "raters": lambda text: tuple(text.split(",")) if text else (),
    "channels": lambda text: tuple(tuple(part.split("=", 1)) for part in text.split(",") if part),
    "voxels": int,
    "volume_ml": float,
}


def _from_cells(cells: dict[str, str]) -> ObjectRow:
    return ObjectRow(**{key: _CELLS.get(key, str)(text) for key, text in cells.items()})
