"""Every cell of the tutorials runs, in order, in a folder with a finished run; what a cell ends with can be shown."""

import ast
import json
from pathlib import Path

import pandas as pd
import pytest
from fake_run import fake_cohort, fake_run
from matplotlib.figure import Figure

TUTORIALS = sorted((Path(__file__).parents[1] / "docs" / "tutorials").glob("*.ipynb"))


def run_notebook(path):
    """What the cells of a notebook end with, as Jupyter would show it; None for a cell that ends with a statement."""
    names, shown = {}, []
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]), f"{path.name}, cell {number}")
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{path.name}, cell {number}", "exec"), names)
        shown.append(eval(compile(ast.Expression(last.value), path.name, "eval"), names) if last else None)
    return shown


@pytest.fixture
def folder(tmp_path, monkeypatch):
    run = tmp_path / "results" / "demo"
    fake_run(run, [fake_cohort(run / "cohorts" / "fetal2d")], networks=("pnet-demo",), rounds=3)
    monkeypatch.chdir(tmp_path)


def test_there_are_two_tutorials():
    assert [path.stem for path in TUTORIALS] == ["play_one_image", "read_a_run"]


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_the_notebook_runs(path, folder):
    shown = run_notebook(path)
    figures = [value for value in shown if isinstance(value, Figure)]
    assert figures
    assert all(figure._repr_png_().startswith(b"\x89PNG") for figure in figures)
    frames = [value for value in shown if isinstance(value, pd.DataFrame)]
    assert frames
    assert all(len(frame) for frame in frames)


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_the_notebook_is_stored_without_output(path):
    """Outputs would change with every run of a reader's, and no test could tell an old one."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)
