"""The configuration of a run, checked against the cards that it names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from bifseg.cards.capabilities import channel_problem, is_pattern, resolve
from bifseg.cards.card import Card, Positive
from bifseg.cards.cards import (
    DEVICE,
    CohortCard,
    MethodCard,
    Name,
    NetworkCard,
    first_problem,
    read_card,
)
from bifseg.cards.entries import entry_name, seed_name, split_entry, split_level, split_seed
from bifseg.cards.plays import Plays
from bifseg.cards.protocol_levels import levels_of, read_protocol
from bifseg.cards.yaml_file import check_size
from bifseg.core.errors import InputError, short
from bifseg.core.files import inside

MetricName = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
_PART = r"[A-Za-z0-9_.*?\[\]!-]{1,100}"
Entry = Annotated[str, Field(pattern=f"^{_PART}(@{_PART})?$")]
"""METHOD or METHOD@NETWORK, or a pattern of them."""
_CARD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


class Experiment(Card):
    """The networks and entries of one cohort."""

    networks: list[Name] = Field(default_factory=list, description="network cards to train")
    protocols: dict[Name, Annotated[list[Entry], Field(min_length=1)]] = Field(
        description="entries of each protocol card: method cards, METHOD@NETWORK for those that need a network; "
        "a pattern such as * or *@* matches every card that can play there"
    )


class RunCard(Card):
    """The configuration of a run: `config/config.yaml`."""

    run: Name = Field(description="name of the run: its results lie in RESULTS/RUN")
    seed: int = Field(2018, description="the same seed draws the same boxes and scribbles")
    results: str = Field("results", description="folder of all runs")
    cards: str = Field("config", description="folder with cohorts/ networks/ methods/ protocols/")
    split: Literal["train", "validation", "test"] = Field("test", description="which objects are played")
    patients: Positive | None = Field(
        None,
        description="how many patients of each cohort are played, drawn at random by the seed; null: all",
    )
    shards: Positive | None = Field(
        None, description="jobs per network and cohort; null: as many as last about job_minutes"
    )
    job_minutes: Annotated[float, Field(gt=0)] = Field(
        20, description="how long a job of sessions should last, by the time that a few sessions took"
    )
    workers: Positive = Field(1, description="processes of a job of sessions, each with one thread")
    replicates: Positive = Field(
        1, description="how often each object is played, each time with other boxes and scribbles"
    )
    device: str = Field("auto", pattern=f"^({DEVICE})$", description="cpu, cuda, or auto")
    gpus_per_job: Annotated[int, Field(ge=0)] = Field(
        0, description="GPUs for each job that trains or plays; jobs of the traditional tools get none"
    )
    target: Annotated[float, Field(gt=0, le=1)] = Field(0.90, description="Dice that counts as reached")
    metrics: list[MetricName] = Field(
        default_factory=list,
        description="your own metrics in addition to those of bifseg: module:attribute, the module on BIFSEG_PATH",
    )
    shift: str | None = Field(
        None, description="file of `bifseg robot shift` with figures for the report; null: unknown"
    )
    cohorts: dict[Name, Experiment] = Field(
        min_length=1, description="cohort cards and what is played on them"
    )

    @field_validator("results")
    @classmethod
    def _without_braces(cls, folder: str) -> str:
        if set(folder) & set("{}"):
            raise ValueError(
                "Snakemake reads braces in the paths of results as wildcards; name a folder without braces"
            )
        return folder

    @field_validator("shift")
    @classmethod
    def _shift_exists(cls, shift: str | None) -> str | None:
        if shift is not None and not Path(shift).is_file():
            raise ValueError(f"no file '{short(shift)}'; write it with `bifseg robot shift`")
        return shift

    @field_validator("metrics")
    @classmethod
    def _modules_exist(cls, metrics: list[str]) -> list[str]:
        for name in metrics:
            module = name.partition(":")[0].partition(".")[0]
            if find_spec(module) is None:  # finds without importing: every job reads the configuration
                raise ValueError(f"no module '{module}' exists; put its folder on BIFSEG_PATH")
        return metrics


def checked_run(config: dict[str, Any]) -> dict[str, Any]:
    """A run's configuration with its defaults, and with entries in place of patterns.

    Args:
        config: keys and values as Snakemake reads them.

    Returns:
        The complete configuration, with values that JSON can hold.

    Raises:
        InputError: the configuration or a card that it names is wrong, or an entry cannot play its protocol.
    """
    try:
        check_size(config)
        run = RunCard(**config)
    except InputError as error:
        raise InputError(f"configuration: {error}") from error
    except ValidationError as error:
        raise InputError(f"configuration: {first_problem(error)}; see config/README.md") from error
    cards = Path(run.cards)
    cohorts = {name: _resolved(name, experiment, cards) for name, experiment in run.cohorts.items()}
    return run.model_dump(mode="json") | {"cohorts": cohorts}


def _resolved(cohort: str, experiment: Experiment, cards: Path) -> dict[str, Any]:
    """The networks and protocols of a cohort, with a name for each seed and level, and entries in place of patterns."""
    where = f"configuration: cohorts.{cohort}"
    card = read_card(CohortCard, cards / "cohorts" / f"{cohort}.yaml")
    networks = list(dict.fromkeys(n for name in experiment.networks for n in _seeds(name, cards)))
    protocols: dict[str, list[str]] = {}
    for protocol, names in experiment.protocols.items():
        path = cards / "protocols" / f"{protocol}.yaml"
        rules, capabilities = read_protocol(path), _capabilities(names, cards / "methods")
        try:
            entries = resolve(names, capabilities, networks, card.dimension, rules, card.channels)
            protocols |= dict.fromkeys(levels_of(path), _with_seeds(entries, cards))
        except InputError as error:
            raise InputError(f"{where}.protocols.{protocol}: {error}") from error
    _check_initial(protocols, cards, where)
    played = {split_entry(entry)[1] for entries in protocols.values() for entry in entries} - {""}
    for network in sorted({*networks, *played}):
        _check_network(network, cards, card, where)
    return {"networks": networks, "protocols": protocols}


def _check_network(network: str, cards: Path, cohort: CohortCard, where: str) -> None:
    """Raise InputError if a network's weights are missing, or it cannot work on the cohort."""
    path = network_card(network, cards)
    card = read_card(NetworkCard, path)
    external_weights(card, path)
    dimension = card.dimension or card.settings.get("dimension")
    if dimension in (2, 3) and dimension != cohort.dimension:
        raise InputError(f"{where}: {network} is {dimension}D, the cohort {cohort.dimension}D")
    if reason := channel_problem(card.channels, cohort.channels):
        raise InputError(f"{where}: {network} {reason}")


def _check_initial(played: dict[str, list[str]], cards: Path, where: str) -> None:
    """Raise InputError if a protocol corrects the results of an entry that plays under no other protocol."""
    for protocol in played:
        source = read_protocol(cards / "protocols" / f"{protocol}.yaml").initial_from
        if source not in (None, "manifest") and not initial_protocol(played, protocol, source):
            raise InputError(
                f"{where}.protocols.{protocol}: its card has `initial_from: {source}`, which plays under no other "
                "protocol of this cohort; name it under one"
            )


def initial_protocol(played: Mapping[str, Sequence[str]], protocol: str, source: str) -> str:
    """The protocol that gives another protocol its initial masks.

    Args:
        played: entries of one cohort by protocol.
        protocol: protocol that begins with a mask.
        source: entry that makes the masks.

    Returns:
        The first other protocol, undisturbed, under which the entry plays; empty if none.
    """
    others = (name for name in played if name != protocol and not split_level(name)[1])
    return next((name for name in others if source in played[name]), "")


def network_card(network: str, cards: Path) -> Path:
    """The file of a network's card.

    Args:
        network: name of the network, `pnet` or `pnet.seed-2`.
        cards: folder with networks/.

    Returns:
        A path; the file need not exist.
    """
    return cards / "networks" / f"{split_seed(network)[0]}.yaml"


def _seeds(network: str, cards: Path) -> list[str]:
    """The names of a network for each seed of its card; a name with a seed beyond the first is kept."""
    name, number = split_seed(network)
    path = network_card(network, cards)
    seeds = read_card(NetworkCard, path).seeds
    if number > seeds:
        raise InputError(f"configuration: {network}: {path}: seeds: is {seeds}; write at least {number}")
    return [network] if number > 1 else [seed_name(name, k) for k in range(1, seeds + 1)]


def _with_seeds(entries: list[str], cards: Path) -> list[str]:
    """The entries, repeated for every seed of their network."""
    pairs = [split_entry(entry) for entry in entries]
    names = [
        entry_name(method, seed)
        for method, network in pairs
        for seed in (_seeds(network, cards) if network else [""])
    ]
    return list(dict.fromkeys(names))


def _capabilities(entries: list[str], folder: Path) -> dict[str, Plays | None]:
    """The capabilities of the entries' methods; of all cards in the folder if an entry is a pattern."""
    names = {split_entry(entry)[0] for entry in entries if not is_pattern(entry)}
    if any(map(is_pattern, entries)):
        names |= {path.stem for path in folder.glob("[!.]*.yaml")}
    for name in sorted(names):
        if not _CARD_NAME.fullmatch(name):
            raise InputError(
                f"{folder}: {short(name)!r} cannot name a card; rename it: letters, digits, '_', '.' and '-'"
            )
    return {name: read_card(MethodCard, folder / f"{name}.yaml").plays for name in sorted(names)}


def external_weights(card: NetworkCard, path: Path) -> Path | None:
    """The path of the weights that a network card names.

    Args:
        card: the card.
        path: file of the card, whose folder is the default root.

    Returns:
        File or folder of the weights; None if the card names none.

    Raises:
        InputError: the weights lie outside the card's root, or do not exist.
    """
    if card.weights is None:
        return None
    root = path.parent / (card.root or "")
    try:
        weights = root / inside(root, str(card.weights))
    except ValueError as error:
        raise InputError(f"{path}: weights: {error}") from error
    if not os.path.exists(weights):
        raise InputError(f"{path}: weights: {weights}: no such weights file")
    return weights
