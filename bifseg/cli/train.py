"""`bifseg train`: trains a base network or takes its weights from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.options import CohortFolder, Device, OutFolder, Seed, Threads, naming
from bifseg.cli.progress import showing
from bifseg.core.garbage import many_imports


def train(
    card: Annotated[Path, typer.Argument(help="network card, config/networks/NAME.yaml", show_default=False)],
    cohort: CohortFolder,
    out: OutFolder,
    seed: Seed = 2018,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Train a base network on a cohort's seen structures, or take the weights that its card names.

    A stopped training continues from its last validation.
    """
    from bifseg.cards.cards import NetworkCard, read_card
    from bifseg.cards.run import external_weights
    from bifseg.cohorts.cohort import Cohort
    from bifseg.networks.confined_importing import import_confined
    from bifseg.runs.fingerprints import training_code
    from bifseg.runs.job_setup import derived_from_truth

    network, members = read_card(NetworkCard, card), Cohort.load(cohort)
    weights = external_weights(network, card)
    if weights is not None:
        with naming(card):
            import_confined(network, weights, members, out, derived_from_truth(out) - {out})
        return
    with many_imports():
        import torch

        from bifseg.networks.trained import checked_device
        from bifseg.networks.training import train as train_network

    where = checked_device(device)
    torch.set_num_threads(threads)
    with naming(card), showing(f"training {card.stem}", network.training.iterations) as show:

        def progress(done: int, _: int, note: str) -> None:
            show(done, note)

        train_network(network, members, out, seed, where, progress, training_code(network), threads)
