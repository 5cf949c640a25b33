"""`bifseg schemas`: writes the JSON Schema of every card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bifseg.cards.card import Card
from bifseg.cards.cards import CohortCard, MethodCard, NetworkCard, ProtocolCard
from bifseg.cards.run import RunCard
from bifseg.core.files import write_text

CARDS: dict[str, type[Card]] = {
    "config": RunCard,
    "cohort": CohortCard,
    "network": NetworkCard,
    "method": MethodCard,
    "protocol": ProtocolCard,
}


def schemas(
    folder: Annotated[Path, typer.Argument(help="folder for the schemas")] = Path("workflow/schemas"),
) -> None:
    """Write the JSON Schema of every card."""
    for name in CARDS:
        write_text(folder / f"{name}.schema.json", json.dumps(schema_of(name), indent=2) + "\n")


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of a kind of card, by which editors check and complete cards.

    Args:
        name: a key of `CARDS`.

    Returns:
        The schema with its dialect.
    """
    schema = CARDS[name].model_json_schema()
    schema["description"] = schema["description"].partition("\n\n")[0]  # not what Python programmers need
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
