"""How far a run is: what is done, what goes on, what failed and why, from its files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import time

from bifseg.core.errors import InputError
from bifseg.runs.run_folder import Run
from bifseg.sessions.archive import Archive

_RATE_S = 3600.0
STILL_S = 600.0
"""Who stored nothing for so long is not taken to be at work."""


@dataclass(frozen=True)
class Progress:
    """One thing that the run makes.

    Attributes:
        what: its name.
        done, of: how much of it is there; `of` is 0 where that is not known yet.
        state: `done`, `running`, `stopped` (begun, and nothing was stored for `STILL_S`) or `waiting`.
        left_s: estimated from what was stored in the last hour, while it is running; else None.
        failed: stored sessions that are not ok, by status and reason.
    """

    what: str
    done: int
    of: int
    state: str
    left_s: float | None = None
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)


def progress(folder: Path, now: float | None = None) -> Iterator[Progress]:
    """Cohorts, networks, entries and the report of a run's folder, in the order in which they are made.

    Args:
        folder: RESULTS/RUN.
        now: seconds since 1970; by default the time that it is.

    Raises:
        InputError: there is no such run.
    """
    run, now = Run(folder), time() if now is None else now
    names: dict[str, list[str]] = {}
    for name in run.card.cohorts:
        try:
            names[name] = [trial.session for trial in run.trials(run.cohort(name))]
        except InputError:
            names[name] = []
        yield _made(f"cohort {name}", run.folder / "cohorts" / name / "cohort.json", now)
    for cohort, network in run.networks():
        yield _made(f"network {network} on {cohort}", run.network(cohort, network) / "weights.pt", now)
    for condition in run.conditions():
        what = f"{condition.entry} on {condition.cohort}, {condition.protocol}"
        yield _played(what, run.sessions(condition), names[condition.cohort], now)
    made = (run.folder / "report.html").exists()
    yield Progress("report", int(made), 1, "done" if made else "waiting")


def _made(what: str, last: Path, now: float) -> Progress:
    """A folder whose last file tells that it is whole."""
    folder = last.parent
    if last.exists():
        return Progress(what, 1, 1, "done")
    times = [path.stat().st_mtime for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
    return Progress(what, 0, 1, _state(times, now))


def _played(what: str, folder: Path, names: list[str], now: float) -> Progress:
    archive = Archive(folder)
    stored = archive.stored()
    there = [name for name in names if name in stored]
    failed = Counter(
        (stored[name], archive.load(name).error.partition(": ")[2]) for name in there if stored[name] != "ok"
    )
    if there and len(there) == len(names):
        return Progress(what, len(there), len(names), "done", failed=failed)
    times = sorted(path.stat().st_mtime for path in folder.rglob("*.zip"))
    state, recent = _state(times, now), [t for t in times if now - t < _RATE_S]
    rate = (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 and recent[-1] > recent[0] else 0.0
    left_s = (len(names) - len(there)) / rate if rate and state == "running" else None
    return Progress(what, len(there), len(names), state, left_s, failed)


def _state(times: list[float], now: float) -> str:
    if not times:
        return "waiting"
    return "running" if now - max(times) < STILL_S else "stopped"
