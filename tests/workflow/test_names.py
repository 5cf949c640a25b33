"""Folders, files and cases with the names that people give them."""

import os
import subprocess
import sys

import numpy as np
import pytest

from bifseg.analysis.scores import read_scores
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

pytestmark = pytest.mark.workflow


def test_a_run_in_a_folder_of_signs_beside_modules_of_the_users_own(tmp_path):
    """No name reaches a shell unquoted, and the user's random.py and yaml.py are not imported."""
    folder = tmp_path / "R&D it's {a} $(touch pwned) x"
    folder.mkdir()
    for name in ("random.py", "yaml.py"):
        (folder / name).write_text("raise RuntimeError('shadowed')\n")
    rng, rows = np.random.default_rng(0), ["case\timage\tlabel\n"]
    for k, case in enumerate(("患者一", "患者二", "Möller")):
        far = np.linalg.norm(np.indices((40, 44)).T - [20, 16 + 4 * k], axis=-1).T
        disc = far < 9
        voxels = (100 + 60 * disc + rng.normal(0, 8, disc.shape)).astype(np.uint8)
        write_array(folder / f"img/{case} & co.png", voxels, Grid.plain(disc.shape))
        write_array(folder / f"img/{case}'s.png", disc.astype(np.uint8), Grid.plain(disc.shape))
        rows.append(f"{case}\timg/{case} & co.png\timg/{case}'s.png\n")
    (folder / "t.tsv").write_text("".join(rows), encoding="utf-8")
    command = [os.path.join(os.path.dirname(sys.executable), "bifseg"), "evaluate", "--reader", "tsv"]
    command += ["--data", "t.tsv", "--name", "discs", "--structure", "disc=1", "--methods", "geos"]
    command += ["--protocols", "own-scribbles", "--out", "o&p", "--cores", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    scores = read_scores(folder / "o&p/results/discs/scores.parquet")
    assert set(scores.case) <= {"患者一", "患者二", "Möller"}
    assert not list(tmp_path.rglob("pwned"))
