"""The sessions of one job: one method on many objects; finished sessions are kept."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

from typing_extensions import override

from bifseg.cards.entries import entry_name
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError, short
from bifseg.core.files import read_record, table_text, write_record, write_text
from bifseg.core.run_place import run_folder
from bifseg.methods.contract import BrokenContract
from bifseg.methods.process.process import FailedMethod, MethodError, MethodProcess
from bifseg.networks.unchanged import ForgettingCheck, join_checks
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.pool import Worker, share_out
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity, Session

log = logging.getLogger(__name__)
_LEFT_OUT = "left-out.json"
"""File beside an entry's sessions: why objects are left out, by the object's name."""

Played = tuple[Trial, str]
"""A trial and the status of its session."""
Progress = Callable[[Iterable[Played], int], Iterable[Played]]
"""A display of progress: passes on the finished trials; its second argument is their number."""


def unwatched(played: Iterable[Played], total: int) -> Iterable[Played]:
    """The finished trials, without a display of progress.

    Args:
        played: trials with the status of their sessions.
        total: not used.

    Returns:
        `played` itself.
    """
    return played


class _SessionWorker(Worker[Trial]):
    # Runs and stores the sessions of a setup; the first one starts the method's process.
    def __init__(self, setup: JobSetup, folder: Path, number: int) -> None:
        self._setup, self._archive, self._number = setup, Archive(folder), number

    @override
    def do(self, trial: Trial) -> str:
        setup, row = self._setup, self._setup.rows[trial.object]
        try:
            user = setup.user(trial)
        except InputError as error:  # the object's files cannot be read; other sessions go on
            log.error("%s: %s", trial.session, error)
            return "unreadable"
        identity, method = setup.identity(trial), self._method
        method.open()
        session = play(user, method, setup.fingerprint(trial), identity, setup.card.plays)
        # A second attempt, since the process may have been killed from outside; a crash of its own happens again.
        if method.died:
            method.open()
            session = play(user, method, session.fingerprint, identity, setup.card.plays)
        if method.killed:  # twice: without a fingerprint, a job with more memory runs the session again
            session = replace(session, fingerprint="")
        if setup.fresh_process:
            method.close()
        self._archive.save(trial.session, session, setup.cohort.whole_grid(row), row.plane)
        if session.error:
            log.error("%s: %s", trial.session, session.error)
        return session.status

    @override
    def close(self) -> None:
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
    """Run the missing sessions of a shard, pack all its sessions, and write the rules to FOLDER/protocol.json.

    An undamaged session with the right fingerprint is kept. A failed session is stored as failed. If its method was
    killed, a later job, which may have more memory, runs it again.

    Args:
        setup: the entry, protocol and cohort.
        trials: the shard's trials in the order of their start.
        folder: the folder of the entry's sessions.
        number: the shard's number, from 1.
        workers: processes that run sessions, each with a process of the method.
        progress: shows the progress of the missing sessions.

    Returns:
        Number of sessions by status; `kept` are those that were not run.

    Raises:
        InputError: files of some objects cannot be read (all others are run first), or the method changed its
            network.
    """
    left = missing(setup, trials, folder)
    played = progress(play_missing(setup, left, folder, number, workers), len(left))
    count = Counter(kept=len(trials) - len(left)) + Counter(status for _, status in played)
    if count["unreadable"]:
        raise InputError(
            f"{setup.cohort.folder}: {count['unreadable']} objects cannot be read, see above; repair their files"
        )
    write_record(folder / "protocol.json", setup.rules())
    write_record(folder / _LEFT_OUT, setup.left_out)
    Archive(folder).pack([trial.session for trial in trials], number)
    return count


def play_missing(
    setup: JobSetup, trials: Sequence[Trial], folder: Path, number: int, workers: int
) -> Generator[Played]:
    """Run trials, store their sessions unpacked, and check that the network has not changed.

    Args:
        setup: the entry, protocol and cohort.
        trials: trials in the order of their start.
        folder: the folder of the entry's sessions.
        number: the shard's number.
        workers: processes that run sessions.

    Yields:
        Each trial with its session's status, or `unreadable`.

    Raises:
        InputError: the method changed its base network.
    """
    try:
        yield from share_out(partial(_SessionWorker, setup, folder, number), trials, workers)
    finally:
        checks = list(folder.glob(_check_part(folder, number, "*").name))
        if not join_checks(checks, folder / f"forgetting-{number}.json"):
            raise InputError(
                f"{setup.card_path}: method: it changed the base network; delete {folder} and tune a copy instead"
            )


def missing(setup: JobSetup, trials: Iterable[Trial], folder: Path) -> list[Trial]:
    """The trials that must be run: their session is missing or damaged, or has another fingerprint.

    Args:
        setup: the entry, protocol and cohort.
        trials: trials of the setup.
        folder: the folder of the entry's sessions.

    Returns:
        Trials in the given order.
    """
    archive = Archive(folder)
    return [trial for trial in trials if archive.fingerprint(trial.session) != setup.fingerprint(trial)]


def write_index(folder: Path, trials: Iterable[Trial], path: Path) -> None:
    """Write a list of stored sessions.

    Args:
        folder: the folder of the entry's sessions.
        trials: trials whose sessions are listed.
        path: tab-separated file with the columns object, replicate, status, ended, steps, fingerprint.

    Raises:
        InputError: a session is missing or damaged.
    """
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
    """The stored sessions of objects.

    Args:
        folder: the folder of the entry's sessions.
        objects: rows of the cohort.
        replicates: sessions of each object.

    Yields:
        Each object's row with a session, replicate by replicate.

    Raises:
        InputError: a session is missing or damaged.
    """
    archive, left_out = (
        Archive(folder),
        read_record(folder / _LEFT_OUT) if (folder / _LEFT_OUT).is_file() else {},
    )
    for row in objects:
        for replicate in range(0 if row.object in left_out else replicates):
            session = archive.load(Trial(row.object, replicate).session)
            _check_place(session.identity, row, folder)
            yield row, session


def _check_place(identity: Identity, row: ObjectRow, folder: Path) -> None:
    """Raise InputError for a session that lies where another entry's belong, or under another object's name."""
    entry = entry_name(identity.method, identity.network)
    place = (identity.cohort, identity.protocol, entry)
    in_run = run_folder(folder) != folder
    if identity.object != row.object or (in_run and folder.absolute().parts[-3:] != place):
        text = f"the session of {row.object} is of {entry} on {identity.object}, {'/'.join(place[:2])}"
        raise InputError(
            f"{folder}: {short(text, 150)}: its file was put in another's place; snakemake --forcerun run_sessions"
        )


def _check_part(folder: Path, number: int, process: int | str) -> Path:
    return folder / f".forgetting-{number}-{process}.json"
