"""The name of an entry: METHOD@NETWORK, or METHOD alone for a method without a network."""

from __future__ import annotations


def entry_name(method: str, network: str) -> str:
    """`bifseg@pnet` of ("bifseg", "pnet"), `geos` of ("geos", "")."""
    return f"{method}@{network}" if network else method


def split_entry(name: str) -> tuple[str, str]:
    """Method and network of an entry's name; the network is empty where there is none."""
    method, _, network = name.partition("@")
    return method, network
