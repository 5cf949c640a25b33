"""`bifseg check-method`: checks whether a method keeps the contract."""

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
    """Run short sessions of a method and print whether it keeps the contract; exit code 1 if it does not.

    The images are simulated, in each dimension of the method (docs/plugins.md).
    """
    from bifseg.core.sandbox import hides_truth
    from bifseg.sessions.conformance import ConformanceKit

    with naming(card), TemporaryDirectory() as hidden:
        start = partial(_start, card, network, device, Path(hidden))
        first = start()
        dimensions, prompts = sorted(first.dimensions), sorted(first.prompts)
        confinement = first.confinement
        first.close()
        typer.echo(f"{card.stem}: {' and '.join(f'{d}D' for d in dimensions)}, takes {', '.join(prompts)}")
        hidden_truth = hides_truth(confinement)
        access = "the method cannot read" if hidden_truth else "the method could read"
        _say(
            "truth hidden",
            hidden_truth or None,
            f"{access} the cohort's folders (confined by: {confinement})",
        )
        good, channels = True, _channels(card, network)
        for dimension in dimensions:
            kit = ConformanceKit(start, dimension, channels)
            try:
                for result in kit.results():
                    _say(f"{dimension}D {result.check}", result.passed, result.about)
                    good = good and result.passed is not False
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


def _channels(card: Path, network: Path | None) -> list[str]:
    """Names of the channels that the method and its network take; one beside the image's own for `all`."""
    from bifseg.cards.cards import MethodCard, read_card
    from bifseg.cards.made_networks import network_card_of

    plays = read_card(MethodCard, card).plays
    of_method = plays.extra_channels(["t1c"]) if plays else ()
    return [*of_method, *(network_card_of(network).get("channels", []) if network else [])]


def _say(check: str, passed: bool | None, about: str) -> None:
    verdict = {True: "pass", False: "FAIL", None: "-"}[passed]
    typer.echo(f"{verdict:5} {check:32} {about}")
