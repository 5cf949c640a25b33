"""A small dataset in the layout of nnU-Net: `python tests/helpers/balls.py FOLDER` writes it, too."""

import json
import sys
from pathlib import Path

import numpy as np

from bifseg.core.geometry import Grid
from bifseg.core.images import write_array


def write_balls(folder: Path) -> Path:
    """The folder, in which six noisy balls lie now."""
    rng = np.random.default_rng(0)
    shape = (16, 28, 30)
    distance = np.linalg.norm((np.indices(shape).T - [8, 14, 15]) * [2.0, 1.0, 1.0], axis=-1).T
    for k in range(6):
        ball = distance < 7 + k / 2
        grid = Grid.plain(shape, (2.0, 1.0, 1.0))
        voxels = (100 + 60 * ball + rng.normal(0, 10, shape)).astype(np.float32)
        write_array(folder / f"imagesTr/ball_{k:03}_0000.nii.gz", voxels, grid)
        write_array(folder / f"labelsTr/ball_{k:03}.nii.gz", ball.astype(np.uint8), grid)
    about = {"channel_names": {"0": "T2"}, "labels": {"background": 0, "ball": 1}}
    about |= {"numTraining": 6, "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(about))
    return folder


if __name__ == "__main__":
    write_balls(Path(sys.argv[1]))
