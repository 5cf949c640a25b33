"""Names of entries, METHOD@NETWORK or METHOD alone, of networks from several seeds, and of protocols' levels."""

from __future__ import annotations

import re

_LEVEL = re.compile(r"(?P<card>.+)\.level-(?P<level>[1-9]\d*)")
_LATER_SEED = re.compile(r"(?P<card>.+)\.seed-(?P<number>[2-9]|[1-9]\d+)")


def entry_name(method: str, network: str, training_seed: int = 1) -> str:
    """The name of an entry.

    Args:
        method: name of the method's card.
        network: name of the network's card; empty for a method without a network.
        training_seed: number of the network's training seed, from 1.

    Returns:
        `bifseg@pnet`, `bifseg@pnet.seed-2`, or `geos`.
    """
    return f"{method}@{seed_name(network, training_seed)}" if network else method


def split_entry(name: str) -> tuple[str, str]:
    """The method and the network of an entry.

    Args:
        name: for example `bifseg@pnet`, or `geos`.

    Returns:
        Method and network; the network is empty if the entry has none.
    """
    method, _, network = name.partition("@")
    return method, network


def seed_name(network: str, training_seed: int) -> str:
    """The name of the network that is trained from one of a card's seeds.

    Args:
        network: name of the network's card.
        training_seed: number of the seed, from 1.

    Returns:
        `pnet` for seed 1, `pnet.seed-2` for seed 2.
    """
    return network if training_seed == 1 else f"{network}.seed-{training_seed}"


def split_seed(name: str) -> tuple[str, int]:
    """The card and the training seed of a network; the inverse of `seed_name`.

    Args:
        name: for example `pnet`, or `pnet.seed-2`.

    Returns:
        The card's name, and the number of the seed; 1 if the name has none.
    """
    later = _LATER_SEED.fullmatch(name)
    return (later["card"], int(later["number"])) if later else (name, 1)


def level_name(protocol: str, level: int) -> str:
    """The name of a protocol at a level of its disturbance.

    Args:
        protocol: name of the protocol's card.
        level: 0 to 8.

    Returns:
        `box-shift` for level 0, `box-shift.level-4` for level 4.
    """
    return f"{protocol}.level-{level}" if level else protocol


def split_level(name: str) -> tuple[str, int]:
    """The card and the level of a protocol; the inverse of `level_name`.

    Args:
        name: for example `box-shift`, or `box-shift.level-4`.

    Returns:
        The card's name, and the level; 0 if the name has none.
    """
    match = _LEVEL.fullmatch(name)
    return (match["card"], int(match["level"])) if match else (name, 0)
