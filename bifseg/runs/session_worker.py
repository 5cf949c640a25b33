"""Runs and stores the sessions of a job's entries in one process."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from typing_extensions import override

from bifseg.cards.entries import entry_name
from bifseg.core.errors import InputError
from bifseg.methods.contract import ContractError
from bifseg.methods.process.failed_method import FailedMethod
from bifseg.methods.process.process import MethodEndedError, MethodError, MethodProcess
from bifseg.methods.process.shared_processes import SharedProcesses
from bifseg.networks.unchanged import UnchangedCheck, forgetting_check
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.pool import Worker
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive
from bifseg.sessions.game import UserError, play
from bifseg.sessions.record import Session
from bifseg.sessions.users import User

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EntryJob:
    """The part of one entry under one protocol in a job.

    Attributes:
        setup: the entry, protocol and cohort.
        folder: the folder of the entry's sessions.
    """

    setup: JobSetup
    folder: Path

    @property
    def name(self) -> str:
        """The entry's name for messages: METHOD@NETWORK, PROTOCOL."""
        network = self.setup.network.name if self.setup.network else ""
        name = entry_name(self.setup.card_path.stem, network)
        return f"{name}, {self.setup.protocol_name}" if self.setup.protocol_name else name


Task = tuple[Trial, tuple[int, ...]]
"""A trial and the numbers of the entries that have no session of it."""
UNREADABLE, UNPLAYED, REFUSED = "unreadable", "unplayed", "refused: "


class SessionWorker(Worker[Task]):
    """Runs and stores sessions, trial by trial: all entries get the image while it is in memory.

    Methods of bifseg that fit together share a process. The first session of an entry opens its method.

    Args:
        jobs: the entries.
        number: the shard's number.
    """

    def __init__(self, jobs: Sequence[EntryJob], number: int) -> None:
        self._jobs, self._number, self._shared = jobs, number, SharedProcesses()
        self._archives = [Archive(job.folder) for job in jobs]
        self._methods: dict[int, MethodProcess | FailedMethod] = {}
        self._checks: dict[int, UnchangedCheck] = {}
        self._refused: dict[int, InputError] = {}

    @override
    def do(self, task: Task) -> list[str]:
        trial, entries = task
        return [self._play(entry, trial) for entry in entries]

    def _play(self, entry: int, trial: Trial) -> str:
        """The status of a new session, `unreadable`, `unplayed`, or why the entry cannot play at all."""
        setup = self._jobs[entry].setup
        row = setup.rows[trial.object]
        try:
            user = setup.user(trial)
        except InputError as error:  # the object's files cannot be read; other sessions go on
            log.error("%s: %s", trial.session, error)
            return UNREADABLE
        try:
            method = self._method(entry)
        except InputError as error:
            return f"{REFUSED}{error}"
        try:
            session = play_trial(setup, trial, user, method)
        except (UserError, InputError) as error:  # not the method failed: no session; others go on
            log.error("%s: %s", trial.session, error)
            return UNPLAYED
        self._archives[entry].save(trial.session, session, setup.cohort.whole_grid(row), row.plane)
        if session.error:
            log.error("%s: %s", trial.session, session.error)
        return session.status

    @override
    def close(self) -> None:
        for entry, check in self._checks.items():
            self._write_check(entry, check)
        for method in self._methods.values():
            method.close()

    def _write_check(self, entry: int, check: UnchangedCheck) -> None:
        """Write the check; a method that fails in it fails the check alone, for its sessions are stored."""
        job = self._jobs[entry]
        part = check_part(job.folder, self._number, os.getpid())
        try:
            check.write(part)
        except (MethodError, TimeoutError, ContractError) as error:
            log.error("%s: the forgetting check failed: %s", job.setup.card_path.stem, error)
            check.write_failure(part, str(error))

    def _method(self, entry: int) -> MethodProcess | FailedMethod:
        """The entry's method, opened once; raises InputError if it cannot play here."""
        if entry in self._refused:
            raise self._refused[entry]
        if entry not in self._methods:
            try:
                self._methods[entry] = self._started(entry)
            except InputError as error:
                self._refused[entry] = error
                raise
        return self._methods[entry]

    def _started(self, entry: int) -> MethodProcess | FailedMethod:
        """The entry's method; one whose process died as it opened is started once more, since all sessions need it."""
        try:
            with suppress(MethodEndedError):
                return self._opened(entry)
            return self._opened(entry)
        except (MethodError, TimeoutError, ContractError) as error:
            return FailedMethod(error)

    def _opened(self, entry: int) -> MethodProcess:
        setup = self._jobs[entry].setup
        method = setup.method(self._jobs[entry].folder, self._shared)
        try:
            if setup.network:
                name = setup.network.name
                self._checks[entry] = (
                    UnchangedCheck(name, method.weights)
                    if method.weights()
                    else forgetting_check(name, method.base, setup.cohort, setup.seed, setup.channels)
                )
        except (MethodError, TimeoutError, ContractError):
            method.close()
            raise
        return method


def play_trial(setup: JobSetup, trial: Trial, user: User, method: MethodProcess | FailedMethod) -> Session:
    """The session of a trial.

    Args:
        setup: the entry, protocol and cohort.
        trial: an object of the cohort, with its replicate.
        user: draws the box and the strokes.
        method: the entry's method; it is closed if every session of the setup starts a new process.

    Returns:
        The record. It has no fingerprint if the method was killed twice: a job with more memory runs it again.

    Raises:
        UserError: the user failed, not the method.
        InputError: the user did, for a file or a prompt that cannot be used.
    """
    identity, plays = setup.identity(trial), setup.card.plays
    try:
        method.open()
        session = play(user, method, setup.fingerprint(trial), identity, plays)
        # A second attempt, since the process may have been killed from outside; a crash of its own happens again.
        if method.died:
            method.open()
            session = play(user, method, session.fingerprint, identity, plays)
        return replace(session, fingerprint="") if method.killed else session
    finally:
        if setup.fresh_process:
            method.close()


def check_part(folder: Path, number: int, process: int | str) -> Path:
    """The file of a process's forgetting check, which the job joins with the others.

    Args:
        folder: the folder of an entry's sessions.
        number: the shard's number.
        process: number of the process; `*` for a pattern.

    Returns:
        A hidden file in the folder.
    """
    return folder / f".forgetting-{number}-{process}.json"
