"""A small tree in the layout of MedScribble, a 3D image with logs, and their recordings."""

import json

import numpy as np

from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

SHAPE = (40, 48)
TRUTH = np.hypot(*(np.indices(SHAPE) - np.array([18, 24])[:, None, None])) < 11
PLAIN = Grid.plain(SHAPE)
OBLIQUE = Grid((6, 30, 32), (3.0, 1.0, 0.8), (5.0, -7.0, 11.0), ((0, 0, 1.0), (0, 1.0, 0), (1.0, 0, 0)))
BALL = (
    np.linalg.norm((np.moveaxis(np.indices(OBLIQUE.shape), 0, -1) - (3, 15, 16)) * OBLIQUE.spacing, axis=-1)
    < 7
)


def scribbled(row):
    """A foreground stroke across the disc at this row, and a background stroke below it."""
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[row : row + 3, 17:31] = 1
    drawn[33:36, 10:30] = 2
    return drawn


def save(path, voxels, grid=None):
    voxels = np.asarray(voxels, np.uint8)
    write_array(path, voxels, grid or Grid.plain(voxels.shape))


def flat_tree(folder, people=2):
    """Three images in two sets, each with the scribbles of `people` persons."""
    for k, (group, name) in enumerate([("CT", "a"), ("CT", "b"), ("MR", "a")]):
        place = folder / group / name
        save(place / "label.png", TRUTH)
        noise = np.random.default_rng(k).normal(0, 8, SHAPE)
        save(place / "image.png", np.clip(60 + 100 * TRUTH + noise, 0, 255))
        for person in range(people):
            save(place / f"human_scribble_{person}.png", scribbled(11 + k + 4 * person))
    return folder


def log(points, times=None, label="foreground", radius=1.0, kind="world"):
    stroke = {"label": label, "radius_mm": radius, "path": points} | ({"times_s": times} if times else {})
    return {"points": kind, "strokes": [stroke]}


def table(folder, drawn, truth="truth.nii.gz"):
    """A ball on thick slices, and a table of one drawing a person."""
    save(folder / "truth.nii.gz", BALL, OBLIQUE)
    rows = []
    for person, drawing in drawn.items():
        name = f"{person}.json"
        (folder / name).write_text(json.dumps(drawing))
        rows.append(["3D", "", truth, person, name])
    lines = ["\t".join(row) for row in [["set", "image", "truth", "person", "drawn"], *rows]]
    (folder / "drawings.tsv").write_text("\n".join(lines) + "\n")
    return folder / "drawings.tsv"
