"""The workflow, started from the command line."""

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


def snakemake(snakefile: Path, folder: Path, profile: Path, cores: int, options: Sequence[str] = ()) -> None:
    """Run the workflow in a folder and print the command first; exit with code 1 where it fails."""
    command = ["snakemake", "--snakefile", str(snakefile), "--directory", str(folder)]
    command += ["--workflow-profile", str(profile), *options]
    command += ["--cores", str(cores)] if profile.name == "default" else []
    typer.echo(shlex.join(command))
    finished = subprocess.run([sys.executable, "-P", "-m", *command], check=False, env=_environment())
    if finished.returncode:
        raise typer.Exit(1)


def find_profile(path: Path) -> Path:
    """The folder of a workflow profile: a folder of the user's own, or a shipped one by its name."""
    shipped = shipped_folder() / "workflow/profiles"
    for folder in (path.absolute(), shipped / path, shipped_folder() / path):
        if any(folder.glob("config*.yaml")):
            return folder
    known = ", ".join(sorted(folder.name for folder in shipped.iterdir()))
    raise InputError(f"--profile {path}: no folder with a config.yaml; bifseg's own are {known}")


def _environment() -> dict[str, str]:
    """With this environment's commands on the path, which the rules call, from another folder than this one."""
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    modules = os.pathsep.join(map(str, module_folders()))
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return inherited | {"PATH": commands, "BIFSEG_PATH": modules}
