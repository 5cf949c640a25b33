"""`bifseg cohort overlap`: which images of two cohorts show the same, and which cannot be compared."""

import numpy as np
import pytest
from command_line import bifseg
from scipy import ndimage

from bifseg.cohorts.manifest import COLUMNS
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array


def texture(seed, side=120):
    rng = np.random.default_rng(seed)
    return sum(20 * s * ndimage.gaussian_filter(rng.normal(size=(side, side)), s) for s in (1.5, 3))


def prepared(folder, images):
    """The folder of a prepared cohort of images by the name of their case."""
    rows = ["\t".join(COLUMNS)]
    for case, voxels in images.items():
        grid = Grid.plain(voxels.shape, (1.0, 1.0))
        write_array(folder / f"data/{case}.nii.gz", voxels.astype(np.float32), grid)
        labels = np.zeros(voxels.shape, np.uint8)
        labels[5:15, 5:15] = 1
        write_array(folder / f"data/{case}_l.nii.gz", labels, grid)
        rows.append(f"{case}\t{case}.nii.gz\t{case}_l.nii.gz\t1\tdisc\tt2\ttest\t")
    (folder / "data/m.tsv").write_text("\n".join(rows) + "\n")
    (folder / "c.yaml").write_text("dimension: 2\nmanifest: data/m.tsv\nseen: [disc]\n")
    assert bifseg("cohort", "prepare", folder / "c.yaml", "--out", folder / "cohort") == 0
    return folder / "cohort"


@pytest.fixture
def first(tmp_path):
    return prepared(tmp_path / "first", {"a": texture(1), "b": texture(2)})


def test_a_copy_is_listed_and_ends_with_1(first, tmp_path, capsys):
    second = prepared(tmp_path / "second", {"x": 3 * texture(2)[10:] + 7, "y": texture(3)})
    capsys.readouterr()
    assert bifseg("cohort", "overlap", first, second) == 1
    assert capsys.readouterr().out.splitlines() == [
        "b.nii.gz shows the same as x.nii.gz",
        "1 pair among 2 and 2 images",
    ]


def test_images_that_no_copy_could_match_are_counted(first, tmp_path, capsys):
    """Forty keypoints must agree; an image with fewer is as good as not compared."""
    second = prepared(tmp_path / "second", {"few": texture(1, 40), "tiny": texture(1, 20), "y": texture(3)})
    capsys.readouterr()
    assert bifseg("cohort", "overlap", first, second) == 0
    text = "0 pairs among 2 and 3 images; 2 images too small or too plain to compare\n"
    assert capsys.readouterr().out == text
