"""The name of an entry: METHOD@NETWORK, or METHOD alone for a method without a network."""

from __future__ import annotations


def entry_name(method: str, network: str) -> str:
    """The name of an entry.

    Args:
        method: name of the method's card.
        network: name of the network's card; empty for a method without a network.

    Returns:
        For example `bifseg@pnet`, or `geos`.
    """
    return f"{method}@{network}" if network else method


def split_entry(name: str) -> tuple[str, str]:
    """The method and the network of an entry.

    Args:
        name: for example `bifseg@pnet`, or `geos`.

    Returns:
        Method and network; the network is empty if the entry has none.
    """
    method, _, network = name.partition("@")
    return method, network
