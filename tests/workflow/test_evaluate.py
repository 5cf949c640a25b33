"""One command from a folder of data to the report."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from balls import write_balls

from bifseg.analysis.scores import read_scores

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_balls(tmp_path_factory.mktemp("data") / "Dataset007_Balls")


def evaluate(*words):
    command = [sys.executable, "-m", "bifseg", "evaluate", "--reader", "nnunet", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)


def test_one_command_leads_to_the_report_and_the_next_one_adds_a_method(data, tmp_path):
    done = evaluate("--data", data, "--out", tmp_path / "out", "--methods", "geos", "--cores", 2)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    report = tmp_path / "out/results/nnunet/report.html"
    assert lines[-1] == f"report: {report}"
    assert report.is_file()
    (snakemake,) = (line for line in lines if line.startswith("snakemake "))
    assert f"--configfile {tmp_path}/out/config.yaml" in snakemake
    again = [sys.executable, "-m", "bifseg", "reproduce", str(report.parent), "--sample", "1"]
    done = subprocess.run(again, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr  # from another folder than the workflow ran in
    before = read_scores(report.parent / "scores.parquet")
    assert set(before["method"]) == {"geos"}
    assert set(before["status"]) == {"ok"}
    done = evaluate("--data", data, "--out", tmp_path / "out", "--methods", "geos,growcut", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kept; --force reads the data again" in done.stdout
    assert re.search(r"^plan_sessions +1$", done.stdout, re.M), done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "geo"], "--methods geo: no such card"),
        (["--network", "unet9"], "--networks unet9: no such card"),
        (["--seen", "cube"], "'cube' is unknown; known are: ball"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(data, tmp_path, words, message):
    done = evaluate("--data", data, "--out", tmp_path / "out", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
