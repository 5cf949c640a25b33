"""`bifseg check-method`: the conformance kit."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from bifseg.cli.options import Device, MethodCardFile, NetworkFolder, naming

if TYPE_CHECKING:
    from bifseg.methods.process.process import MethodProcess


def check_method(
    card: MethodCardFile,
    network: NetworkFolder = None,
    device: Device = "auto",
) -> None:
    """Play short sessions with a method and print whether it keeps the contract; exit code 1 if it does not.

    The images are made up, in each dimension of the method: see docs/plugins.md.
    """
    from bifseg.sessions.conformance import ConformanceKit

    with naming(card), TemporaryDirectory() as hidden:
        start = partial(_start, card, network, device, Path(hidden))
        first = start()
        dimensions, prompts = sorted(first.dimensions), sorted(first.prompts)
        means = first.confinement
        first.close()
        typer.echo(f"{card.stem}: {' and '.join(f'{d}D' for d in dimensions)}, takes {', '.join(prompts)}")
        hides = means.startswith("landlock")
        truth = "cannot be read" if hides else "the method could read them"
        _say("no truth in sight", hides or None, f"the cohort's folders: {truth} (confined by: {means})")
        good = True
        for dimension in dimensions:
            kit = ConformanceKit(start, dimension)
            try:
                for finding in kit.findings():
                    _say(f"{dimension}D {finding.check}", finding.passed, finding.about)
                    good = good and finding.passed is not False
            finally:
                kit.close()
    typer.echo("keeps the contract" if good else "does not keep the contract")
    raise typer.Exit(0 if good else 1)


def _start(card: Path, network: Path | None, device: str, hidden: Path) -> MethodProcess:
    from bifseg.cards.cards import MethodCard, read_card
    from bifseg.methods.process.process import MethodProcess
    from bifseg.methods.process.programs import program

    weights = network / "weights.pt" if network else None
    return MethodProcess(program(read_card(MethodCard, card), card.parent, weights, device, [hidden]))


def _say(check: str, passed: bool | None, about: str) -> None:
    verdict = {True: "pass", False: "FAIL", None: "-"}[passed]
    typer.echo(f"{verdict:5} {check:32} {about}")
