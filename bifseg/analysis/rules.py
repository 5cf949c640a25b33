"""Stopping rules: when the sessions of a protocol end, and what never reaching a target costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bifseg.core.errors import InputError
from bifseg.robot.effort import longest_seconds


@dataclass(frozen=True)
class StoppingRule:
    """When the sessions of a protocol end.

    Attributes:
        rounds: most rounds.
        target: Dice at which a session ends early; None: sessions use all rounds.
        strokes_per_label: most strokes on either label in a round.
    """

    rounds: int
    target: float | None
    strokes_per_label: int = 1

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> StoppingRule:
        """The rule of a protocol card.

        Args:
            card: values by the keys of a protocol card.

        Returns:
            The rule.
        """
        return cls(card["rounds"], card["target"], card.get("strokes_per_label", 1))

    def plays_to(self, target: float) -> bool:
        """Whether sessions go on until a target or the last round, so that the target can be evaluated.

        Args:
            target: Dice in (0, 1].

        Returns:
            False if sessions end at a lower Dice.
        """
        return self.target is None or target <= self.target

    def limits(self, sessions: pd.DataFrame) -> dict[str, pd.Series]:
        """The cost of never reaching a target: one round more than allowed, with the most strokes in every round.

        A round has `strokes_per_label` strokes on the foreground and as many on the background. Each stroke lies in
        its own slice and is as long as the longest side of the object's box; the user views all slices of the box.

        Args:
            sessions: rows of the scores.

        Returns:
            A value a row for `round`, `n_prompts` (the box counts 1), `n_strokes` and `user_s` (NaN for scores of
            older versions, which lack the size of the box).
        """
        rounds, strokes = self.rounds + 1, 2 * self.strokes_per_label
        seconds = longest_seconds(rounds, strokes, sessions["box_slices"], sessions["box_mm"])
        counts = {"round": rounds, "n_prompts": 1 + rounds * strokes, "n_strokes": rounds * strokes}
        columns = counts | {"user_s": seconds}
        return {name: pd.Series(values, sessions.index, float) for name, values in columns.items()}

    def goal(self, target: float) -> float:
        """The highest Dice up to the target for which effort can be measured.

        Args:
            target: Dice in (0, 1].

        Returns:
            The target, or the Dice at which sessions end if that is lower.
        """
        return target if self.target is None else min(target, self.target)


def stopping_rule(rules: Mapping[str, StoppingRule], protocol: str) -> StoppingRule:
    """The rule of a protocol.

    Args:
        rules: rules by protocol.
        protocol: name of the protocol.

    Returns:
        The rule.

    Raises:
        InputError: the protocol has no rule, because `protocol.json` is missing beside its sessions.
    """
    if protocol not in rules:
        raise InputError(
            f"sessions/COHORT/{protocol}/ENTRY/protocol.json: missing; run `bifseg run` again: it keeps the "
            "sessions that match and writes this file"
        )
    return rules[protocol]
