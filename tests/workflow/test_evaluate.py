"""One command from a folder of data to the report, with unusual names of folder and cases."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import copies
import numpy as np
import pytest
from balls import write_balls

from bifseg.analysis.scores import read_scores
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

pytestmark = pytest.mark.workflow
DISCS = ["--reader", "tsv", "--data", "t.tsv", "--name", "discs", "--structure", "disc=1"]
DISCS += ["--protocols", "own-scribbles", "--out", "o&p", "--cores", "2"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_balls(tmp_path_factory.mktemp("data") / "Dataset007_Balls")


def bifseg(*words, cwd=None, commands=None):
    """Run the command `bifseg` of a folder of commands; None: that of copies.py."""
    command = [f"{commands or copies.folder}/bifseg", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=900, check=False)


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    """A finished run in a folder with an unusual name and shadowing modules, and what the command printed."""
    folder = tmp_path_factory.mktemp("names") / "R&D it's {a} $(touch pwned) x"
    folder.mkdir()
    for name in ("random.py", "yaml.py"):
        (folder / name).write_text("raise RuntimeError('shadowed')\n")
    rng, rows = np.random.default_rng(0), ["case\timage\tlabel\n"]
    for k, case in enumerate(("患者一", "患者二", "Möller")):
        distance = np.linalg.norm(np.indices((40, 44)).T - [20, 16 + 4 * k], axis=-1).T
        disc = distance < 9
        voxels = (100 + 60 * disc + rng.normal(0, 8, disc.shape)).astype(np.uint8)
        write_array(folder / f"img/{case} & co.png", voxels, Grid.plain(disc.shape))
        write_array(folder / f"img/{case}'s.png", disc.astype(np.uint8), Grid.plain(disc.shape))
        rows.append(f"{case}\timg/{case} & co.png\timg/{case}'s.png\n")
    (folder / "t.tsv").write_text("".join(rows), encoding="utf-8")
    as_users_start = Path(sys.executable).parent
    process = bifseg("evaluate", *DISCS, "--methods", "geos", cwd=folder, commands=as_users_start)
    assert process.returncode == 0, process.stdout[-2000:] + process.stderr[-2000:]
    return folder, process.stdout


def test_one_command_writes_the_report(discs):
    folder, printed = discs
    report = folder / "o&p/results/discs/report.html"
    assert printed.splitlines()[-1] == f"report: {report}"
    assert report.is_file()
    (snakemake,) = (line for line in printed.splitlines() if line.startswith("snakemake "))
    assert f"--configfile {shlex.quote(str(folder / 'o&p/config.yaml'))}" in snakemake
    scores = read_scores(report.with_name("scores.parquet"))
    assert set(scores["method"]) == {"geos"}
    assert set(scores["status"]) == {"ok"}


def test_unusual_names_are_quoted_and_no_module_is_shadowed(discs):
    scores = read_scores(discs[0] / "o&p/results/discs/scores.parquet")
    assert set(scores.case) <= {"患者一", "患者二", "Möller"}
    assert not list(discs[0].parent.rglob("pwned"))


def test_the_run_is_reproduced_from_another_folder(discs, tmp_path):
    process = bifseg("reproduce", discs[0] / "o&p/results/discs", "--sample", "1", cwd=tmp_path)
    assert process.returncode == 0, process.stdout + process.stderr


def test_a_second_command_adds_a_method(discs):
    before = {path: path.stat().st_mtime_ns for path in (discs[0] / "o&p").rglob("*")}
    process = bifseg("evaluate", *DISCS, "--methods", "geos,growcut", "--dry-run", cwd=discs[0])
    assert process.returncode == 0, process.stdout + process.stderr
    assert before == {path: path.stat().st_mtime_ns for path in (discs[0] / "o&p").rglob("*")}
    assert "kept; --force reads the data again" in process.stdout
    assert re.search(r"^plan_sessions +1$", process.stdout, re.M), process.stdout


def test_another_reader_plans_the_same_jobs(data, tmp_path):
    words = ["--reader", "nnunet", "--data", data, "--out", tmp_path / "out", "--methods", "geos"]
    process = bifseg("evaluate", *words, "--dry-run")
    assert process.returncode == 0, process.stdout + process.stderr
    assert re.search(r"^prepare_cohort +1$", process.stdout, re.M), process.stdout
    assert re.search(r"^  geos on nnunet, own-scribbles: \d+ sessions?, \d+ s", process.stdout, re.M), (
        process.stdout
    )
    assert re.search(r"^  in all about \d+ ", process.stdout, re.M)
    assert not list(tmp_path.iterdir()), "a dry run writes nothing"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "geo"], "--methods geo: no such card"),
        (["--network", "unet9"], "--network unet9: no such card"),
        (["--seen", "cube"], "'cube' is unknown; known are: ball"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(data, tmp_path, words, message):
    process = bifseg("evaluate", "--reader", "nnunet", "--data", data, "--out", tmp_path / "out", *words)
    assert process.returncode == 2
    assert message in process.stderr
    assert not (tmp_path / "out").exists()
