"""Stopping rules: when the sessions of a protocol end, and what never reaching a target costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bifseg.cards.cards import ProtocolCard
from bifseg.core.errors import InputError
from bifseg.robot.effort import longest_seconds
from bifseg.robot.policies.registry import policy

_POLICY: str = ProtocolCard.model_fields["policy"].default
"""The policy of cards that name none."""


@dataclass(frozen=True)
class StoppingRule:
    """When the sessions of a protocol end.

    Attributes:
        rounds: most rounds.
        target: Dice at which a session ends early; None: sessions use all rounds.
        strokes: most strokes in a round, on both labels together; None: the policy's number has no bound.
        longest_mm: longest stroke of the policy; 0: it draws dots.
    """

    rounds: int
    target: float | None
    strokes: int | None = 2
    longest_mm: float = 0.0

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> StoppingRule:
        """The rule of a protocol card.

        Args:
            card: values by the keys of a protocol card.

        Returns:
            The rule.
        """
        robot = policy(card.get("policy", _POLICY))
        each = robot.per_correction
        if each and "points" not in (card.get("begin"), card.get("correct")):
            each = max(each, 2)  # in the opening, scribbles mark both labels
        longest_mm = getattr(robot.params, "max_length_mm", 0.0)
        return cls(
            card["rounds"], card["target"], each and each * card.get("strokes_per_label", 1), longest_mm
        )

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

        A round has as many strokes as the policy ever draws. Each stroke lies in its own slice and is as long as the
        longest side of the object's box, or as the policy's longest stroke if that is longer; the user views all slices
        of the box. So it costs more than reaching the target in the last round.

        Args:
            sessions: rows of the scores.

        Returns:
            A value a row for `round` and, unless the number of strokes has no bound, for `n_prompts` (the box counts
            1), `n_strokes` and `user_s` (NaN for scores of older versions, which lack the size of the box).
        """
        rounds = self.rounds + 1
        columns: dict[str, Any] = {"round": rounds}
        if self.strokes is not None:
            strokes = rounds * self.strokes
            length = np.maximum(sessions["box_mm"], self.longest_mm)
            seconds = longest_seconds(rounds, self.strokes, sessions["box_slices"], length)
            columns |= {"n_prompts": 1 + strokes, "n_strokes": strokes, "user_s": seconds}
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
