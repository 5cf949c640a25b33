"""The project's own workflow in a folder of its own, and how commands are run there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import copies
import yaml

ROOT = Path(__file__).parents[2]


def copy_project(folder, *more):
    """A copy of the workflow and of more of the project, so that no other run's lock is in the way."""
    for name in ("Snakefile", "workflow", *more):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
    return folder


def lay_out_run(folder, config, cards, cohorts, files):
    """A copy of the project with a small run of its own: the configuration `config`, and texts of cards by name."""
    copy_project(folder, "config", config, cards)
    keys = {"run": "ci", "seed": 7, "results": "results", "cards": cards, "shards": 1, "cohorts": cohorts}
    (folder / config).write_text(yaml.safe_dump(keys))
    for name, text in files.items():
        (folder / cards / name).write_text(text)
    return folder


def snakemake_command(*words, config="config.yaml", profile="default"):
    """The words of a command that runs the workflow."""
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", f"workflow/profiles/{profile}"]
    command += ["--cores", "2"] if profile == "default" else []
    return [*command, *(["--configfile", config] if config else []), *words]


def quietly(folder, **environment):
    """How commands are started in a folder: plug-ins that lie there are found, all output comes together."""
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "OMP_NUM_THREADS": "1",
    }
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return {"cwd": folder, "env": os.environ | own | environment, **streams}


def run_snakemake(folder, *words, timeout=900, **how):
    """Run the command of `snakemake_command` and its jobs as forks (copies.py); stdout holds all that it prints."""
    command, start = snakemake_command(*words, **how), quietly(folder)
    start["env"]["PATH"] = f"{copies.folder}{os.pathsep}{start['env']['PATH']}"
    return subprocess.run([f"{copies.folder}/python", *command[1:]], **start, timeout=timeout, check=False)


def answer(*words):
    """What a command prints; empty where it is not there or fails."""
    if not shutil.which(words[0]):
        return ""
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False).stdout
