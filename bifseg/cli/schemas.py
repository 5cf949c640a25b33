"""`bifseg schemas`: the JSON Schema of every card, from its class."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cards import Card, CohortCard, MethodCard, NetworkCard, ProtocolCard, RunCard
from bifseg.store import write_text

CARDS: dict[str, type[Card]] = {
    "config": RunCard,
    "cohort": CohortCard,
    "network": NetworkCard,
    "method": MethodCard,
    "protocol": ProtocolCard,
}


def schemas(folder: Annotated[Path, typer.Argument(help="where they go")] = Path("workflow/schemas")) -> None:
    """Write the JSON Schema of every card."""
    for name, card in CARDS.items():
        text = json.dumps(card.model_json_schema(), indent=2)
        write_text(folder / f"{name}.schema.json", text + "\n")
