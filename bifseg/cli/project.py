"""`bifseg init` and `bifseg demo`: a project to edit, and the embedded demo."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from bifseg.cards.shipped import write_project
from bifseg.cli.workflow import DRY_RUN, show_results, snakemake


def init(
    folder: Annotated[Path, typer.Argument(help="folder for the project; it is created if it is missing")],
) -> None:
    """Write a project to edit: cards and configuration in config/, a profile for this machine and one for SLURM."""
    write_project(folder)
    typer.echo(f"{folder}/config/config.yaml   the run: cohorts, networks, methods, protocols")
    typer.echo(f"{folder}/config/*/*.yaml      their cards; config/README.md explains every key")
    typer.echo(f"run it: cd {folder} && snakemake --workflow-profile workflow/profiles/default")


def demo(
    folder: Annotated[Path, typer.Argument(help="folder for the project and its results")] = Path(
        "bifseg-demo"
    ),
    cores: Annotated[int, typer.Option(min=1, help="cores of this machine")] = os.cpu_count() or 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print jobs, expected time and memory; write nothing")
    ] = False,
) -> None:
    """Run the workflow on the two embedded, simulated cohorts; a second call continues a stopped demo."""
    if dry_run:
        with TemporaryDirectory() as temporary:
            project = folder if (folder / "Snakefile").exists() else Path(temporary) / "demo"
            _run_demo(project, cores, DRY_RUN)
        return
    _run_demo(folder, cores)
    show_results(folder.absolute() / "results/demo")


def _run_demo(folder: Path, cores: int, options: Sequence[str] = ()) -> None:
    """Run the workflow in the folder of a demo, which is written if it is missing."""
    if not (folder / "Snakefile").exists():
        write_project(folder)
    profile = folder.absolute() / "workflow/profiles/default"
    snakemake(folder / "Snakefile", folder, profile, cores, options)
