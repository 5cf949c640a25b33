"""`bifseg train`: base networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.options import CohortFolder, Device, Out, Seed, Threads, bar, naming, use_device


def train(
    card: Annotated[Path, typer.Argument(help="network card, config/networks/NAME.yaml", show_default=False)],
    cohort: CohortFolder,
    out: Out,
    seed: Seed = 2018,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Train a base network on a cohort's seen structures, or take the weights that its card names.

    A training that was stopped goes on from its last validation.
    """
    from bifseg.cards import NetworkCard, brought_weights, read_card
    from bifseg.cohorts.objects import Cohort
    from bifseg.training import bring
    from bifseg.training import train as train_network

    network = read_card(NetworkCard, card)
    weights = brought_weights(network, card)
    where, members = use_device(device, threads), Cohort.load(cohort)
    with naming(card):
        if weights is not None:
            bring(network, weights, members, out)
            return
        with bar(f"training {card.stem}") as progress:
            task = progress.task_ids[0]

            def show(done: int, total: int, note: str) -> None:
                progress.update(task, completed=done, total=total, note=note)
                if (
                    progress.disable and done * 10 // total > (done - 1) * 10 // total
                ):  # a log: each tenth, a line
                    typer.echo(f"training {card.stem}: {done} of {total} iterations, {note}", err=True)

            train_network(network, members, out, seed, where, show)
