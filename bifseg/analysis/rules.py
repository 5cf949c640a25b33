"""When the sessions of a protocol end."""

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
        rounds: the last round.
        target: Dice at which a session ends before; None plays all rounds.
        strokes_per_label: most strokes on either label in a round.
    """

    rounds: int
    target: float | None
    strokes_per_label: int = 1

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> StoppingRule:
        """The rule of a protocol card."""
        return cls(card["rounds"], card["target"], card.get("strokes_per_label", 1))

    def show(self, target: float) -> bool:
        """Whether every session is followed until this Dice or the last round."""
        return self.target is None or target <= self.target

    def limits(self, sessions: pd.DataFrame) -> dict[str, pd.Series]:
        """What never reaching a target costs: one round more than the last, each with the most strokes.

        A round has `strokes_per_label` strokes on the foreground and on the background. Each of them is in a slice of
        its own and as long as the longest side of the object's box; the user looks through the whole box.

        Args:
            sessions: rows of the scores.

        Returns:
            `round`, `n_prompts` (the box counts 1), `n_strokes` and `user_s` (NaN for scores of older versions, which
            do not hold the size of the box), a value a row.
        """
        rounds, strokes = self.rounds + 1, 2 * self.strokes_per_label
        seconds = longest_seconds(rounds, strokes, sessions["box_slices"], sessions["box_mm"])
        counts = {"round": rounds, "n_prompts": 1 + rounds * strokes, "n_strokes": rounds * strokes}
        columns = counts | {"user_s": seconds}
        return {name: pd.Series(values, sessions.index, float) for name, values in columns.items()}

    def goal(self, target: float) -> float:
        """The Dice that rounds can be counted to: the target, or where sessions end if that is lower."""
        return target if self.target is None else min(target, self.target)


def stopping_rule(rules: Mapping[str, StoppingRule], protocol: str) -> StoppingRule:
    """The rule of a protocol.

    Raises:
        InputError: the protocol has no rule, because its sessions lie without protocol.json.
    """
    if protocol not in rules:
        raise InputError(
            f"sessions/COHORT/{protocol}/ENTRY/protocol.json: missing; run `bifseg run` again, which keeps "
            "the sessions that match and writes it"
        )
    return rules[protocol]
