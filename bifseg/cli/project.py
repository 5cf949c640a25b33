"""`bifseg init` and `bifseg demo`: a project to edit, and the embedded demo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cards.shipped import write_project
from bifseg.cli.workflow import show_results, snakemake


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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the jobs and run none")] = False,
) -> None:
    """Run the workflow on the two embedded, simulated cohorts; a second call continues a stopped demo."""
    if not (folder / "Snakefile").exists():
        write_project(folder)
    profile = folder.absolute() / "workflow/profiles/default"
    snakemake(folder / "Snakefile", folder, profile, cores, ["--dry-run"] if dry_run else [])
    if not dry_run:
        show_results(folder.absolute() / "results/demo")
