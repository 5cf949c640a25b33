"""The roles of a run's protocols in the report, derived from their cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bifseg.analysis.names import OWN_SCRIBBLES, SHARED_SCRIBBLES
from bifseg.robot.users import USERS

Cards = Mapping[str, Mapping[str, Any]]
"""The protocol cards of a run's sessions, by name, with every key."""


@dataclass(frozen=True)
class ProtocolRoles:
    """The roles of a run's protocols.

    Attributes:
        own: the main protocol, under which the user corrects each method's own errors.
        widest: the protocol by the same user that gives results for most targets.
        users: protocols that differ from `own` only in the user, by user, the most careful first.
        shared: the protocol under which all methods of a network get the same scribbles.
    """

    own: str
    widest: str
    users: Mapping[str, str]
    shared: str = SHARED_SCRIBBLES


def protocol_roles(cards: Cards) -> ProtocolRoles:
    """The roles of the protocols of a run.

    Args:
        cards: the protocol cards of its sessions.

    Returns:
        `own-scribbles` and `shared-scribbles` if there are no cards.
    """
    return ProtocolRoles(_main(cards), _widest(cards), _by_user(cards))


def _main(cards: Cards) -> str:
    """`own-scribbles` if it has sessions or no other protocol fits; else the first by name, the expert's first."""
    names = _own(cards)
    return OWN_SCRIBBLES if OWN_SCRIBBLES in names or not names else names[0]


def _widest(cards: Cards) -> str:
    """Among protocols with the main protocol's user, one without a target, or that with the highest target."""
    main = _main(cards)
    user = cards[main]["user"] if main in cards else ""
    rivals = [name for name in _own(cards) if cards[name]["user"] == user]
    reach = {name: cards[name]["target"] or float("inf") for name in rivals}
    return max(rivals, key=lambda name: (reach[name], name == main), default=main)


def _by_user(cards: Cards) -> dict[str, str]:
    """Protocols that differ from the main protocol only in the user, by user, the most careful first."""
    main = _main(cards)
    same = [name for name in _own(cards) if _without_user(cards[name]) == _without_user(cards[main])]
    names = {str(cards[name]["user"]): name for name in [*same[::-1], *([main] if main in cards else [])]}
    return {user: names[user] for user in USERS if user in names}


def _own(cards: Cards) -> list[str]:
    """The protocols under which a method's own results are corrected: the expert's first, then by name.

    Protocols with a disturbance count, at level 0, only where there are no others.
    """
    own = [name for name, card in cards.items() if card["scribbles_on"] == "current"]
    plain = [name for name in own if not cards[name].get("disturb")]
    names = plain or [name for name in own if cards[name]["disturb"]["levels"] == [0]]
    return sorted(names, key=lambda name: (cards[name]["user"] != "expert", name))


def _without_user(card: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in card.items() if key != "user"}
