"""When the sessions of a protocol end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bifseg.core.errors import InputError


@dataclass(frozen=True)
class StoppingRule:
    """When the sessions of a protocol end.

    Attributes:
        rounds: the last round.
        target: Dice at which a session ends before; None plays all rounds.
    """

    rounds: int
    target: float | None

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> StoppingRule:
        """The rule of a protocol card."""
        return cls(card["rounds"], card["target"])

    def show(self, target: float) -> bool:
        """Whether every session is followed until this Dice or the last round."""
        return self.target is None or target <= self.target

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
