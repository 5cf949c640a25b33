"""`bifseg race`: play patients until it is decided which of two methods is better."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bifseg.cards.shipped import shipped_folder
from bifseg.cli.workflow import find_profile, snakemake
from bifseg.core.errors import InputError
from bifseg.core.files import writing

if TYPE_CHECKING:  # --help must not import torch
    from bifseg.runs.run_folder import Run

_GROWTH = 1.25  # patients of a look at the results, relative to the look before
_JOBS = 16  # of a cluster


def race(
    config: Annotated[Path, typer.Argument(help="configuration of a run", show_default=False)],
    first: Annotated[str, typer.Argument(help="METHOD or METHOD@NETWORK of the run", show_default=False)],
    second: Annotated[str, typer.Argument(help="its opponent", show_default=False)],
    cohort: Annotated[str, typer.Option(help="cohort; default: the run's only one")] = "",
    protocol: Annotated[str, typer.Option(help="protocol under which both play")] = "own-scribbles",
    difference: Annotated[float, typer.Option(min=0.01, help="smallest difference of interest, points")] = 1,
    power: Annotated[float, typer.Option(min=0.5, max=0.999, help="power of the test to compare with")] = 0.9,
    profile: Annotated[Path, typer.Option(help="workflow profile, as for `bifseg evaluate`")] = Path(
        "default"
    ),
    cores: Annotated[
        int, typer.Option(min=1, help="cores of this machine; not for a cluster")
    ] = os.cpu_count() or 1,
) -> None:
    """Play patients in random order until it is decided which of two methods has the better final Dice.

    The race ends as soon as FIRST is better, SECOND is better, or they differ by less than --difference points, each
    with an error of at most 5% however often one looks (docs/benchmark.md). Networks and sessions stay in the run's
    folder; snakemake with the whole configuration keeps them. Start it in the folder where you start snakemake.
    """
    import numpy as np
    import pandas as pd

    from bifseg.analysis.race import (
        OPEN,
        check_enough,
        decide,
        describe,
        fixed_patients,
        patient_differences,
    )
    from bifseg.analysis.scores import read_scores
    from bifseg.runs.run_folder import Run

    if first == second:
        raise InputError(f"{second}: both methods of the race are the same; name two")
    profile = find_profile(profile)
    name, settings = _settings(config, cohort, protocol, [first, second])
    settings["shards"] = cores if profile.name == "default" else _JOBS
    run = Path(settings["results"]) / settings["run"]

    play = partial(_play, settings, run, profile, cores)
    play(1, [run / "cohorts" / name / "objects.tsv"])
    opened = Run(run)
    order = opened.patients(opened.cohort(name))
    check_enough(len(order), f"{run}/cohorts/{name}: split {opened.card.split}")
    parts = _score_files(opened, name, settings)
    for count in _looks(len(order)):
        play(count, parts)
        scores = pd.concat([read_scores(part) for part in parts])
        differences = patient_differences(scores, protocol, first, second, order)
        state = decide(differences, difference)
        typer.echo(f"{count} of {len(order)} patients played; {describe(state, first, second)}")
        if state.decision != OPEN:
            break
    fixed = fixed_patients(float(np.std(differences, ddof=1)), difference, power)
    typer.echo(
        f"A test at a fixed number of patients needs {fixed} like these to show a difference of {difference:g} "
        f"with a power of {power:g}."
    )


def _settings(config: Path, cohort: str, protocol: str, entries: list[str]) -> tuple[str, dict[str, Any]]:
    """The cohort, and the run's configuration with two entries on it under one protocol."""
    from bifseg.cards.quickstart import read_configuration
    from bifseg.cards.run import checked_run

    if not config.is_file():
        raise InputError(f"{config}: no such configuration; `bifseg evaluate` and `bifseg init` write one")
    settings = read_configuration(config)
    known = list(settings["cohorts"])
    name = cohort or known[0]
    if name not in known or (len(known) > 1 and not cohort):
        raise InputError(
            f"--cohort {cohort or 'is missing'}: name one of the run's cohorts: {', '.join(known)}"
        )
    settings["cohorts"] = {name: {"networks": [], "protocols": {protocol: entries}}}
    cohorts = checked_run(dict(settings))["cohorts"]
    _, *levels = cohorts[name]["protocols"]
    if levels:
        raise InputError(
            f"--protocol {protocol}: its card has levels of a disturbance; race at one, such as {levels[0]}, or under "
            "a protocol without `disturb`"
        )
    return name, {"results": "results", **settings, "cohorts": cohorts}


def _play(
    settings: dict[str, Any], run: Path, profile: Path, cores: int, patients: int, targets: list[Path]
) -> None:
    """Make files of a run with its first patients alone."""
    from bifseg.cards.quickstart import write_configuration

    with TemporaryDirectory() as folder, _kept(run / "config.json"):
        file = Path(folder) / "race.yaml"
        write_configuration(file, settings | {"patients": patients}, "bifseg race")
        options = ["--configfile", str(file), "--", *map(str, targets)]
        snakemake(shipped_folder() / "Snakefile", Path.cwd(), profile, cores, options)


def _score_files(run: Run, cohort: str, settings: dict[str, Any]) -> list[Path]:
    """The files of scores that the jobs of a race write."""
    from bifseg.runs.job_groups import job_groups

    groups = job_groups(settings["cohorts"][cohort]["protocols"], Path(run.card.cards))
    shards = range(1, settings["shards"] + 1)
    return [run.folder / f"scores/{cohort}/{group}/shard-{n}.parquet" for group in groups for n in shards]


@contextmanager
def _kept(path: Path) -> Iterator[None]:
    """Leave a configuration that a run has as it is: `bifseg status` must not take the race for the whole run."""
    before = path.read_bytes() if path.is_file() else None
    try:
        yield
    finally:
        if before is not None:
            with writing(path) as part:
                part.write_bytes(before)


def _looks(patients: int) -> list[int]:
    """Numbers of patients after which the results are looked at, up to all of them."""
    from bifseg.analysis.race import FEWEST

    looks = [FEWEST]
    while looks[-1] < patients:
        looks.append(min(patients, round(_GROWTH * looks[-1])))
    return looks
