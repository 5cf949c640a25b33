"""What `bifseg evaluate` asks the workflow for; the workflow itself runs in tests/workflow/test_evaluate.py."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from test_cohort_from import bifseg, write_brats

from bifseg.cli import workflow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_evaluate(tmp_path, monkeypatch):
    """A function that runs `bifseg evaluate` up to Snakemake: returns command, environment and configuration."""
    write_brats(tmp_path / "data")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    calls = []

    def started(command, env, **_):
        calls.append((command, env))
        return subprocess.CompletedProcess(command, 0)

    def run(*words):
        monkeypatch.setattr(workflow.subprocess, "run", started)
        data_options = ("--reader", "brats2021", "--data", tmp_path / "data", "--out", "out")
        assert bifseg("evaluate", *data_options, *words) == 0
        return *calls[-1], yaml.safe_load(Path("out/config.yaml").read_text())

    return run


def option(command, name):
    return command[command.index(name) + 1]


def test_options_of_a_cluster_reach_the_configuration(run_evaluate):
    words = ("--gpus-per-job", 1, "--workers", 4, "--device", "cuda", "--seed", 7, "--profile", "slurm")
    command, _, config = run_evaluate(*words)
    assert [config[key] for key in ("gpus_per_job", "workers", "device", "seed")] == [1, 4, "cuda", 7]
    assert option(command, "--workflow-profile") == str(ROOT / "workflow/profiles/slurm")
    assert "--cores" not in command


@pytest.mark.parametrize("profile", ["workflow/profiles/slurm", "mine", "absolute"])
def test_a_profile_is_a_local_or_shipped_folder(run_evaluate, tmp_path, profile):
    places = {"mine": Path("mine").absolute(), "absolute": tmp_path / "site"}
    place = places.get(profile, ROOT / profile)
    if profile in places:
        place.mkdir()
        (place / "config.yaml").touch()
    command, _, _ = run_evaluate("--profile", place if profile == "absolute" else profile)
    assert option(command, "--workflow-profile") == str(place)


def test_the_user_s_edits_of_a_configuration_are_kept(run_evaluate):
    _, _, first = run_evaluate("--methods", "grabcut", "--workers", 2)
    path = Path("out/config.yaml")
    edited = path.read_text() + "job_minutes: 5.0 # of mine\n"
    path.write_text(edited)
    run_evaluate("--dry-run")
    assert path.read_text() == edited
    _, _, config = run_evaluate("--methods", "grabcut,geos")
    assert config["cohorts"]["brats2021"]["protocols"]["own-scribbles"] == ["grabcut", "geos"]
    assert config == first | {"job_minutes": 5.0, "cohorts": config["cohorts"]}


def test_a_refused_call_changes_no_file(run_evaluate, tmp_path):
    run_evaluate("--methods", "grabcut")
    before = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    words = ("--reader", "brats2021", "--data", tmp_path / "data", "--out", "out", "--force")
    assert (
        bifseg("evaluate", *words, "--dimension", 2, "--network", "pcnet-small", "--methods", "bifseg") == 2
    )
    assert {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_results_among_the_data_are_refused_at_once(tmp_path, monkeypatch, capsys, words):
    """Methods cannot read the data's folder; the first job said so."""
    monkeypatch.chdir(tmp_path)
    data = write_brats(tmp_path / "data")
    options = ("--reader", "brats2021", "--data", data, "--out", data / "run", "--methods", "grabcut")
    assert bifseg("evaluate", *options, *words) == 2
    assert (
        f"error: {data}: methods cannot read it, but {data / 'run/results'} lies in it"
        in capsys.readouterr().err
    )
    assert not (data / "run").exists()


@pytest.mark.parametrize("command", [("evaluate", "--dry-run", "--data"), ("cohort", "from", "brats2021")])
def test_a_file_as_folder_of_results_is_refused(tmp_path, capsys, command):
    (tmp_path / "file").touch()
    reader = ("--reader", "brats2021") if command[0] == "evaluate" else ()
    assert bifseg(*command, write_brats(tmp_path / "data"), *reader, "--out", tmp_path / "file") == 2
    assert "is a file" in capsys.readouterr().err


def test_a_second_cohort_in_the_folder_replaces_the_first(run_evaluate):
    run_evaluate("--methods", "grabcut")
    _, _, config = run_evaluate("--name", "again")
    assert (config["run"], list(config["cohorts"])) == ("again", ["again"])


def test_options_of_the_reader_are_passed_on(run_evaluate):
    run_evaluate("--methods", "grabcut")
    card, manifest = Path("out/cards/cohorts/brats2021.yaml"), Path("out/cards/cohorts/brats2021.tsv")
    assert yaml.safe_load(card.read_text())["dimension"] == 3
    run_evaluate("--dimension", 2, "--split-shares", "0,0,1", "--methods", "grabcut", "--force")
    assert yaml.safe_load(card.read_text())["dimension"] == 2
    assert {line.split("\t")[6] for line in manifest.read_text().splitlines()[1:]} == {"test"}


def test_modules_of_the_current_folder_are_found_by_the_workflow(run_evaluate, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f".{os.pathsep}/far")
    _, environment, _ = run_evaluate("--methods", "grabcut")
    assert environment["BIFSEG_PATH"] == f"{Path.cwd()}{os.pathsep}/far"
    assert "PYTHONPATH" not in environment  # nothing of a plug-in is imported where snakemake starts


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--profile", "slrum"],
            "--profile slrum: no folder with a config.yaml; bifseg's own profiles are default, slurm",
        ),
        (["--device", "tpu"], "configuration: device: String should match pattern"),
        (["--network", "pnet-small"], "configuration: cohorts.brats2021: pnet-small is 2D, the cohort 3D"),
        (["--columns", "image=a"], "--columns image=a: only for the layout tsv"),
    ],
)
def test_bad_options_have_a_one_line_message(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    data = write_brats(tmp_path / "data")
    assert bifseg("evaluate", "--reader", "brats2021", "--data", data, "--out", "out", *words) == 2
    assert not Path("out").exists()
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not Path("out/config.yaml").exists()
