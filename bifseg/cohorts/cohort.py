"""A prepared cohort: the folder that all later stages read.

A folder without `cohort.json` is not a cohort. This file holds the hashes of all other files, so that a file that
changes later is refused.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.cohorts.manifest import SPLITS, values_text
from bifseg.cohorts.objects import (
    ObjectRow,
    instances,
    read_objects,
    structure_mask,
)
from bifseg.core.errors import InputError
from bifseg.core.files import check_hash, read_record
from bifseg.core.geometry import Grid, Image, Mask
from bifseg.core.image_files import files_of, image_hash
from bifseg.core.images import read_array, read_grid, read_image
from bifseg.core.overlap import DEFAULT_TOLERANCE_MM

_ABOUT = ("name", "dimension", "simulated", "seen", "unseen", "root", "card", "hashes", "objects_sha256")
BY_BODY = "numbered along the body's axes"
"""The entry `instances` of cohort.json."""
_REMEDY = "bring it back, or prepare the cohort again"
_CACHED_IMAGES = 4  # sessions go object by object, so the images of the last few cases are read again
_CACHED_MAPS = 8  # their label maps, and those of a few raters


class Cohort:
    """The objects of a prepared cohort and their voxels.

    The last few files stay in memory; arrays that may come from there are read-only.

    Args:
        folder: the cohort's folder.
        about: content of its `cohort.json`.
        objects: rows of its `objects.tsv`.

    Attributes:
        folder: the cohort's folder.
        name: the name of its card.
        dimension: 2 or 3, the number of axes of its objects' arrays.
        simulated: whether a simulator made the images.
        seen, unseen: names of the structures.
        channels: names of channels that cases may have in addition to a structure's own.
        box_margin: most voxels between an object and a side of its box.
        raters_tolerance_mm: tolerance of NSD by structure, computed from raters' masks; None: the card states it.
        source, licence: those of the images, from the card; empty if it has none.
        objects: objects to work on, sorted by case, structure, slice and instance.
        left_out: objects that are not worked on, with their reasons.
    """

    def __init__(self, folder: Path, about: dict[str, Any], objects: list[ObjectRow]) -> None:
        self.folder = Path(folder)
        self.name: str = about["name"]
        self.dimension: int = about["dimension"]
        self.simulated: bool = about["simulated"]
        self.seen: tuple[str, ...] = tuple(about["seen"])
        self.unseen: tuple[str, ...] = tuple(about["unseen"])
        self.channels: tuple[str, ...] = tuple(about["card"].get("channels", ()))
        self.box_margin: int = about["card"]["box_margin"]
        self.raters_tolerance_mm: dict[str, float] | None = about.get("raters_tolerance_mm")
        of_card: float | dict[str, float] = about["card"].get("nsd_tolerance_mm", {})
        self._nsd_tolerance_mm = of_card if self.raters_tolerance_mm is None else self.raters_tolerance_mm
        self.source: str = about["card"].get("source", "")
        self.licence: str = about["card"].get("licence", "")
        self.objects = tuple(row for row in objects if not row.left_out)
        self._by_name = {row.object: row for row in self.objects}
        self.left_out = tuple(row for row in objects if row.left_out)
        self._root = self.folder / about["root"]
        self._hashes: dict[str, str] = about["hashes"]
        # Earlier versions numbered instances in the order of the file, and their cohorts keep those numbers.
        self._numbered_by_body: bool = about.get("instances") == BY_BODY
        self._labels = lru_cache(_CACHED_MAPS)(_read_labels)
        self._images = lru_cache(_CACHED_IMAGES)(_read_image)
        self._objects_images = lru_cache(_CACHED_IMAGES)(self._image)

    def __reduce__(self) -> tuple[Any, ...]:
        """The cohort for pickle: another process reads it again from its folder.

        Returns:
            `load` and the folder.
        """
        return Cohort.load, (self.folder,)

    @classmethod
    def load(cls, folder: Path) -> Cohort:
        """The cohort of a folder.

        Args:
            folder: a folder that `prepare` wrote.

        Returns:
            The cohort; images and label maps are read when they are needed.

        Raises:
            InputError: the folder has no cohort, or a file has changed since it was written.
        """
        try:
            about = read_record(Path(folder) / "cohort.json", *_ABOUT)
        except FileNotFoundError as error:
            raise InputError(
                f"{Path(folder) / 'cohort.json'}: cohort: no prepared cohort; prepare it, or name the folder of one"
            ) from error
        except OSError as error:
            raise InputError(
                f"{Path(folder) / 'cohort.json'}: cohort: cannot be read ({error.strerror}); correct the path"
            ) from error
        objects = Path(folder) / "objects.tsv"
        check_hash(objects, about["objects_sha256"], "delete it and prepare the cohort again")
        return cls(folder, about, read_objects(objects))

    def select(self, split: str | None = None, seen: bool | None = None) -> tuple[ObjectRow, ...]:
        """The objects of a split and of seen or unseen structures.

        Args:
            split: train, validation or test; None: all.
            seen: True for seen structures, False for unseen ones; None: all.

        Returns:
            Some of `objects`, in their order.

        Raises:
            InputError: `split` is not one of these.
        """
        if split not in (None, *SPLITS):
            raise InputError(
                f"{self.folder}: split: {split!r} is not a split; known are: {', '.join(SPLITS)}"
            )
        chosen = (row for row in self.objects if split in (None, row.split))
        return tuple(row for row in chosen if seen in (None, row.seen))

    def object(self, name: str) -> ObjectRow:
        """The object with a name.

        Args:
            name: `ObjectRow.object`.

        Returns:
            Its row.

        Raises:
            InputError: no object has the name; the message lists similar names.
        """
        if name in self._by_name:
            return self._by_name[name]
        near = difflib.get_close_matches(name, self._by_name, 3)
        hint = (
            f"did you mean {' or '.join(near)}" if near else "see objects.tsv, which also has those left out"
        )
        raise InputError(
            f"{self.folder / 'objects.tsv'}: object: {name!r} is not an object of this cohort; {hint}"
        )

    def nsd_tolerance(self, structure: str) -> float:
        """The tolerance of a structure's normalised surface distance.

        Args:
            structure: one of the cohort's.

        Returns:
            mm, from the card or the raters, or 2 by default.
        """
        tolerance = self._nsd_tolerance_mm
        return tolerance.get(structure, DEFAULT_TOLERANCE_MM) if isinstance(tolerance, dict) else tolerance

    def image(self, row: ObjectRow, channels: Iterable[str] = ()) -> Image:
        """The image of an object: the file's, or its slice.

        Args:
            row: one of `objects`.
            channels: names of further channels, which the case must have.

        Returns:
            float32 voxels (z, y, x) or (y, x) of the structure's own channel, the other channels in `others`; the grid
            keeps the slice's position in the file's world. The last few images are the same objects as before.

        Raises:
            InputError: a file is missing or has changed since the cohort was prepared.
        """
        return self._objects_images(
            row.image, row.modality, row.channel, row.channels, row.plane, tuple(channels)
        )

    def _image(
        self,
        image: str,
        modality: str,
        channel: int | None,
        channels: tuple[tuple[str, str], ...],
        plane: tuple[int, int] | None,
        further_names: tuple[str, ...],
    ) -> Image:
        """The image of a file with further channels, or its slice; the arguments are the keys of a cache."""
        whole = self._images(self._root / image, self._hashes[image], modality, channel)
        further = {}
        for name in further_names:
            if name != modality:
                path = dict(channels)[name]
                further[name] = self._images(self._root / path, self._hashes[path], name, None).voxels
        if plane is None:
            return replace(whole, others=further) if further else whole
        axis, index = plane
        others = {name: np.take(voxels, index, axis) for name, voxels in further.items()}
        taken = Image(np.take(whole.voxels, index, axis), whole.grid.plane(axis, index), modality, others)
        for voxels in (taken.voxels, *others.values()):
            voxels.setflags(write=False)
        return taken

    def truth(self, row: ObjectRow) -> Mask:
        """The object's mask: a structure, or one instance of it in the slice.

        Args:
            row: one of `objects`.

        Returns:
            Bool mask on the grid of `image(row)`; never empty.

        Raises:
            InputError: the file is missing or has changed since the cohort was prepared.
        """
        mask = self._structure(row.label, row)
        if row.instance is None:
            return mask
        _, whole = self._labels(self._root / row.label, self._hashes[row.label])
        grid = whole if row.plane is None else whole.plane(*row.plane)
        truth: Mask = instances(mask, grid if self._numbered_by_body else None) == row.instance
        return truth

    def raters(self, row: ObjectRow) -> tuple[Mask, ...]:
        """The object's masks by further raters; the truth is not among them.

        Args:
            row: one of `objects`.

        Returns:
            A bool mask for each rater on the grid of `image(row)`; () without raters. For an instance, the mask holds
            the rater's connected instances in the slice that share a pixel with the truth; it may be empty.

        Raises:
            InputError: a file is missing or has changed since the cohort was prepared.
        """
        masks = tuple(self._structure(name, row) for name in row.raters)
        if row.instance is None or not masks:
            return masks
        truth = self.truth(row)
        return tuple(_touching(mask, truth) for mask in masks)

    def initial(self, row: ObjectRow) -> Mask | None:
        """The mask that an automatic method made of an object, from the manifest's column `initial`.

        Args:
            row: one of `objects`.

        Returns:
            Bool mask on the grid of `image(row)`; for an instance, the connected instances in the slice that share a
            pixel with the truth. None if the manifest names no file for the object.

        Raises:
            InputError: a file is missing or has changed since the cohort was prepared.
        """
        if not row.initial:
            return None
        mask = self._structure(row.initial, row)
        return mask if row.instance is None else _touching(mask, self.truth(row))

    def ignored(self, row: ObjectRow) -> Mask | None:
        """The voxels that nobody annotated. Scores and the robot leave them out of truth and result.

        Args:
            row: one of `objects`.

        Returns:
            Bool mask on the grid of `image(row)`; None without such voxels.

        Raises:
            InputError: the file is missing or has changed since the cohort was prepared.
        """
        if not row.ignore_values:
            return None
        mask = self._of_values(row.label, row, row.ignore_values)
        return mask if mask.any() else None

    def _structure(self, label: str, row: ObjectRow) -> Mask:
        """The structure in a label map, or in the object's slice of it."""
        return self._of_values(label, row, row.label_values)

    def _of_values(self, label: str, row: ObjectRow, values: tuple[int, ...]) -> Mask:
        labels, _ = self._labels(self._root / label, self._hashes[label])
        if row.plane is not None:
            labels = np.take(labels, row.plane[1], row.plane[0])
        return structure_mask(labels, values)

    def whole_grid(self, row: ObjectRow) -> Grid:
        """The grid of an object's image file, from its header alone.

        Args:
            row: one of `objects`.

        Returns:
            The file's grid; for a slice, that of its stack.
        """
        return read_grid(self._root / row.image, row.channel)

    @cached_property
    def truth_folders(self) -> frozenset[Path]:
        """Every folder in which truth can be read; found once, since a method may get a process for every session.

        Returns:
            The cohort's folder, its root, and the folders that links to label maps lead to.
        """
        links = (file for file in self.truth_files if file.is_symlink())
        return frozenset({self.folder, self._root, *(file.resolve().parent for file in links)})

    @cached_property
    def truth_files(self) -> frozenset[Path]:
        """Every file of the objects' label maps, including those of raters, found once.

        Returns:
            For a label map in several files, all of them; for a missing label map, the path that the manifest names.
        """
        maps = {self._root / name for row in self.objects for name in (row.label, *row.raters)}
        return frozenset({file for path in maps if path.is_file() for file in files_of(path)} | maps)

    def image_hashes(self, row: ObjectRow) -> list[str]:
        """The hashes of an object's images, as they were when the cohort was prepared.

        Args:
            row: one of `objects`.

        Returns:
            SHA-256 of the structure's own image and of the further channels.
        """
        return [self._hashes[name] for name in (row.image, *dict(row.channels).values())]

    def hashes(self, row: ObjectRow, channels: Iterable[str] = ()) -> dict[str, str]:
        """What an object's sessions depend on: its files, as they were when the cohort was prepared, and their meaning.

        Args:
            row: one of `objects`.
            channels: names of further channels that are read.

        Returns:
            SHA-256 of `image`, `label`, `initial`, `rater-1`, `rater-2`, ... and `channel-NAME`; the row's
            `label_values` and `modality`, and `channel` and `ignore_values` if it has them.
        """
        files = {"image": row.image, "label": row.label}
        files |= {"initial": row.initial} if row.initial else {}
        others = dict(row.channels)
        files |= {f"channel-{name}": others[name] for name in channels if name in others}
        files |= {f"rater-{number}": name for number, name in enumerate(row.raters, 1)}
        more = {"label_values": values_text(row.label_values), "modality": row.modality}
        more |= {} if row.channel is None else {"channel": str(row.channel)}
        more |= {"ignore_values": values_text(row.ignore_values)} if row.ignore_values else {}
        return {key: self._hashes[name] for key, name in files.items()} | more


def _touching(mask: Mask, truth: Mask) -> Mask:
    """The connected instances of a 2D mask that share a pixel with the truth."""
    numbers = instances(mask)
    return np.isin(numbers, numbers[truth & mask])


def _read_image(path: Path, sha256: str, modality: str, channel: int | None) -> Image:
    check_hash(path, sha256, _REMEDY, image_hash)
    image = read_image(path, modality, channel)
    image.voxels.flags.writeable = False
    return image


def _read_labels(path: Path, sha256: str) -> tuple[NDArray[Any], Grid]:
    check_hash(path, sha256, _REMEDY, image_hash)
    labels, grid = read_array(path)
    labels.flags.writeable = False
    return labels, grid
