"""Recorded interactions for another method: where they come from, and the sessions that are played with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bifseg.cohorts.files import differences
from bifseg.cohorts.objects import Cohort, ObjectRow
from bifseg.errors import BadInput
from bifseg.plans import Task
from bifseg.record import Identity
from bifseg.recorded import Recorded, Recording
from bifseg.scribble_maps import Labels, find_maps, read_rounds
from bifseg.sessions import Guide
from bifseg.shards import Lineup, load_sessions
from bifseg.store import fingerprint

Recordings = Mapping[Task, Recording]
"""By name of the object and replicate."""


@dataclass(frozen=True)
class Replay(Lineup):
    """One method on the recordings of many objects."""

    recordings: Recordings = field(default_factory=dict)

    def identity(self, task: Task) -> Identity:
        """The key columns, with who drew in the recording."""
        told = self.recordings[task]
        return replace(super().identity(task), policy=told.policy, box=told.box_kind, user=told.user)

    def game(self, task: Task) -> Guide:
        """The recorded user of an object."""
        return Recorded(self.identity(task), self.cohort.image(self.rows[task[0]]), self.recordings[task])

    def fingerprint(self, task: Task) -> str:
        """Hash of everything that the session's result depends on."""
        return fingerprint(super().fingerprint(task), self.recordings[task].digest())

    def rules(self) -> dict[str, Any]:
        """What the sessions were played by: nobody looked at a result, so nobody's mistakes were corrected."""
        return super().rules() | {"scribbles_on": "recorded"}


def replay_of(lineup: Lineup, recordings: Recordings, name: str) -> Replay:
    """The replay of recordings, at least one, to a lineup's method; `name` is its protocol where it has none."""
    first = next(iter(recordings.values()))
    told = {"policy": first.policy, "box": first.box_kind, "user": first.user}
    most = max(len(recording.rounds) for recording in recordings.values())
    rules = lineup.protocol.model_copy(update={"rounds": most, "target": None, "patience": None, **told})
    changes = {told.name: getattr(lineup, told.name) for told in fields(Lineup)} | {
        "protocol": rules,
        "protocol_name": lineup.protocol_name or name,
        "replicates": 1 + max(replicate for _, replicate in recordings),
        "recordings": recordings,
    }
    return Replay(**changes)


def recorded_sessions(
    folder: Path, cohort: Cohort, objects: Iterable[ObjectRow], replicates: int = 1
) -> tuple[dict[Task, Recording], str]:
    """What was drawn in stored sessions, and a name for it: PROTOCOL-of-PLAYER.

    Raises:
        BadInput: a session is missing, or was played on another grid than the cohort's image now has.
    """
    found, name = {}, ""
    for row, session in load_sessions(folder, objects, replicates):
        wrong = list(differences(cohort.image(row).grid, session.grid))
        if wrong:
            raise BadInput(f"{folder}: {row.object}: {'; '.join(wrong)}; it was recorded on another image")
        who = session.identity
        found[row.object, who.replicate] = Recording.of(session)
        name = f"{who.protocol}-of-{'@'.join(filter(None, (who.method, who.network)))}"
    return found, name


def recorded_scribbles(
    folder: Path, lineup: Lineup, objects: Iterable[ObjectRow], labels: Labels, user: str
) -> dict[Task, Recording]:
    """What a person drew in label maps, in the boxes that the robot draws in sessions of the same seed.

    Args:
        folder: label maps, named as `find_maps` says.
        lineup: gives the cohort, the seed and the kind of box.
        objects: each needs its maps.
        labels: values of the maps.
        user: the person.

    Raises:
        BadInput: see `find_maps` and `read_rounds`.
    """
    found = {}
    for row in objects:
        cohort, maps = lineup.cohort, find_maps(folder, row.object)
        rounds = read_rounds(maps, cohort.whole_grid(row), cohort.plane(row), labels)
        box = lineup.game((row.object, 0)).box()
        found[row.object, 0] = Recording(box, rounds, "recorded", lineup.protocol.box, user)
    return found
