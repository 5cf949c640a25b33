"""The cards and the configuration of a run that `bifseg evaluate` writes for a folder of data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bifseg.cards.capabilities import entry_problem
from bifseg.cards.cards import CohortCard, MethodCard, ProtocolCard, read_card
from bifseg.cards.run import RunCard
from bifseg.core.errors import InputError
from bifseg.core.files import write_text

NETWORKS = {2: "pnet", 3: "pcnet"}
"""The paper's base networks, by dimension."""
KINDS = ("methods", "networks", "protocols")
"""Folders of the cards that `copy_cards` copies."""


def check_cards(named: Mapping[str, Sequence[str]], cards: Path, shipped: Path) -> None:
    """Check that every named card exists among the run's own cards or the shipped ones.

    Args:
        named: names of cards by the option that gives them: `--methods`, `--protocols` or `--network`.
        cards: folder of the run's own cards.
        shipped: folder of the cards that come with bifseg.

    Raises:
        InputError: a card exists in neither folder.
    """
    for option, names in named.items():
        kind = f"{option.removeprefix('--').removesuffix('s')}s"
        places = [folder / kind for folder in (cards, shipped)]
        known = sorted({path.stem for place in places for path in place.glob("*.yaml")})
        for name in names:
            if name not in known:
                raise InputError(f"{option} {name}: no such card; known are {', '.join(known)}")


def copy_cards(shipped: Path, cards: Path) -> None:
    """Copy the shipped cards of methods, networks and protocols; existing cards stay as they are.

    Args:
        shipped: folder of the cards that come with bifseg.
        cards: folder of the run's own cards; it is made.
    """
    for kind in KINDS:
        (cards / kind).mkdir(parents=True, exist_ok=True)
        for card in (shipped / kind).glob("*.yaml"):
            if not (cards / kind / card.name).exists():
                shutil.copyfile(card, cards / kind / card.name)


def configuration(
    cards: Path, cohort: str, methods: Sequence[str], protocols: Sequence[str], network: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """The configuration of a run on one cohort, with each method under all protocols that it can play.

    Args:
        cards: folder with cohorts/, methods/, networks/ and protocols/.
        cohort: name of the cohort's card.
        methods: names of method cards.
        protocols: names of protocol cards.
        network: network of the methods that need one; empty: the paper's of the cohort's dimension.

    Returns:
        The configuration, and a line for each protocol that a method cannot play.

    Raises:
        InputError: a card is missing or wrong, or a method can play none of the protocols.
    """
    cohort_card = read_card(CohortCard, cards / "cohorts" / f"{cohort}.yaml")
    dimension = cohort_card.dimension
    network = network or NETWORKS[dimension]
    entries: dict[str, list[str]] = {name: [] for name in protocols}
    notes = []
    for method in dict.fromkeys(methods):
        plays = read_card(MethodCard, cards / "methods" / f"{method}.yaml").plays
        if plays is None:
            raise InputError(
                f"--methods {method}: its card does not say where it plays; add `plays`, see config/README.md"
            )
        entry = f"{method}@{network}" if plays.network else method
        reasons = []
        for name in entries:
            rules = read_card(ProtocolCard, cards / "protocols" / f"{name}.yaml")
            reason = entry_problem(plays, "@" in entry, dimension, rules, cohort_card.channels)
            if reason:
                reasons.append(f"{method} is left out of {name}: it {reason}")
            else:
                entries[name].append(entry)
        if len(reasons) == len(entries):
            raise InputError(f"--methods {method}: {reasons[0].partition(': it ')[2]}")
        notes += reasons
    needed = [network] if any("@" in entry for named in entries.values() for entry in named) else []
    played = {name: named for name, named in entries.items() if named}
    content = {"run": cohort, "results": "results", "cards": "cards"}
    return {**content, "cohorts": {cohort: {"networks": needed, "protocols": played}}}, notes


def read_configuration(path: Path) -> dict[str, Any]:
    """The keys and values in a configuration file, without defaults.

    Args:
        path: the file; it need not exist.

    Returns:
        The configuration; empty if the file does not exist.

    Raises:
        InputError: the file cannot be read, or a key or value is wrong.
    """
    return read_card(RunCard, path).model_dump(mode="json", exclude_unset=True) if path.exists() else {}


def write_configuration(path: Path, content: dict[str, Any], command: str) -> None:
    """Write a configuration as YAML, with a comment that names the command that made it.

    Args:
        path: the file.
        content: keys and values.
        command: command line.
    """
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=110)
    write_text(path, f"# Made by: {command}\n{text}")
