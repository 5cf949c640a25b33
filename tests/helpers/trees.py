"""Small data sets on disk, named as the real ones, and what the readers make of them."""

from __future__ import annotations

import zlib
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from bifseg.cohorts.readers.drafting import CohortDraft, CohortRequest, draft_cohort
from bifseg.cohorts.readers.layout import LayoutOptions
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

GRID = Grid.plain((4, 8, 8), (3.0, 1.0, 1.0))
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def labels(*values: int, shape: tuple[int, ...] = GRID.shape) -> NDArray[np.uint8]:
    """A label map with five voxels of each value."""
    labels = np.zeros(shape, np.uint8)
    for k, value in enumerate(values):
        labels[..., k, :5] = 0
        labels.reshape(-1, *shape[-2:])[0, k, :5] = value
    return labels


def draw(path: Path, grid: Grid = GRID) -> None:
    """Write noise as an image, another one for each name and its folders."""
    noise = np.random.default_rng(zlib.crc32("/".join(path.parts[-4:]).encode())).normal(100, 20, grid.shape)
    _written(path, noise.astype(np.uint8 if path.suffix == ".png" else np.float32), grid)


def mark(path: Path, *values: int, grid: Grid = GRID) -> None:
    """Write a label map that holds these values."""
    _written(path, labels(*values, shape=grid.shape), grid)


def draw_channels(path: Path, channels: int, grid: Grid = GRID) -> None:
    """Write a 4D NIfTI, channels last, of which channel k is noise about 100 k."""
    noise = (
        np.random.default_rng(zlib.crc32(path.name.encode())).normal(0, 1, grid.shape).astype(np.float32).T
    )
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.diag(
        [*grid.spacing[::-1], 1.0]
    )  # the files are LPS, NIfTI is RAS
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.stack([noise + 100 * k for k in range(channels)], -1), affine), path)


def brats_case(
    folder: Path, case: str, *values: int, words: str = "flair t1 t1ce t2", sign: str = "_"
) -> None:
    """Write a case of BraTS 2018 to 2021 (or, with other words and sign, of 2023); without values no label map."""
    for word in words.split():
        draw(folder / case / f"{case}{sign}{word}.nii.gz")
    if values:
        mark(folder / case / f"{case}{sign}seg.nii.gz", *values)


def draft_of(layout: str, path: Path, options: LayoutOptions | None = None, **request: object) -> CohortDraft:
    """The draft of a cohort from a tree, with splits of seed 1."""
    settings = {"shares": SHARES, "seed": 1, **request}
    return draft_cohort(layout, path, options or LayoutOptions(), CohortRequest(**settings))  # type: ignore[arg-type]


def rows_of(draft: CohortDraft) -> dict[tuple[str, str], tuple[str, str]]:
    """(image, label) by (case, structure)."""
    return {(row.case, row.structure): (row.image, row.label) for row in draft.report.rows}


def reasons_of(draft: CohortDraft) -> list[tuple[str, str, str]]:
    """(case, structure, reason) of all that was left out."""
    return [(one.case, one.structure, one.reason) for one in draft.left_out]


def _written(path: Path, voxels: NDArray, grid: Grid) -> None:
    """Write by a lower-case name, for an ending in upper case is known to few writers, and give it the other."""
    lower = path.with_name(path.name.lower() + ".part" + "".join(Path(path.name.lower()).suffixes[-2:]))
    write_array(lower, voxels, grid)
    lower.rename(path)
