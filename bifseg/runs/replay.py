"""Replay: another method gets recorded boxes and strokes, of stored sessions or of people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from typing_extensions import override

from bifseg.cards.cards import IN_IMAGE, ProtocolCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import fingerprint, read_record
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.grid_differences import differences
from bifseg.core.scribbles import Stroke
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shard_plan import Trial
from bifseg.runs.shards import load_sessions
from bifseg.sessions.drawn_maps import Labels, find_maps, read_rounds
from bifseg.sessions.record import Identity, Session
from bifseg.sessions.users import User, View


@dataclass(frozen=True)
class Recording:
    """The prompts of a session.

    Attributes:
        box: the box on the object's grid.
        rounds: strokes of each round on the object's grid.
        policy: the robot's policy, or `recorded` for people's strokes.
        box_kind: the box as the column `box` names it.
        user: name of the robot's level or of the person.
        window: where results may lie; None: inside the box.
    """

    box: Box
    rounds: tuple[tuple[Stroke, ...], ...]
    policy: str
    box_kind: str
    user: str
    window: Box | None = None

    @classmethod
    def of(cls, session: Session) -> Recording:
        """The prompts of a stored session.

        Args:
            session: a session; of a failed one, the rounds before the failure count.

        Returns:
            Its box and its rounds of strokes.
        """
        who = session.identity
        rounds: tuple[tuple[Stroke, ...], ...] = ()
        for step in session.steps:
            if step.round:
                rounds = rounds[:-1] if step.undo else (*rounds, step.strokes)
        box, window = session.drawn_box or session.box, session.box
        return cls(box, rounds, who.policy, who.box, who.user, None if window == box else window)

    def digest(self) -> str:
        """Hash of all prompts that a method gets.

        Returns:
            Hexadecimal digits.
        """
        painted = [
            [(s.foreground, s.path.tolist(), s.voxels.tolist()) for s in strokes] for strokes in self.rounds
        ]
        window = (self.window.lower, self.window.upper) if self.window else ()
        return fingerprint(self.box.lower, self.box.upper, *window, painted)


@dataclass(frozen=True)
class RecordedUser:
    """A user who repeats a recording; see `sessions.users.User`."""

    image: Image
    recording: Recording
    protocol: ProtocolCard
    ignored: Mask | None = None

    @property
    def rounds(self) -> int:
        """Number of recorded rounds."""
        return len(self.recording.rounds)

    @property
    def target(self) -> None:
        """None: no result ends a replay."""

    @property
    def time_limit_s(self) -> None:
        """None: only the method's own limit counts."""

    def box(self) -> Box:
        """The recorded box.

        Returns:
            A box on the object's grid.
        """
        return self.recording.box

    def window(self, box: Box) -> Box:
        """Where results may lie.

        Args:
            box: the recorded box.

        Returns:
            The recorded window; the box if there is none.
        """
        return self.recording.window or box

    @property
    def existing(self) -> None:
        """None: sessions that begin with a mask are not replayed."""

    def is_worse(self, result: Mask, before: Mask) -> bool:
        """Whether the user takes back a correction.

        Args:
            result: not used.
            before: not used.

        Returns:
            False: what was taken back in the recording is not replayed.
        """
        return False

    def is_satisfied_with(self, result: Mask) -> bool:
        """Whether a result ends the replay.

        Args:
            result: not used.

        Returns:
            False: every recorded round is replayed.
        """
        return False

    def next_strokes(self, view: View) -> list[Stroke]:
        """The strokes of a recorded round.

        Args:
            view: only its round counts.

        Returns:
            Strokes on the object's grid, whatever the result so far.
        """
        return list(self.recording.rounds[view.number - 1])

    def stuck_reason(self, view: View, strokes: list[Stroke]) -> str:
        """Why the user gives up.

        Args:
            view: not used.
            strokes: not used.

        Returns:
            An empty text: a replay never gives up.
        """
        return ""


Recordings = Mapping[Trial, Recording]
"""The recorded prompts of each trial."""


@dataclass(frozen=True)
class Replay(JobSetup):
    """One method on the recordings of many objects.

    Attributes:
        recordings: the prompts of each trial.
    """

    recordings: Recordings = field(default_factory=dict)

    @override
    def identity(self, trial: Trial) -> Identity:
        source = self.recordings[trial]
        return replace(super().identity(trial), policy=source.policy, box=source.box_kind, user=source.user)

    @override
    def user(self, trial: Trial) -> User:
        row = self.rows[trial.object]
        image, ignored = self.cohort.image(row, self.channels), self.cohort.ignored(row)
        return RecordedUser(image, self.recordings[trial], self.protocol, ignored)

    @override
    def fingerprint(self, trial: Trial) -> str:
        return fingerprint(super().fingerprint(trial), self.recordings[trial].digest())

    @override
    def rules(self) -> dict[str, Any]:
        # no user corrects a result
        return super().rules() | {"scribbles_on": "recorded"}


def replay_of(setup: JobSetup, recordings: Recordings, name: str) -> Replay:
    """The replay of recordings to a setup's method.

    Args:
        setup: the cohort, the method and its network.
        recordings: prompts of at least one trial.
        name: name of the replay's protocol if the setup has none.

    Returns:
        A setup with as many rounds and replicates as the recordings have, and neither target nor patience.
    """
    first = next(iter(recordings.values()))
    source = {"policy": first.policy, "user": first.user}
    if setup.protocol.begin in ("auto", "box"):
        source["box"] = first.box_kind.removesuffix(IN_IMAGE)
    most = max(len(recording.rounds) for recording in recordings.values())
    changed = replace(
        setup,
        protocol=setup.protocol.model_copy(
            update={"rounds": most, "target": None, "patience": None, **source}
        ),
        protocol_name=setup.protocol_name or name,
        replicates=1 + max(trial.replicate for trial in recordings),
    )
    return Replay(**vars(changed), recordings=recordings)


def recorded_sessions(
    folder: Path, cohort: Cohort, objects: Iterable[ObjectRow], replicates: int = 1
) -> tuple[dict[Trial, Recording], str]:
    """The prompts of stored sessions.

    Args:
        folder: the folder of an entry's sessions.
        cohort: the cohort of the objects.
        objects: objects whose sessions are read.
        replicates: sessions of each object.

    Returns:
        The prompts by trial, and a name for them: PROTOCOL-of-ENTRY. Without objects both are empty.

    Raises:
        InputError: a session of an object is missing or damaged, or its grid is not that of the cohort's image.
    """
    recordings, name = {}, ""
    for row, session in load_sessions(folder, objects, replicates):
        unequal = list(differences(cohort.image(row).grid, session.grid))
        if unequal:
            raise InputError(
                f"{folder}: {row.object}: {'; '.join(unequal)}; it was recorded on another image"
            )
        source = session.identity
        recordings[Trial(row.object, source.replicate)] = Recording.of(session)
        name = f"{source.protocol}-of-{'@'.join(filter(None, (source.method, source.network)))}"
    return recordings, name


def recorded_rules(folder: Path) -> dict[str, Any]:
    """The rules of stored sessions that a replay keeps.

    Args:
        folder: the folder of an entry's sessions.

    Returns:
        Values by the keys `begin`, `correct` and `window`, as far as `protocol.json` has them.

    Raises:
        InputError: the sessions begin with a mask, or were disturbed.
    """
    path = folder / "protocol.json"
    rules = read_record(path) if path.is_file() else {}
    if rules.get("begin") == "mask":
        raise InputError(
            f"{folder}: its sessions begin with a mask, which a replay cannot give; use `bifseg run` instead"
        )
    disturb = rules.get("disturb")
    if disturb and disturb["levels"] != [0]:
        raise InputError(
            f"{folder}: its sessions were disturbed ({disturb['axis']}); play the method under their protocol instead"
        )
    return {key: rules[key] for key in ("begin", "correct", "window") if key in rules}


def recorded_scribbles(
    folder: Path, setup: JobSetup, objects: Iterable[ObjectRow], labels: Labels, user: str
) -> dict[Trial, Recording]:
    """A person's scribbles from label maps, with the box that the robot draws by the setup's seed.

    Args:
        folder: label maps, named as for `find_maps`.
        setup: gives the cohort, the seed and the kind of box.
        objects: objects of the cohort, each with a map.
        labels: values of the maps.
        user: name of the person.

    Returns:
        The prompts by trial, all of replicate 0.

    Raises:
        InputError: maps are missing or wrong; see `find_maps` and `read_rounds`.
    """
    recordings = {}
    for row in objects:
        cohort, maps = setup.cohort, find_maps(folder, row.object)
        rounds = read_rounds(maps, cohort.whole_grid(row), row.plane, labels)
        box = setup.user(Trial(row.object)).box()
        recordings[Trial(row.object)] = Recording(box, rounds, "recorded", setup.protocol.box, user)
    return recordings
