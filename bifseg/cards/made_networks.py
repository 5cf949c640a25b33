"""The card by which a network was trained or imported, read from the network's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bifseg.core.errors import InputError
from bifseg.core.files import read_record


def network_card_of(folder: Path) -> dict[str, Any]:
    """The card by which a network was trained or imported.

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
