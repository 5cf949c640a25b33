"""Cards for methods that a command names by their class or by the path of a card; they become the run's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from bifseg.cards.cards import MethodCard, read_card
from bifseg.core.errors import InputError
from bifseg.core.files import write_text
from bifseg.core.plug_in_facts import class_facts


def own_method_cards(
    named: Sequence[str], cards: Path, shipped: Path, hidden: Iterable[Path] = ()
) -> list[str]:
    """Names of cards for the methods that a command names; those named by class or path get a card.

    Args:
        named: names of cards, `module:Class` of plug-ins, and paths of cards that end in .yaml.
        cards: folder of the run's own cards; cards go to its methods/.
        shipped: folder of the cards that come with bifseg.
        hidden: folders with truths, which no plug-in may read.

    Returns:
        The name of a card for each, in order.

    Raises:
        InputError: a module, class or card cannot be read, or a card would take the place of a shipped one or of
            another that is named here.
    """
    names: dict[str, str] = {}
    for name in dict.fromkeys(named):
        card = _own_card(name, cards, shipped, hidden) if _is_own(name) else name
        if card in names.values():
            other = next(one for one in names if names[one] == card)
            raise InputError(
                f"--methods {name}: makes the card {card}, as {other} does; rename one class or file"
            )
        names[name] = card
    return [names[name] for name in named]


def _is_own(name: str) -> bool:
    return ":" in name or name.endswith((".yaml", ".yml"))


def _own_card(name: str, cards: Path, shipped: Path, hidden: Iterable[Path]) -> str:
    """The name of a card that is written among the run's own, for a class or from a path."""
    if ":" in name:
        card, text = name.rpartition(":")[2].lower(), yaml.safe_dump(_card_of(name, hidden), sort_keys=False)
    else:
        path = Path(name)
        read_card(MethodCard, path)
        card, text = path.stem, path.read_text(encoding="utf-8")
        text = text.replace("{card}", str(path.resolve().parent))
    if (shipped / "methods" / f"{card}.yaml").exists():
        raise InputError(
            f"--methods {name}: {card} is a card that comes with bifseg; give yours another name"
        )
    write_text(cards / "methods" / f"{card}.yaml", text)
    return card


def _card_of(name: str, hidden: Iterable[Path]) -> dict[str, Any]:
    """The card of a plug-in, from the attributes of its class."""
    try:
        plays = class_facts(name, hidden)
    except ImportError as error:
        raise InputError(f"--methods {name}: {error}; mend it, or write a card") from error
    return {"method": name, "plays": plays | {"dimensions": plays["dimensions"] or [2, 3]}}
