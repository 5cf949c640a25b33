"""Cases of a bright disc and a brighter ring, and the manifest that lists them."""

from pathlib import Path

import numpy as np

from bifseg.cards.cards import CohortCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.manifest import COLUMNS
from bifseg.cohorts.preparation import prepare
from bifseg.core.geometry import Grid
from bifseg.core.images import read_array, write_array

HEADER = "\t".join(COLUMNS) + "\n"


def make_case(folder: Path, case: str, split: str) -> list[str]:
    """Write an image with a bright disc and a brighter ring; the rows of its manifest."""
    rng = np.random.default_rng(int("".join(filter(str.isdecimal, case))))
    y, x = np.indices((64, 72))
    far = np.hypot(y - rng.integers(18, 24), x - rng.integers(18, 24))
    near = np.hypot(y - 42, x - rng.integers(45, 50))
    labels = np.where(far < rng.integers(8, 12), 1, 0) + 2 * ((near < 15) & (near > 7))
    image = (100 + 60 * (labels == 1) + 90 * (labels == 2) + rng.normal(0, 8, labels.shape)).astype(
        np.float32
    )
    grid = Grid.plain(labels.shape, (1.2, 0.8))
    write_array(folder / f"{case}.nii.gz", image, grid)
    write_array(folder / f"{case}_label.nii.gz", labels.astype(np.uint8), grid)
    start = f"{case}\t{case}.nii.gz\t{case}_label.nii.gz"
    return [f"{start}\t{value}\t{name}\tt2\t{split}\t\n" for value, name in ((1, "disc"), (2, "ring"))]


def make_flair(folder: Path, case: str, spacing: tuple[float, float] = (1.2, 0.8)) -> str:
    """Write a second channel that shows where the case's image is bright, in other units; its cell of `channels`."""
    voxels, _ = read_array(folder / f"{case}.nii.gz")
    flair = np.where(voxels > 130, 2.0, 0.5) + 0.01 * (voxels % 7)
    write_array(folder / f"{case}_flair.nii.gz", flair.astype(np.float32), Grid.plain(voxels.shape, spacing))
    return f"flair={case}_flair.nii.gz"


def prepared_with_raters(folder, rights, **keys):
    """A test case (pixels of 1.2 x 0.8 mm) with a rater for each number: moved so many pixels to the right."""
    rows = make_case(folder / "data", "case1", "test")
    labels, grid = read_array(folder / "data/case1_label.nii.gz")
    for right in rights:
        write_array(folder / f"data/r{right}.nii.gz", np.roll(labels, right, axis=1), grid)
    names = ",".join(f"r{right}.nii.gz" for right in rights)
    text = "".join(row.rstrip("\n") + f"\t{names}\n" for row in rows)
    (folder / "data/manifest.tsv").write_text(HEADER.rstrip("\n") + "\traters\n" + text)
    (folder / "c.yaml").touch()
    card = CohortCard(dimension=2, manifest="data/manifest.tsv", seen=["disc"], unseen=["ring"], **keys)
    prepare(card, folder / "c.yaml", 1, folder / "cohort", {})
    return Cohort.load(folder / "cohort")
