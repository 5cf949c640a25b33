"""The disturbance that a protocol card names: an axis and its levels, each played as a protocol of its own."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from bifseg.cards.card import Card

Axis = Literal[
    "box-shift",
    "box-shrink",
    "box-grow",
    "stroke-shift",
    "stroke-cross",
    "stroke-label",
    "image-noise",
    "image-bias",
    "image-blur",
    "image-gamma",
    "image-resolution",
]
AXES: tuple[str, ...] = get_args(Axis)
"""Axes of disturbance; the first word is what they disturb."""


class Disturb(Card):
    """An axis of disturbance and its levels; the card of a single level has that level alone."""

    axis: Axis = Field(description="what is disturbed, and how: docs/robustness.md")
    levels: Annotated[tuple[Annotated[int, Field(ge=0, le=8)], ...], Field(min_length=1)] = Field(
        (0, 2, 4, 6, 8), description="strengths, 0 to 8; 0 disturbs nothing and must be among them"
    )

    @field_validator("axis", mode="before")
    @classmethod
    def _known(cls, axis: object) -> object:
        if axis not in AXES:
            near = "".join(f"did you mean {name}? " for name in get_close_matches(str(axis), AXES, 1))
            raise ValueError(f"no such axis; {near}docs/robustness.md lists all")
        return axis

    @field_validator("levels")
    @classmethod
    def _once(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(levels)) < len(levels):
            raise ValueError("write each level once")
        return tuple(sorted(levels))


def undrawn(axis: str, begin: str, draws: str, rounds: int) -> str:
    """Why a protocol has nothing that an axis could disturb.

    Args:
        axis: one of `AXES`.
        begin: the card's `begin`.
        draws: prompts that the robot's policy draws, `scribbles` or `points`.
        rounds: the card's most rounds.

    Returns:
        Fault and remedy; empty if the axis fits.
    """
    what = axis.partition("-")[0]
    if what == "box" and begin not in ("auto", "box"):
        return f"'{axis}' disturbs a box, and 'begin: {begin}' draws none; write 'begin: box'"
    if what == "stroke" and rounds == 0:
        return f"'{axis}' disturbs strokes, and this protocol draws none; write 'rounds: 1' or more"
    if axis == "stroke-cross" and draws == "points":
        return f"'{axis}' disturbs scribbles, and this protocol draws points; take 'stroke-shift'"
    if what == "image" and begin == "mask":
        return f"'{axis}' disturbs the image, and 'begin: mask' has results of the undisturbed one"
    return ""
