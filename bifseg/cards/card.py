"""The base of all cards, and types that several cards share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Precision = Literal["float32", "bfloat16"]
"""Arithmetic of gradient steps: bfloat16 has 8 instead of 24 significant bits."""


class Card(BaseModel):
    """Base of all cards: unknown keys are refused, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
