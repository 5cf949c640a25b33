"""Snakemake, started from the command line."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from bifseg.cards.shipped import shipped_folder
from bifseg.core.errors import InputError
from bifseg.core.sandbox import module_folders

DRY_RUN = ("--dry-run", "--logger", "bifseg")
"""Options of snakemake: print jobs, expected time and memory, also with a profile that does not name the logger."""


def snakemake(snakefile: Path, folder: Path, profile: Path, cores: int, options: Sequence[str] = ()) -> None:
    """Print the snakemake command and run it.

    Args:
        snakefile: the Snakefile.
        folder: working directory of the workflow.
        profile: folder of the workflow profile.
        cores: cores of this machine, used only with the profile `default`.
        options: further options of snakemake.

    Raises:
        Exit: the workflow failed; the exit code is 1.
    """
    command = ["snakemake", "--snakefile", str(snakefile), "--directory", str(folder)]
    command += ["--workflow-profile", str(profile)]
    command += ["--cores", str(cores)] if profile.name == "default" else []
    command += options
    typer.echo(shlex.join(command))
    finished = subprocess.run([sys.executable, "-P", "-m", *command], check=False, env=_environment())
    if finished.returncode:
        raise typer.Exit(1)


def show_results(run: Path) -> None:
    """Print the summary of a finished run and where its report is.

    Args:
        run: RESULTS/RUN.
    """
    if (run / "summary.txt").is_file():
        typer.echo((run / "summary.txt").read_text(encoding="utf-8"), nl=False)
    typer.echo(f"report: {run / 'report.html'}")


def find_profile(path: Path) -> Path:
    """The folder of a workflow profile.

    Args:
        path: a folder of the user's own, or the name of a shipped profile.

    Returns:
        A folder with a `config.yaml`.

    Raises:
        InputError: there is no such profile.
    """
    shipped = shipped_folder() / "workflow/profiles"
    for folder in (path.absolute(), shipped / path, shipped_folder() / path):
        if any(folder.glob("config*.yaml")):
            return folder
    known = ", ".join(sorted(folder.name for folder in shipped.iterdir()))
    raise InputError(f"--profile {path}: no folder with a config.yaml; bifseg's own profiles are {known}")


def _environment() -> dict[str, str]:
    """This process's environment with its commands on PATH, since the rules call them in another folder."""
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    modules = os.pathsep.join(map(str, module_folders()))
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return inherited | {"PATH": commands, "BIFSEG_PATH": modules}
