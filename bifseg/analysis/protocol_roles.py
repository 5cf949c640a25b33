"""Which of a run's protocols answers which question, by what their cards say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bifseg.analysis.names import OWN_SCRIBBLES, SHARED_SCRIBBLES
from bifseg.robot.users import USERS

Cards = Mapping[str, Mapping[str, Any]]
"""The protocol cards that were played, by name, with every key."""


@dataclass(frozen=True)
class ProtocolRoles:
    """Which of a run's protocols answers which question.

    Attributes:
        own: in which each method is corrected on its own errors.
        widest: the like of `own` that shows most targets.
        users: those that differ from `own` in nothing but the user, by user.
        shared: in which the methods of a network get the same scribbles.
    """

    own: str
    widest: str
    users: Mapping[str, str]
    shared: str = SHARED_SCRIBBLES


def protocol_roles(cards: Cards) -> ProtocolRoles:
    """The roles of the protocols that were played; of no cards, `own-scribbles` and `shared-scribbles`."""
    return ProtocolRoles(main_protocol(cards), widest_protocol(cards), user_protocols(cards))


def main_protocol(cards: Cards) -> str:
    """`own-scribbles` where it was played, or nothing like it; else, of the expert's, the first by name."""
    names = _own(cards)
    return OWN_SCRIBBLES if OWN_SCRIBBLES in names or not names else names[0]


def widest_protocol(cards: Cards) -> str:
    """Of the protocols by the main one's user, the one that shows most targets: all rounds, or the highest target."""
    main = main_protocol(cards)
    user = cards[main]["user"] if main in cards else ""
    rivals = [name for name in _own(cards) if cards[name]["user"] == user]
    reach = {name: cards[name]["target"] or float("inf") for name in rivals}
    return max(rivals, key=lambda name: (reach[name], name == main), default=main)


def user_protocols(cards: Cards) -> dict[str, str]:
    """Protocols that differ from the main one in nothing but the user, by user, the most careful first."""
    main = main_protocol(cards)
    same = [name for name in _own(cards) if _without_user(cards[name]) == _without_user(cards[main])]
    found = {str(cards[name]["user"]): name for name in [*same[::-1], *([main] if main in cards else [])]}
    return {user: found[user] for user in USERS if user in found}


def _own(cards: Cards) -> list[str]:
    """The protocols that correct a method's own results, the expert's first, then by name."""
    names = [name for name, card in cards.items() if card["scribbles_on"] == "current"]
    return sorted(names, key=lambda name: (cards[name]["user"] != "expert", name))


def _without_user(card: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in card.items() if key != "user"}
