"""The capabilities of a method, as its card states them: dimensions, prompts, and adaptations of prompts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field

from bifseg.cards.card import Card

Prompt = Literal["box", "scribbles", "points", "mask"]
Drawn = Literal["scribbles", "points"]
PROMPTS: tuple[str, ...] = get_args(Prompt)
"""Prompts that a method may take in addition to the image."""


class ScribblesAsPoints(Card):
    """How scribbles become points for a method that takes only points."""

    points: Annotated[int, Field(ge=1, le=100)] = Field(3, description="points of each stroke")
    where: Literal["along", "ends"] = Field(
        "along",
        description="along: in the middle of equal parts of the stroke; ends: from its first to its last point",
    )


class Plays(Card):
    """The sessions that a method can play, as its card states them."""

    dimensions: Annotated[list[Literal[2, 3]], Field(min_length=1)] = Field(
        description="cohorts it plays on; may be fewer than it could"
    )
    prompts: list[Prompt] = Field(
        default=["box", "scribbles"],
        description="prompts that it takes in addition to the image; without box it starts from scribbles or points",
    )
    channels: Literal["one", "all"] | Annotated[list[str], Field(min_length=1)] = Field(
        "one",
        description="channels that it gets: one (the structure's own), all of the cohort's card, or by name; a "
        "case that lacks one is left out",
    )
    network: bool = Field(False, description="whether it needs a network: METHOD@NETWORK")
    scribbles_as_points: ScribblesAsPoints | None = Field(
        None, description="give it points of the user's scribbles if the protocol draws scribbles"
    )
    points_as_scribbles: bool = Field(
        False,
        description="give it the user's points as scribbles of one voxel if the protocol draws points",
    )

    def extra_channels(self, of_cohort: Sequence[str]) -> tuple[str, ...]:
        """The names of the channels that the method gets in addition to the structure's own.

        Args:
            of_cohort: `channels` of the cohort's card.

        Returns:
            Names in order; none for a method that takes one channel.
        """
        if isinstance(self.channels, list):
            return tuple(self.channels)
        return tuple(of_cohort) if self.channels == "all" else ()

    def adaptation(self, drawn: Drawn, prompts: Collection[str]) -> str:
        """How the user's prompts are changed for a method, in words.

        Args:
            drawn: prompts that the user draws.
            prompts: prompts that the method takes.

        Returns:
            Such as `scribbles as points, 3 along each stroke`; empty if the prompts stay as they are or do not fit.
        """
        if drawn in prompts:
            return ""
        if drawn == "points" and self.points_as_scribbles and "scribbles" in prompts:
            return "points as scribbles of one voxel"
        rule = self.scribbles_as_points
        if drawn == "scribbles" and rule and "points" in prompts:
            place = "along" if rule.where == "along" else "from end to end of"
            return f"scribbles as points, {rule.points} {place} each stroke"
        return ""
