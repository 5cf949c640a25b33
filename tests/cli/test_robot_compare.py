"""`bifseg robot compare` on a tiny tree."""

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from bifseg.cli.robot_compare import compare
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array
from bifseg.robot.policies.centre_line import CentreLine

app = typer.Typer()
app.command()(compare)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setattr("bifseg.robot.policies.registry.POLICIES", {"centre-line/1": CentreLine})
    truth = np.zeros((30, 36), np.uint8)
    truth[8:20, 8:28] = 1
    maps = [np.where(truth, 0, 2 * (np.indices(truth.shape)[0] == 24)).astype(np.uint8) for _ in range(2)]
    for k, scribbles in enumerate(maps):
        scribbles[10 + 3 * k, 10:26] = 1
        write_array(tmp_path / "CT" / "a" / f"human_scribble_{k}.png", scribbles, Grid.plain(truth.shape))
    write_array(tmp_path / "CT" / "a" / "label.png", truth, Grid.plain(truth.shape))
    return tmp_path


def test_people_and_policies_are_compared_in_one_table(tree):
    result = CliRunner().invoke(app, [str(tree), "--out", str(tree / "out"), "--draws", "1"])
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tree / "out" / "comparison.csv")
    assert set(table.who) == {"person 1", "person 2", "people", "centre-line/1"}
    assert "comparison.md" in result.output
    assert not (tree / "out" / "fit.csv").exists()


def test_the_fit_option_writes_the_fit_table(tree, monkeypatch):
    monkeypatch.setattr("bifseg.robot.people.robot_drawings.LENGTHS_MM", (10.0,))
    monkeypatch.setattr("bifseg.robot.people.robot_drawings.SHARES", ((0.6, 0.9),))
    monkeypatch.setattr("bifseg.robot.people.robot_drawings.BRUSHES_MM", (1.0,))
    result = CliRunner().invoke(app, [str(tree), "--out", str(tree / "out"), "--draws", "1", "--fit"])
    assert result.exit_code == 0, result.output
    assert len(pd.read_csv(tree / "out" / "fit.csv")) == 3  # two persons left out, and nobody
    assert "Fit of `centre-line`" in (tree / "out" / "comparison.md").read_text()


def test_a_folder_without_drawings_is_bad_input(tmp_path):
    result = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, InputError)
