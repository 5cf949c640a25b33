"""A user whose box and strokes were recorded: the same, step by step, whatever the method answers."""

from __future__ import annotations

from dataclasses import dataclass

from bifseg.geometry import Box, Image, Mask
from bifseg.record import Identity, Session
from bifseg.scribbles import Stroke
from bifseg.sessions import Look
from bifseg.store import fingerprint


@dataclass(frozen=True)
class Recording:
    """The user's part of a session.

    Attributes:
        box: on the object's grid.
        rounds: strokes of each round, on the object's grid.
        policy: what drew them: a policy, or `recorded` for people.
        box_kind: what drew the box.
        user: who.
    """

    box: Box
    rounds: tuple[tuple[Stroke, ...], ...]
    policy: str
    box_kind: str
    user: str

    @classmethod
    def of(cls, session: Session) -> Recording:
        """What was drawn in a session; of one that failed, before that."""
        who = session.identity
        rounds = tuple(step.strokes for step in session.steps if step.round)
        return cls(session.box, rounds, who.policy, who.box, who.user)

    def digest(self) -> str:
        """Hash of all that a method is given."""
        painted = [
            [(s.foreground, s.path.tolist(), s.voxels.tolist()) for s in strokes] for strokes in self.rounds
        ]
        return fingerprint(self.box.lower, self.box.upper, painted)


@dataclass(frozen=True)
class Recorded:
    """Plays a recording; see `sessions.Guide`."""

    identity: Identity
    image: Image
    recording: Recording

    @property
    def rounds(self) -> int:
        """As many as were recorded."""
        return len(self.recording.rounds)

    def box(self) -> Box:
        """The recorded box."""
        return self.recording.box

    def reached(self, result: Mask) -> bool:
        """No result ends a replay."""
        return False

    def asks(self, look: Look) -> list[Stroke]:
        """The strokes of the recorded round."""
        return list(self.recording.rounds[look.number - 1])

    def gives_up(self, look: Look, strokes: list[Stroke]) -> str:
        """Never."""
        return ""
