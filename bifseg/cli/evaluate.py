"""`bifseg evaluate`: from a folder of data to the report."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli import cohort_from
from bifseg.cli.options import Seed
from bifseg.cohorts.manifest import listed
from bifseg.errors import BadInput

CHECKOUT = Path(__file__).parents[2]


def evaluate(
    reader: Annotated[
        str, typer.Option(help="layout of the data, as for `bifseg cohort from`", show_default=False)
    ],
    data: Annotated[Path, typer.Option(help="where the data are", show_default=False)],
    out: Annotated[Path, typer.Option(help="folder of cards, configuration and results", show_default=False)],
    methods: Annotated[str, typer.Option(help="method cards: A,B")] = "base-net,base-crf,bifseg-w,bifseg",
    protocols: Annotated[str, typer.Option(help="protocol cards: A,B")] = "shared-scribbles,own-scribbles",
    network: Annotated[str, typer.Option(help="network card; default: pnet (2D) or pcnet (3D)")] = "",
    name: Annotated[str, typer.Option(help="name of the cohort; default: the layout's")] = "",
    seen: Annotated[str, typer.Option(help="structures that networks are trained on: A,B")] = "",
    unseen: Annotated[str, typer.Option(help="structures that they never see: C")] = "",
    structure: Annotated[list[str], typer.Option(help="as for `bifseg cohort from`")] = [],  # noqa: B006
    modality: Annotated[list[str], typer.Option(help="as for `bifseg cohort from`")] = [],  # noqa: B006
    seed: Seed = 2018,
    profile: Annotated[
        Path, typer.Option(help="workflow profile: workflow/profiles/slurm for a cluster")
    ] = CHECKOUT / "workflow/profiles/default",
    cores: Annotated[int, typer.Option(min=1, help="of this machine; not for a cluster")] = os.cpu_count()
    or 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be done")] = False,
) -> None:
    """Read data, train where needed, play, score, and say where the report is: the workflow, with one command.

    OUT/cards holds copies of the cards, to be changed at will; the next call runs what is missing. Networks of the
    paper's size need a GPU: without one choose --network pnet-small or pcnet-small.
    """
    from bifseg.evaluation import check_cards, configuration, copy_cards, write_configuration

    if not (CHECKOUT / "Snakefile").is_file():
        raise BadInput(
            f"{CHECKOUT}: no Snakefile there; run bifseg from a checkout (pip install --editable .)"
        )
    cohort, cards, shipped = name or reader, out.absolute() / "cards", CHECKOUT / "config"
    asked, rules = listed(methods), listed(protocols)
    named = {"methods": asked, "protocols": rules, "networks": listed(network)}
    check_cards({f"--{kind}": names for kind, names in named.items()}, cards, shipped)
    card = cards / "cohorts" / f"{cohort}.yaml"
    if card.exists():
        typer.echo(f"{card}: kept; remove it to read the data again")
    else:
        cohort_from.make_from(reader, data, card.parent, name, seen, unseen, structure, modality, seed=seed)
    copy_cards(shipped, cards)
    content, notes = configuration(cards, cohort, asked, rules, network)
    for note in notes:
        typer.echo(f"note: {note}")
    config = out.absolute() / "config.yaml"
    write_configuration(config, {**content, "seed": seed}, shlex.join(["bifseg", *sys.argv[1:]]))
    command = ["snakemake", "--snakefile", str(CHECKOUT / "Snakefile"), "--directory", str(out.absolute())]
    command += ["--workflow-profile", str(profile.absolute()), "--configfile", str(config)]
    command += ["--cores", str(cores)] if profile.name == "default" else []
    command += ["--dry-run"] if dry_run else []
    typer.echo(shlex.join(command))
    done = subprocess.run([sys.executable, "-m", *command], check=False, env=_environment())
    if done.returncode:
        raise typer.Exit(1)
    if not dry_run:
        typer.echo(f"report: {out.absolute() / 'results' / cohort / 'report.html'}")


def _environment() -> dict[str, str]:
    """With this environment's commands on the path, which the rules call."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
