"""`bifseg init` and `bifseg demo`: the shipped workflow in a folder of the user's own."""

import filecmp
import subprocess
from pathlib import Path

from test_cohort_from import bifseg

from bifseg.cards import shipped
from bifseg.cli import workflow

ROOT = Path(__file__).parents[2]


def test_a_project_has_the_shipped_cards_and_profiles_and_runs_the_workflow(tmp_path, capsys):
    folder = tmp_path / "new/project"
    assert bifseg("init", folder) == 0
    assert f"cd {folder} && snakemake --workflow-profile workflow/profiles/default" in capsys.readouterr().out
    for name in ("config", "workflow/profiles"):
        compared = filecmp.dircmp(ROOT / name, folder / name)
        differences = compared.left_only + compared.right_only + compared.diff_files
        assert differences == []
    assert 'include: str(shipped_folder() / "Snakefile")' in (folder / "Snakefile").read_text()


def test_init_never_replaces_files(tmp_path, capsys):
    (tmp_path / "config").mkdir()
    assert bifseg("init", tmp_path) == 2
    assert f"{tmp_path}/config exists already" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [tmp_path / "config"]


def test_a_second_demo_keeps_the_edited_folder(tmp_path, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(
        workflow.subprocess,
        "run",
        lambda command, **_: calls.append(command) or subprocess.CompletedProcess(command, 0),
    )
    monkeypatch.chdir(tmp_path)
    assert bifseg("demo") == 0
    card = Path("bifseg-demo/config/config.yaml")
    card.write_text(card.read_text() + "# mine")
    assert bifseg("demo") == 0
    assert card.read_text().endswith("# mine")
    assert calls[0] == calls[1]
    assert calls[0][calls[0].index("--directory") + 1] == "bifseg-demo"
    assert capsys.readouterr().out.endswith(f"report: {tmp_path}/bifseg-demo/results/demo/report.html\n")


def test_an_installed_package_contains_the_shipped_files(tmp_path, monkeypatch):
    (tmp_path / "bifseg/shipped").mkdir(parents=True)
    (tmp_path / "bifseg/shipped/Snakefile").touch()
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "bifseg/cards/shipped.py"))
    assert shipped.shipped_folder() == tmp_path / "bifseg/shipped"
