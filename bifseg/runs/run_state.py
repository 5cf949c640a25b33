"""The state of a whole run while it is played: what is done, what fraction that is, and the time left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from shutil import which
from time import monotonic

from bifseg.core.files import read_record
from bifseg.runs.expected_times import ExpectedTimes
from bifseg.runs.run_folder import Run
from bifseg.runs.status import Progress, progress

RESULTS_S = 30.0
"""Seconds of the last step, as measured on the demo."""
_COHORT_S, _TRAINING_S = 10.0, 120.0  # until a log says more
_PRIOR_S = 20.0  # weight of the expected times against those that are seen here
_LEFT = re.compile(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d) left$")

RunningJob = tuple[str, Path | None]
"""What a job does, and its log."""


@dataclass(frozen=True)
class State:
    """A run at one moment.

    Attributes:
        parts: cohorts, networks, entries and the report.
        fraction: of the whole work, from 0 to 1.
        left_s: seconds until the report; None while nothing is known about them.
        running: what jobs do, each with the last progress line of its log.
    """

    parts: list[Progress]
    fraction: float
    left_s: float | None
    running: list[tuple[str, str]]

    def stage(self, name: str) -> list[Progress]:
        """The parts of a stage.

        Args:
            name: `cohorts`, `networks`, `sessions` or `report`.

        Returns:
            Parts in the order of the workflow.
        """
        return [part for part in self.parts if part.stage == name]


class RunState:
    """Reads the state of a run again and again, and learns how long its sessions take here.

    Args:
        folder: RESULTS/RUN.
        cores: jobs of one core that work at the same time.

    Attributes:
        cores: may change from one reading to the next.
    """

    def __init__(self, folder: Path, cores: int) -> None:
        self._run, self.cores = Run(folder), cores
        self._times = ExpectedTimes(folder.parent / "history.jsonl")
        self._dimensions: dict[str, int] = {}
        self._before: float | None = None  # expected seconds of the sessions that an earlier run played
        self._spent, self._last = 0.0, monotonic()

    def read(self, running: Sequence[RunningJob], n_session_jobs: int) -> State:
        """The state now.

        Args:
            running: jobs other than those of sessions.
            n_session_jobs: number of running jobs of sessions.

        Returns:
            The state, from the run's files and the logs of running jobs.
        """
        parts, now = list(progress(self._run.folder)), monotonic()
        self._spent, self._last = self._spent + n_session_jobs * (now - self._last), now
        lines = [(what, _last_line(path)) for what, path in running]
        lefts = [left for _, line in lines if (left := _left_s(line)) is not None]
        expected = [self._expected_s(part) for part in parts]
        done = [s * part.done / part.of if part.of else 0.0 for s, part in zip(expected, parts, strict=True)]
        is_session = [part.stage == "sessions" for part in parts]
        played, sessions = (sum(compress(seconds, is_session)) for seconds in (done, expected))
        training = _others_s(parts, lefts)
        if self._before is None:
            self._before = played
        learnt = played - self._before
        # How much slower this machine is than expected.
        scale = (self._spent + _PRIOR_S) / (learnt + _PRIOR_S)
        at_once = max([(scale * (sessions - played) + training) / max(self.cores, 1), *lefts])
        last = 0.0 if parts[-1].done else RESULTS_S
        known = bool(lefts or learnt) or not (sessions > played or training)
        whole = sum(expected)
        return State(parts, sum(done) / whole if whole else 1.0, at_once + last if known else None, lines)

    def _expected_s(self, part: Progress) -> float:
        if part.condition is None:
            return {"cohorts": _COHORT_S, "networks": _TRAINING_S}.get(part.stage, RESULTS_S)
        cohort, method = part.condition.cohort, part.condition.method
        dimension = self._dimension(cohort)
        return self._times.sessions(cohort, dimension, method, part.of or 20).seconds

    def _dimension(self, cohort: str) -> int | None:
        """2 or 3; None before the cohort is prepared."""
        if cohort not in self._dimensions:
            with suppress(OSError, ValueError):
                about = self._run.folder / "cohorts" / cohort / "cohort.json"
                self._dimensions[cohort] = read_record(about, "dimension")["dimension"]
        return self._dimensions.get(cohort)


def _others_s(parts: Sequence[Progress], lefts: Sequence[float]) -> float:
    """Seconds of one core until cohorts and networks are made."""
    waiting = sum(part.done < part.of for part in parts if part.stage == "networks")
    cohorts = sum(part.done < part.of for part in parts if part.stage == "cohorts")
    each = max(lefts, default=_TRAINING_S)
    return sum(lefts) + max(0, waiting - len(lefts)) * each + cohorts * _COHORT_S


def _last_line(path: Path | None) -> str:
    """The last progress line of a log, without the name of the work; on a cluster, jobs wait before they have one."""
    if path and not path.is_file():
        return "waits for its start" + ("; squeue --me -o '%k %r' says why" if which("squeue") else "")
    with suppress(OSError):
        for line in reversed(path.read_text(encoding="utf-8", errors="replace").splitlines() if path else []):
            if _LEFT.search(line):
                return line.partition(": ")[2]
    return ""


def _left_s(line: str) -> float | None:
    match = _LEFT.search(line)
    if not match:
        return None
    days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    return 86400.0 * days + 3600 * hours + 60 * minutes + seconds
