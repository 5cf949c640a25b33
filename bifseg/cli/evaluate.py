"""`bifseg evaluate`: a folder of data to a report with one command."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bifseg.cards.shipped import shipped_folder
from bifseg.cli.cohort_from import DataOptions, make_from
from bifseg.cli.dry_run import nothing_written, show_training_hints
from bifseg.cli.option_groups import with_option_groups
from bifseg.cli.refusal import all_or_nothing
from bifseg.cli.workflow import DRY_RUN, find_profile, show_results, snakemake
from bifseg.cohorts.manifest import listed

METHODS, PROTOCOLS = "base-net,base-crf,bifseg-w,bifseg", "shared-scribbles,own-scribbles"


@with_option_groups
def evaluate(
    reader: Annotated[
        str, typer.Option(help="layout of the data, as for `bifseg cohort from`", show_default=False)
    ],
    data: Annotated[Path, typer.Option(help="folder of the data", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(help="folder of cards, configuration and results", show_default=False, file_okay=False),
    ],
    cohort_options: DataOptions,
    methods: Annotated[
        str, typer.Option(help="methods: names of cards, module:Class of your own, paths of cards: A,B")
    ] = "",
    protocols: Annotated[str, typer.Option(help="protocol cards: A,B")] = "",
    network: Annotated[str, typer.Option(help="network card; default: pnet (2D) or pcnet (3D)")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="read the data again and replace card and manifest")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="seed of splits, boxes and scribbles; default: 2018")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto (config/README.md)")] = None,
    workers: Annotated[int | None, typer.Option(help="processes of a job of sessions; default: 1")] = None,
    gpus_per_job: Annotated[
        int | None, typer.Option(help="GPUs of a job that trains a network or runs sessions; default: 0")
    ] = None,
    profile: Annotated[
        Path, typer.Option(help="workflow profile: default, slurm, or a folder of your own")
    ] = Path("default"),
    cores: Annotated[
        int, typer.Option(min=1, help="cores of this machine; not for a cluster")
    ] = os.cpu_count() or 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print jobs, expected time and memory; write nothing")
    ] = False,
) -> None:
    """Read data, train networks, run and score sessions, and print where the report is: the whole workflow.

    OUT/cards holds copies of the cards and OUT/config.yaml the configuration. Edit both as you like: the next call runs
    what is missing and changes only what its options name. By default base-net, base-crf, bifseg-w and bifseg run
    under shared-scribbles and own-scribbles. Networks of the paper's size need a GPU; without one choose
    --network pnet-small or pcnet-small.
    """
    profile, out = find_profile(profile), out.absolute()
    keys = {"seed": seed, "device": device, "workers": workers, "gpus_per_job": gpus_per_job}
    options = {"methods": methods, "protocols": protocols, "network": network}
    names = {kind: list(listed(text)) for kind, text in options.items()}
    request = _Request(reader, data, cohort_options, names, {k: v for k, v in keys.items() if v is not None})
    with nothing_written(out) if dry_run else nullcontext(out) as folder:
        with all_or_nothing(folder / "cards", folder / "config.yaml"):
            settings = _write_run(folder, request, force, out)
        words = ["--configfile", str(folder / "config.yaml")]
        if dry_run:
            snakemake(shipped_folder() / "Snakefile", folder, profile, cores, [*words, *DRY_RUN])
            return
        if profile.name == "default":
            show_training_hints(settings, out)
        snakemake(shipped_folder() / "Snakefile", out, profile, cores, words)
    show_results(out / settings.get("results", "results") / settings["run"])


@dataclass(frozen=True)
class _Request:
    """What the options ask for: the data, names of cards, and keys of the configuration."""

    reader: str
    data: Path
    cohort: DataOptions
    names: dict[str, list[str]]
    keys: dict[str, Any]


def _write_run(folder: Path, request: _Request, force: bool, out: Path) -> dict[str, Any]:
    """Write cards and configuration to a folder, for a run in `out`; the data must lie apart from its results."""
    from bifseg.cards.cards import CohortCard, read_card
    from bifseg.cards.own_methods import own_method_cards
    from bifseg.cards.quickstart import (
        check_cards,
        configuration,
        copy_cards,
        read_configuration,
        write_configuration,
    )
    from bifseg.cards.run import checked_run
    from bifseg.cohorts.preparation import places
    from bifseg.core.sandbox import check_readable

    cohort = request.cohort.name or request.reader
    cards, config, shipped = folder / "cards", folder / "config.yaml", shipped_folder() / "config"
    truths = [request.data] if request.data.is_dir() else []
    own = own_method_cards(request.names["methods"], cards, shipped, truths)
    named = request.names | {"methods": own}
    check_cards({f"--{kind}": names for kind, names in named.items()}, cards, shipped)
    card = cards / "cohorts" / f"{cohort}.yaml"
    if card.exists() and not force:
        typer.echo(f"{card}: kept; --force reads the data again")
    else:
        seed = request.keys.get("seed", 2018)
        make_from(request.reader, request.data, card.parent, request.cohort, seed, force)
    copy_cards(shipped, cards)
    before, changes = read_configuration(config), dict(request.keys)
    _, root = places(read_card(CohortCard, card), card)
    check_readable([root], out / before.get("results", "results"))
    if any(named.values()) or cohort not in before.get("cohorts", ()):
        chosen = own or listed(METHODS), named["protocols"] or listed(PROTOCOLS)
        entries, notes = configuration(cards, cohort, *chosen, ",".join(named["network"]))
        changes |= entries
        for note in notes:
            typer.echo(f"note: {note}")
    settings = before | changes
    if settings != before:
        checked_run(settings | {"cards": str(cards)})
        write_configuration(config, settings, shlex.join(["bifseg", *sys.argv[1:]]))
    return settings
