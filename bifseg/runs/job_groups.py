"""Which entries of a run share a job: bifseg's methods at the same network, and its tools without one.

A plug-in or program has jobs of its own: it may work on between its sessions, and would slow down those of others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bifseg.cards.cards import MethodCard, read_card
from bifseg.cards.entries import split_entry
from bifseg.cards.protocol_levels import read_protocol
from bifseg.cards.run import initial_protocol
from bifseg.core.errors import InputError
from bifseg.methods.registry import METHODS

Part = tuple[str, str]
"""A protocol and an entry."""
TOOLS = "tools"
"""The group of bifseg's methods without a network."""


def job_groups(played: Mapping[str, Sequence[str]], cards: Path) -> dict[str, list[Part]]:
    """The entries of a cohort by the group that one job plays.

    Args:
        played: entries by protocol, as a run's configuration lists them for a cohort.
        cards: folder with methods/ and protocols/.

    Returns:
        Protocols and entries by group, in the configuration's order. `@NETWORK` holds bifseg's methods at a network,
        `tools` those without one, and METHOD or METHOD@NETWORK a plug-in or program. Entries that correct results of
        another entry are in a group of their own, `GROUP+1`, which is played later; `GROUP+2` corrects results of
        `GROUP+1`, and so on.

    Raises:
        InputError: a card cannot be read, or protocols correct each other's results.
    """
    groups: dict[str, list[Part]] = {}
    for protocol, entries in played.items():
        after = _corrections(played, protocol, cards)
        for entry in entries:
            group = _group(entry, cards)
            groups.setdefault(f"{group}+{after}" if after else group, []).append((protocol, entry))
    return groups


def is_tools(group: str) -> bool:
    """Whether a group holds bifseg's methods without a network, which use no GPU.

    Args:
        group: a key of `job_groups`.

    Returns:
        True for `tools` and `tools+1`.
    """
    return group.partition("+")[0] == TOOLS


def initial_source(played: Mapping[str, Sequence[str]], protocol: str, cards: Path) -> Part | None:
    """The protocol and entry whose results a protocol corrects.

    Args:
        played: entries of one cohort by protocol.
        protocol: one of them.
        cards: folder with protocols/.

    Returns:
        None for a protocol that begins with a box, or with masks of the manifest.
    """
    source = read_protocol(cards / "protocols" / f"{protocol}.yaml").initial_from
    return None if source in (None, "manifest") else (initial_protocol(played, protocol, source), source)


def _group(entry: str, cards: Path) -> str:
    method, network = split_entry(entry)
    card = read_card(MethodCard, cards / "methods" / f"{method}.yaml")
    if card.method not in METHODS:
        return entry
    return f"@{network}" if network else TOOLS


def _corrections(played: Mapping[str, Sequence[str]], protocol: str, cards: Path) -> int:
    """How many entries' results are corrected one after the other until a protocol's sessions begin."""
    seen: list[str] = []
    while source := initial_source(played, protocol, cards):
        if protocol in seen:
            raise InputError(f"configuration: protocols {', '.join(seen)} correct each other's results")
        seen.append(protocol)
        protocol = source[0]
    return len(seen)
