"""When the sessions of a protocol end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bifseg.core.errors import InputError


@dataclass(frozen=True)
class StoppingRule:
    """When the sessions of a protocol end: after so many rounds, or at this Dice; None plays all rounds."""

    rounds: int
    target: float | None

    def show(self, target: float) -> bool:
        """Whether every session is followed until this target or the last round."""
        return self.target is None or target <= self.target

    def goal(self, target: float) -> float:
        """What sessions can be counted to: the target, or where they end if that is lower."""
        return target if self.target is None else min(target, self.target)


def stopping_rule(rules: Mapping[str, StoppingRule], protocol: str) -> StoppingRule:
    """The rules of a protocol with sessions; raises InputError when nothing tells them."""
    if protocol not in rules:
        raise InputError(
            f"sessions/COHORT/{protocol}/ENTRY/protocol.json: is not there; run `bifseg run` again, which keeps "
            "the sessions that match and writes it"
        )
    return rules[protocol]
