"""Small cohorts on disk."""

from __future__ import annotations

import csv
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bifseg.cohorts.manifest import COLUMNS
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

SHAPE = (4, 8, 8)
PLAIN = Grid.plain(SHAPE, (3.0, 1.0, 1.0))


def block(shape: tuple[int, ...] = SHAPE, value: int = 1) -> NDArray[np.uint8]:
    """A label map with a block of 4 x 4 voxels in the middle of each slice."""
    labels = np.zeros(shape, np.uint8)
    labels[..., 2:6, 2:6] = value
    return labels


class Tree:
    """A root folder with images, label maps and a manifest that is right until a test spoils it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "manifest.tsv"
        self.rows: list[dict[str, str]] = []
        self.columns: list[str] = list(COLUMNS)

    def add(
        self,
        case: str = "c1",
        voxels: NDArray | None = None,
        labels: NDArray | None = None,
        grid: Grid = PLAIN,
        label_grid: Grid | None = None,
        suffix: str = ".nii.gz",
        **cells: str,
    ) -> dict[str, str]:
        """Write the two files of a case and its row; `cells` replace the row's values."""
        row = {
            "case": case,
            "image": f"{case}-image{suffix}",
            "label": f"{case}-label{suffix}",
            "label_values": "1",
            "structure": "core",
            "modality": "t1c",
            "split": "test",
            "group": "",
        }
        noise = (
            np.random.default_rng(zlib.crc32(case.encode())).normal(100, 20, grid.shape).astype(np.float32)
        )
        write_array(self.root / row["image"], noise if voxels is None else voxels, grid)
        write_array(
            self.root / row["label"], block(grid.shape) if labels is None else labels, label_grid or grid
        )
        self.rows.append(row | cells)
        return self.rows[-1]

    def write(self) -> Path:
        """The manifest's path, with the rows as they are now."""
        with open(self.path, "w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, self.columns, delimiter="\t", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)
        return self.path


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "data").mkdir()
    return Tree(tmp_path / "data")
