"""A job's share of the work: one method on many objects, the network loaded once, finished sessions kept."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import table_text, write_json, write_text
from bifseg.methods.contract import BrokenContract
from bifseg.methods.process.process import FailedMethod, MethodError, MethodProcess
from bifseg.networks.unchanged import ForgettingCheck, join_checks
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.pool import share_out
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive
from bifseg.sessions.game import play
from bifseg.sessions.record import Session

log = logging.getLogger(__name__)

Played = tuple[Trial, str]
"""A trial and the status of its session."""
Progress = Callable[[Iterable[Played], int], Iterable[Played]]
"""A display of progress: wraps the trials that are played; its second argument is their number."""


def unwatched(played: Iterable[Played], total: int) -> Iterable[Played]:
    """No display."""
    return played


class SessionWorker:
    """Plays and stores the sessions of a setup; it starts the method's process before the first of them."""

    def __init__(self, setup: JobSetup, folder: Path, number: int) -> None:
        self._setup, self._archive, self._number = setup, Archive(folder), number

    def do(self, trial: Trial) -> str:
        """Play and store a session; returns its status, or `unreadable` if the object's files cannot be read."""
        setup, row = self._setup, self._setup.rows[trial.object]
        try:
            game = setup.user(trial)
        except InputError as error:
            log.error("%s: %s", trial.session, error)
            return "unreadable"
        identity, method = setup.identity(trial), self._method
        method.open()
        session = play(game, method, setup.fingerprint(trial), identity)
        # If it was killed from outside, it has another chance; a crash of its own comes again.
        if method.died:
            method.open()
            session = play(game, method, session.fingerprint, identity)
        if method.killed:  # twice: a job that has more memory is to play it again
            session = replace(session, fingerprint="")
        if setup.fresh_process:
            method.close()
        self._archive.save(trial.session, session, setup.cohort.whole_grid(row), row.plane)
        if session.error:
            log.error("%s: %s", trial.session, session.error)
        return session.status

    def close(self) -> None:
        """Check that the network has not changed, and end the method's process."""
        if "_method" in vars(self):
            if self._check:
                self._write_check(self._check)
            self._method.close()

    def _write_check(self, check: ForgettingCheck) -> None:
        """Write the check; a method that fails in it fails the check alone, for its sessions are stored."""
        part = _check_part(self._archive.folder, self._number, os.getpid())
        try:
            check.write(part)
        except (MethodError, TimeoutError, BrokenContract) as error:
            log.error("%s: the forgetting check failed: %s", self._setup.card_path.stem, error)
            check.write_failure(part, str(error))

    @cached_property
    def _method(self) -> MethodProcess | FailedMethod:
        setup = self._setup
        self._check: ForgettingCheck | None = None
        method: MethodProcess | None = None
        try:
            method = setup.method(self._archive.folder)
            if setup.network:
                self._check = ForgettingCheck(setup.network.name, method.base, setup.cohort, setup.seed)
        except (MethodError, TimeoutError, BrokenContract) as error:
            if method:
                method.close()
            return FailedMethod(error)
        return method


def run_shard(
    setup: JobSetup,
    trials: Sequence[Trial],
    folder: Path,
    number: int = 1,
    workers: int = 1,
    progress: Progress = unwatched,
) -> Counter[str]:
    """Play the missing sessions of a shard and pack all its sessions.

    A session is kept when it is whole and its fingerprint matches. A session that fails is stored as failed; one whose
    method was killed is so too, but a later job plays it again, which may have more memory.
    The rules that were played by are written beside the sessions, in FOLDER/protocol.json.

    Args:
        setup: who plays what.
        trials: the job's share, begun in this order.
        folder: the entry's folder.
        number: of the shard, from 1.
        workers: processes that play, each with a process of the method.
        progress: wraps the sessions that are played.

    Raises:
        InputError: objects whose files cannot be read, after all others were played; or a method that changed its
            network.
    """
    left = missing(setup, trials, folder)
    played = progress(play_missing(setup, left, folder, number, workers), len(left))
    count = Counter(kept=len(trials) - len(left)) + Counter(status for _, status in played)
    if count["unreadable"]:
        raise InputError(
            f"{setup.cohort.folder}: {count['unreadable']} objects cannot be read, see above; mend their files"
        )
    write_json(folder / "protocol.json", setup.rules())
    Archive(folder).pack([trial.session for trial in trials], number)
    return count


def play_missing(
    setup: JobSetup, trials: Sequence[Trial], folder: Path, number: int, workers: int
) -> Generator[Played]:
    """Play trials and store their sessions, unpacked, with the forgetting check of the processes that play.

    Arguments and errors as for `run_shard`.
    """
    try:
        yield from share_out(partial(SessionWorker, setup, folder, number), trials, workers)
    finally:
        checks = list(folder.glob(_check_part(folder, number, "*").name))
        if not join_checks(checks, folder / f"forgetting-{number}.json"):
            raise InputError(
                f"{setup.card_path}: method: it changed the base network; delete {folder} and tune a copy instead"
            )


def missing(setup: JobSetup, trials: Iterable[Trial], folder: Path) -> list[Trial]:
    """The trials to be played: without a stored session, or with one that is damaged or has another fingerprint."""
    archive = Archive(folder)
    return [trial for trial in trials if archive.fingerprint(trial.session) != setup.fingerprint(trial)]


def write_index(folder: Path, trials: Iterable[Trial], path: Path) -> None:
    """List stored sessions: object, replicate, status, how it ended, steps, fingerprint."""
    archive = Archive(folder)
    loaded = ((trial, archive.load(trial.session)) for trial in trials)
    rows = (
        [trial.object, trial.replicate, s.status, s.ended, len(s.steps), s.fingerprint] for trial, s in loaded
    )
    header = ["object", "replicate", "status", "ended", "steps", "fingerprint"]
    write_text(path, table_text(header, rows))


def load_sessions(
    folder: Path, objects: Iterable[ObjectRow], replicates: int = 1
) -> Iterator[tuple[ObjectRow, Session]]:
    """The stored sessions of every object; raises InputError when one is missing or damaged."""
    archive = Archive(folder)
    for row in objects:
        for replicate in range(replicates):
            yield row, archive.load(Trial(row.object, replicate).session)


def _check_part(folder: Path, number: int, process: int | str) -> Path:
    return folder / f".forgetting-{number}-{process}.json"
