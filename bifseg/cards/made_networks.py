"""The card of a network that was trained or imported, from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bifseg.core.errors import InputError
from bifseg.core.files import read_record


def network_card_of(folder: Path) -> dict[str, Any]:
    """The card that a network was made by.

    Args:
        folder: the network's folder, which `bifseg train` wrote.

    Returns:
        The card's keys and values as JSON holds them; at least `architecture`.

    Raises:
        InputError: the folder's card.json is missing or damaged.
    """
    path = folder / "card.json"
    try:
        card = dict(read_record(path)["card"])
        return card | {"architecture": str(card["architecture"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: network: missing or damaged; train the network again") from error
