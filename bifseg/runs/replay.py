"""Recorded interactions for another method: where they come from, and the sessions that are played with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.files import differences
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import fingerprint
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.scribbles import Stroke
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shard_plan import Trial
from bifseg.runs.shards import load_sessions
from bifseg.sessions.drawn_maps import Labels, find_maps, read_rounds
from bifseg.sessions.game import User, View
from bifseg.sessions.record import Identity, Session


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
    """Plays a recording; see `sessions.User`."""

    image: Image
    recording: Recording
    ignored: Mask | None = None

    @property
    def rounds(self) -> int:
        """As many as were recorded."""
        return len(self.recording.rounds)

    @property
    def target(self) -> None:
        """None: no result ends a replay."""

    @property
    def time_limit_s(self) -> None:
        """None: the method's own limit alone counts."""

    def box(self) -> Box:
        """The recorded box."""
        return self.recording.box

    def is_satisfied_with(self, result: Mask) -> bool:
        """No result ends a replay."""
        return False

    def next_strokes(self, view: View) -> list[Stroke]:
        """The strokes of the recorded round."""
        return list(self.recording.rounds[view.number - 1])

    def stuck_reason(self, view: View, strokes: list[Stroke]) -> str:
        """Never."""
        return ""


Recordings = Mapping[Trial, Recording]
"""What was drawn in each trial."""


@dataclass(frozen=True)
class Replay(JobSetup):
    """One method on the recordings of many objects."""

    recordings: Recordings = field(default_factory=dict)

    def identity(self, trial: Trial) -> Identity:
        """The key columns, with who drew in the recording."""
        told = self.recordings[trial]
        return replace(super().identity(trial), policy=told.policy, box=told.box_kind, user=told.user)

    def user(self, trial: Trial) -> User:
        """The recorded user of an object."""
        row = self.rows[trial.object]
        return Recorded(self.cohort.image(row), self.recordings[trial], self.cohort.ignored(row))

    def fingerprint(self, trial: Trial) -> str:
        """Hash of everything that the session's result depends on."""
        return fingerprint(super().fingerprint(trial), self.recordings[trial].digest())

    def rules(self) -> dict[str, Any]:
        """What the sessions were played by: nobody looked at a result, so nobody's mistakes were corrected."""
        return super().rules() | {"scribbles_on": "recorded"}


def replay_of(setup: JobSetup, recordings: Recordings, name: str) -> Replay:
    """The replay of recordings, at least one, to a setup's method; `name` is its protocol where it has none."""
    first = next(iter(recordings.values()))
    told = {"policy": first.policy, "box": first.box_kind, "user": first.user}
    most = max(len(recording.rounds) for recording in recordings.values())
    changed = replace(
        setup,
        protocol=setup.protocol.model_copy(update={"rounds": most, "target": None, "patience": None, **told}),
        protocol_name=setup.protocol_name or name,
        replicates=1 + max(trial.replicate for trial in recordings),
    )
    return Replay(**vars(changed), recordings=recordings)


def recorded_sessions(
    folder: Path, cohort: Cohort, objects: Iterable[ObjectRow], replicates: int = 1
) -> tuple[dict[Trial, Recording], str]:
    """What was drawn in stored sessions, and a name for it: PROTOCOL-of-ENTRY.

    Raises:
        InputError: a session is missing, or was played on another grid than the cohort's image now has.
    """
    found, name = {}, ""
    for row, session in load_sessions(folder, objects, replicates):
        wrong = list(differences(cohort.image(row).grid, session.grid))
        if wrong:
            raise InputError(f"{folder}: {row.object}: {'; '.join(wrong)}; it was recorded on another image")
        who = session.identity
        found[Trial(row.object, who.replicate)] = Recording.of(session)
        name = f"{who.protocol}-of-{'@'.join(filter(None, (who.method, who.network)))}"
    return found, name


def recorded_scribbles(
    folder: Path, setup: JobSetup, objects: Iterable[ObjectRow], labels: Labels, user: str
) -> dict[Trial, Recording]:
    """What a person drew in label maps, in the boxes that the robot draws in sessions of the same seed.

    Args:
        folder: label maps, named as `find_maps` says.
        setup: gives the cohort, the seed and the kind of box.
        objects: each needs its maps.
        labels: values of the maps.
        user: the person.

    Raises:
        InputError: see `find_maps` and `read_rounds`.
    """
    found = {}
    for row in objects:
        cohort, maps = setup.cohort, find_maps(folder, row.object)
        rounds = read_rounds(maps, cohort.whole_grid(row), row.plane, labels)
        box = setup.user(Trial(row.object)).box()
        found[Trial(row.object)] = Recording(box, rounds, "recorded", setup.protocol.box, user)
    return found
