"""Options that several stages share, and their progress display."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bifseg.errors import BadInput

Seed = Annotated[int, typer.Option(help="run seed: the same seed draws the same boxes and scribbles")]
CohortFolder = Annotated[
    Path, typer.Option("--cohort", help="folder that `bifseg cohort prepare` wrote", show_default=False)
]
RunFolder = Annotated[Path, typer.Argument(help="the run's folder, results/RUN", show_default=False)]
Out = Annotated[Path, typer.Option("--out", help="where the result goes", show_default=False)]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto: the GPU where there is one")]
Threads = Annotated[int, typer.Option(help="torch threads; one per process is the fastest for sessions")]
Replicates = Annotated[
    int, typer.Option(min=1, help="how often each object is played, with other boxes and scribbles")
]

T = TypeVar("T")


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """A progress bar with elapsed and remaining time on the terminal; silent in a log file."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        progress.add_task(label, total=None, note="")
        yield progress


def tracked(label: str) -> Callable[[Iterable[T]], Iterator[T]]:
    """A wrapper of an iterable that shows its progress."""

    def walk(items: Iterable[T]) -> Iterator[T]:
        listed = list(items)
        with bar(label) as progress:
            task = progress.task_ids[0]
            progress.update(task, total=len(listed))
            for item in listed:
                yield item
                progress.advance(task)

    return walk


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the file that is at fault before a message of bad input."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def need(path: Path, stage: str) -> None:
    """Raises BadInput where a file or folder is missing that an earlier stage writes."""
    if not path.exists():
        raise BadInput(f"{path}: is not there; run `bifseg {stage}` first")


def use_device(name: str, threads: int) -> str:
    """The torch device of an option, with torch held to this many threads."""
    import torch

    from bifseg.networks.trained import best_device

    torch.set_num_threads(threads)
    if name == "auto":
        return best_device()
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise BadInput(f"--device {name}: torch sees no GPU here; use cpu or auto")
    if name.split(":")[0] not in ("cpu", "cuda"):
        raise BadInput(f"--device {name}: unknown; use cpu, cuda or auto")
    return name
