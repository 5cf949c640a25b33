"""What a dry run shows, in a folder that is deleted at the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer


@contextmanager
def nothing_written(out: Path) -> Iterator[Path]:
    """A temporary folder with a copy of the cards and the configuration of another one, and links to all else in it.

    Snakemake's records of what it did are linked too: without them nothing that has changed would be planned again.

    Args:
        out: the folder of a run, which need not exist; it stays as it is.

    Yields:
        The temporary folder, which is deleted at the end.
    """
    with TemporaryDirectory(prefix="bifseg-dry-run-") as temporary:
        folder = Path(temporary)
        for path in out.iterdir() if out.is_dir() else ():
            if path.name == "cards":
                shutil.copytree(path, folder / path.name)
            elif path.name == "config.yaml":
                shutil.copy2(path, folder / path.name)
            elif path.name != ".snakemake":
                (folder / path.name).symlink_to(path)
        records = Path(".snakemake") / "metadata"
        if (out / records).is_dir():
            (folder / records).parent.mkdir()
            (folder / records).symlink_to(out / records)
        yield folder
        typer.echo(f"dry run: {out} stays as it is")


def show_training_hints(settings: Mapping[str, Any], folder: Path) -> None:
    """Print a hint for each network that is not trained yet and will take an hour or more.

    Args:
        settings: configuration of the run.
        folder: working directory of the workflow.
    """
    from bifseg.runs.estimate import training_hint

    run = folder / settings.get("results", "results") / settings["run"]
    for cohort, experiment in settings["cohorts"].items():
        for network in experiment.get("networks", ()):
            if (run / "networks" / cohort / network / "weights.pt").exists():
                continue
            cards = folder / settings.get("cards", "config")
            if hint := training_hint(network, cards, settings.get("device", "auto")):
                typer.echo(f"note: {hint}")
