# Names of files, and nothing else: what the configuration asks for, as paths.
import json
import os
from itertools import chain
from pathlib import Path

from bifseg.cards import NetworkCard, brought_weights, checked_run, read_card

# The configuration with its defaults; a bad one, or a bad card, stops here with one line.
config = checked_run(config)

RUN = f"{config['results']}/{config['run']}"
SHARDS = range(1, config["shards"] + 1)


wildcard_constraints:
    cohort="[^/]+",
    protocol="[^/]+",
    network="[^/@]+",
    player="[^/]+",
    shard=r"\d+",


def card(kind, name):
    """Path of a card."""
    return f"{config['cards']}/{kind}/{name}.yaml"


def brought(network):
    """The files of weights that a network's card brings: none where it is trained here."""
    path = Path(card("networks", network))
    found = brought_weights(read_card(NetworkCard, path), path)
    if found is None or found.is_file():
        return [found] if found else []
    return sorted(file for file in found.rglob("*") if file.is_file())


def method_of(player):
    """METHOD of METHOD@NETWORK."""
    return player.partition("@")[0]


def network_of(player):
    """NETWORK of METHOD@NETWORK, empty where the method needs none."""
    return player.partition("@")[2]


def network_folder(wildcards):
    """The --network option of a player, or nothing."""
    name = network_of(wildcards.player)
    return f"--network {RUN}/networks/{wildcards.cohort}/{name}" if name else ""


def weights(wildcards):
    """The weights that a player needs."""
    name = network_of(wildcards.player)
    return [f"{RUN}/networks/{wildcards.cohort}/{name}/weights.pt"] if name else []


def networks_used():
    """(cohort, network) of every network that the configuration names."""
    return [
        (cohort, network)
        for cohort, asked in config["cohorts"].items()
        for network in sorted(
            {*asked["networks"], *map(network_of, chain(*asked["protocols"].values()))}
            - {""}
        )
    ]


def all_scores():
    """The scores of every cohort, protocol and player."""
    return [
        f"{RUN}/scores/{cohort}/{protocol}/{player}.parquet"
        for cohort, asked in config["cohorts"].items()
        for protocol, players in asked["protocols"].items()
        for player in players
    ]
