"""A run's status, read from its files: what is done, what is running, what failed and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import time

from bifseg.core.errors import InputError
from bifseg.runs.run_folder import Condition, Run
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive, left_out_of

_RATE_S = 3600.0
STILL_S = 600.0
"""Seconds without a new file after which a part of the run counts as stopped."""


@dataclass(frozen=True)
class Progress:
    """The status of one part of a run: a cohort, a network, a condition's sessions, or the report.

    Attributes:
        what: the part's name.
        done: number of its finished sessions or files.
        of: number of all its sessions or files; 0 if it is not known yet.
        state: `done`, `running`, `stopped` (started, but no new file for `STILL_S`) or `waiting`.
        left_s: seconds left at the rate of the last hour; None if the part is not running.
        failed: number of sessions whose status is not `ok`, and of damaged lists, by status and reason.
        stage: `cohorts`, `networks`, `sessions` or `report`.
        condition: the entry under a protocol on a cohort; None for other parts.
    """

    what: str
    done: int
    of: int
    state: str
    left_s: float | None = None
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    stage: str = "report"
    condition: Condition | None = None


def progress(folder: Path, now: float | None = None) -> Iterator[Progress]:
    """The status of all parts of a run.

    Args:
        folder: RESULTS/RUN.
        now: seconds since 1970; None: the current time.

    Yields:
        Cohorts, networks, conditions and the report, in the order of the workflow. The report is not done before all
        others are: it may be that of an earlier, smaller configuration.

    Raises:
        InputError: there is no such run.
    """
    run, all_done = Run(folder), True
    for part in _before_the_report(run, time() if now is None else now):
        all_done = all_done and part.state == "done"
        yield part
    written = all_done and (run.folder / "report.html").exists()
    yield Progress("report", int(written), 1, "done" if written else "waiting")


def _before_the_report(run: Run, now: float) -> Iterator[Progress]:
    trials: dict[str, list[Trial]] = {}
    for name in run.card.cohorts:
        try:
            trials[name] = run.trials(run.cohort(name))
        except InputError:
            trials[name] = []
        yield _made("cohorts", f"cohort {name}", run.folder / "cohorts" / name / "cohort.json", now)
    for cohort, network in run.networks():
        title = f"network {network} on {cohort}"
        yield _made("networks", title, run.network(cohort, network) / "weights.pt", now)
    for condition in run.conditions():
        yield _played(condition, run.sessions(condition), trials[condition.cohort], now)


def _made(stage: str, title: str, last: Path, now: float) -> Progress:
    """The status of a folder that is complete once its last file exists."""
    folder = last.parent
    if last.exists():
        return Progress(title, 1, 1, "done", stage=stage)
    times = [path.stat().st_mtime for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    return Progress(title, 0, 1, _state(times, now), stage=stage)


def _played(condition: Condition, folder: Path, trials: list[Trial], now: float) -> Progress:
    """The status of a condition's sessions, without those of objects that its method cannot play."""
    left_out, damaged = _left_out(folder)
    names = [trial.session for trial in trials if trial.object not in left_out]
    title = f"{condition.entry} on {condition.cohort}, {condition.protocol}"
    archive = Archive(folder)
    stored = archive.stored()
    stored_names = [name for name in names if name in stored]
    failed = damaged + Counter(
        _failure(archive, name, stored[name]) for name in stored_names if stored[name] != "ok"
    )
    if stored_names and len(stored_names) == len(names):
        return Progress(title, len(stored_names), len(names), "done", None, failed, "sessions", condition)
    times = sorted(path.stat().st_mtime for path in folder.rglob("*.zip"))
    state, recent = _state(times, now), [t for t in times if now - t < _RATE_S]
    rate = (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 and recent[-1] > recent[0] else 0.0
    left_s = (len(names) - len(stored_names)) / rate if rate and state == "running" else None
    return Progress(title, len(stored_names), len(names), state, left_s, failed, "sessions", condition)


def _left_out(folder: Path) -> tuple[dict[str, str], Counter[tuple[str, str]]]:
    """The objects that a condition leaves out, and the fault of a damaged list, which must not hide the rest."""
    try:
        return left_out_of(folder), Counter()
    except InputError as error:
        return {}, Counter({("damaged file", str(error)): 1})


def _failure(archive: Archive, name: str, status: str) -> tuple[str, str]:
    """Status and reason of a session that is not `ok`; a damaged one must not hide the rest of the run."""
    if status == "stuck":  # the session's own reason names its rounds and voxels
        return status, "the last corrections had no effect"
    try:
        return status, archive.load(name).error.partition(": ")[2]
    except InputError:
        return status, "its file is damaged; `bifseg retry` has it run again"


def _state(times: list[float], now: float) -> str:
    if not times:
        return "waiting"
    return "running" if now - max(times) < STILL_S else "stopped"
