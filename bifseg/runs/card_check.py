"""Names and settings in cards that a job would refuse only when the networks of the run are trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bifseg.cards.cards import CohortCard, MethodCard, NetworkCard, read_card
from bifseg.cards.entries import split_entry
from bifseg.cards.run import network_card
from bifseg.core.errors import InputError
from bifseg.methods.registry import METHODS, make, place_of
from bifseg.networks.registry import build


def check_cards(config: Mapping[str, Any]) -> None:
    """Refuse cards of networks and methods that cannot be built.

    The networks and the methods of bifseg are built without weights. A plug-in is not imported: it runs in a process
    of its own.

    Args:
        config: configuration of the run, as `checked_run` gives it.

    Raises:
        InputError: a name or a setting is unknown; the message names the card's file.
    """
    cards = Path(config["cards"])
    for cohort, experiment in config["cohorts"].items():
        dimension = read_card(CohortCard, cards / "cohorts" / f"{cohort}.yaml").dimension
        entries = [split_entry(entry) for played in experiment["protocols"].values() for entry in played]
        for network in sorted({*experiment["networks"], *(network for _, network in entries)} - {""}):
            _check_network(network_card(network, cards))
        for method, network in sorted({(method, bool(network)) for method, network in entries}):
            _check_method(cards / "methods" / f"{method}.yaml", network, dimension)


def _check_network(path: Path) -> None:
    card = read_card(NetworkCard, path)
    if card.weights is None:  # weights from elsewhere are read before anything is played
        with _in(path):
            build(card)


def _check_method(path: Path, with_network: bool, dimension: int) -> None:
    card = read_card(MethodCard, path)
    if card.method is None:
        return
    untrained = SimpleNamespace(network=SimpleNamespace(dimension=dimension), finetuning={})
    with _in(path):
        place = place_of(card.method)
        if place in METHODS.values():
            make(card.method, card.settings, (lambda: untrained) if with_network else None)
        elif find_spec(module := place.partition(":")[0].partition(".")[0]) is None:
            raise InputError(f"method: no module '{module}' exists; put its folder on BIFSEG_PATH")


@contextmanager
def _in(path: Path) -> Iterator[None]:
    """A context whose errors name the card's file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
