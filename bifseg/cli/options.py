"""Options that several commands share, each declared once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cards.cards import DEVICE
from bifseg.core.errors import InputError
from bifseg.core.files import read_json

Seed = Annotated[int, typer.Option(help="run seed: the same seed draws the same boxes and scribbles")]
MethodCardFile = Annotated[
    Path, typer.Argument(help="method card, config/methods/NAME.yaml", show_default=False)
]
CohortFolder = Annotated[
    Path, typer.Option("--cohort", help="folder that `bifseg cohort prepare` wrote", show_default=False)
]
RunFolder = Annotated[Path, typer.Argument(help="the run's folder, results/RUN", show_default=False)]
OutFolder = Annotated[Path, typer.Option("--out", help="folder for the result", show_default=False)]
OutFile = Annotated[Path, typer.Option("--out", help="file for the result", show_default=False)]
OutScores = Annotated[
    Path, typer.Option("--out", help="scores: OUT.parquet and OUT.csv are written", show_default=False)
]
RunName = Annotated[str, typer.Option("--run", help="name of the run, a column of the scores")]
OwnMetrics = Annotated[
    list[str], typer.Option("--metric", help="your own metric, module:attribute; repeat for more")
]
Target = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Dice that counts as reached; default: as in the run's configuration, or 0.9"
    ),
]


def _trained(network: Path | None) -> Path | None:
    """The folder of a network; raises InputError if it has no weights."""
    if network and not (network / "weights.pt").is_file():
        raise InputError(f"{network / 'weights.pt'}: no such weights file; run `bifseg train` first")
    return network


InitialFolder = Annotated[
    Path | None,
    typer.Option(
        "--initial",
        help="sessions whose results a protocol with `initial_from: ENTRY` corrects, `bifseg run --out`",
    ),
]
NetworkFolder = Annotated[
    Path | None, typer.Option("--network", help="folder that `bifseg train` wrote", callback=_trained)
]


def _known_device(name: str) -> str:
    """The name of a device; raises InputError if it is unknown."""
    if not re.fullmatch(DEVICE, name):
        raise InputError(f"--device {name}: unknown; use cpu, cuda or auto")
    return name


Device = Annotated[
    str, typer.Option(help="cpu, cuda, or auto: the GPU if there is one", callback=_known_device)
]
Threads = Annotated[int, typer.Option(min=1, help="threads of a process; 1 is the fastest for sessions")]
Workers = Annotated[
    int, typer.Option(min=1, help="parallel processes of a job; they share the GPU if there is one")
]
Split = Annotated[str, typer.Option(help="split of the objects: train, validation or test")]
Replicates = Annotated[
    int, typer.Option(min=1, help="sessions of each object, each with another box and other scribbles")
]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let every `InputError` of a block start with the file that caused it.

    Args:
        path: the file.

    Yields:
        None.

    Raises:
        InputError: the block raised one.
    """
    try:
        yield
    except InputError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise InputError(f"{path}: {error}") from error


def target_of(run: Path, target: float | None) -> float:
    """The Dice that counts as reached in a run.

    Args:
        run: RESULTS/RUN.
        target: of the option; None if it was not given.

    Returns:
        That of the option, else that of the configuration which the workflow wrote to the run's folder, else 0.9.

    Raises:
        InputError: the configuration is damaged.
    """
    config = run / "config.json"
    if target is None and config.is_file():
        target = read_json(config).get("target")
    return 0.9 if target is None else float(target)


def need(path: Path, stage: str) -> None:
    """Check that an earlier stage has written a file or folder.

    Args:
        path: the file or folder.
        stage: the command that writes it.

    Raises:
        InputError: it or its folder is missing.
    """
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder; correct the path")
    if not path.exists():
        raise InputError(f"{path}: missing; run `bifseg {stage}` first")
