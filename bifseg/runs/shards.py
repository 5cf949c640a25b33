"""The sessions of one job: its entries on many objects; finished sessions are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bifseg.cards.entries import entry_name
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError, short
from bifseg.core.files import table_text, write_record, write_text
from bifseg.core.run_place import run_folder
from bifseg.core.wording import counted
from bifseg.networks.unchanged import join_checks
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.pool import share_out
from bifseg.runs.session_worker import (
    REFUSED,
    UNPLAYED,
    UNREADABLE,
    EntryJob,
    SessionWorker,
    Task,
    check_part,
)
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import LEFT_OUT, Archive, left_out_of
from bifseg.sessions.record import Identity, Session

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


def run_shard(
    setup: JobSetup,
    trials: Sequence[Trial],
    folder: Path,
    number: int = 1,
    workers: int = 1,
    progress: Progress = unwatched,
) -> Counter[str]:
    """Run the missing sessions of one entry's shard; see `run_entries`.

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
        InputError: files of some objects cannot be read, the simulated user failed in a session, or the method cannot
            play here or changed its network.
    """
    return run_entries([EntryJob(setup, folder)], trials, number, workers, progress)


def run_entries(
    jobs: Sequence[EntryJob],
    trials: Sequence[Trial],
    number: int = 1,
    workers: int = 1,
    progress: Progress = unwatched,
) -> Counter[str]:
    """Run the missing sessions of a shard, pack all its sessions, and write the rules to FOLDER/protocol.json.

    An undamaged session with the right fingerprint is kept. A failed session is stored as failed. If its method was
    killed, a later job, which may have more memory, runs it again. An entry that cannot play does not stop the others.

    Args:
        jobs: the entries, all on the same cohort.
        trials: the shard's trials in the order of their start; an entry skips those that it leaves out.
        number: the shard's number, from 1.
        workers: processes that run sessions, each with processes of the methods.
        progress: shows the progress of the missing sessions.

    Returns:
        Number of sessions by status; `kept` are those that were not run.

    Raises:
        InputError: files of some objects cannot be read, the simulated user failed in a session, or a method cannot
            play here or changed its network. All other sessions are run and stored first.
    """
    left = missing_of(jobs, trials)
    n_left = sum(len(entries) for _, entries in left)
    problems: dict[str, str] = {}
    played = progress(play_missing(jobs, left, number, workers, problems), n_left)
    count = Counter(status for _, status in played)
    for job in jobs:
        names = [trial.session for trial in played_by(job, trials)]
        count["kept"] += len(names)
        if job.name not in problems:
            write_record(job.folder / "protocol.json", job.setup.rules())
            write_record(job.folder / LEFT_OUT, job.setup.left_out)
            Archive(job.folder).pack(names, number)
    count["kept"] -= n_left
    if problems:
        raise InputError("; ".join(dict.fromkeys(problems.values())))
    return +count


def play_missing(
    jobs: Sequence[EntryJob],
    left: Sequence[Task],
    number: int,
    workers: int,
    problems: dict[str, str],
) -> Generator[Played]:
    """Run trials, store their sessions unpacked, and check that the networks have not changed.

    Args:
        jobs: the entries.
        left: trials in the order of their start, each with the numbers of its entries.
        number: the shard's number.
        workers: processes that run sessions.
        problems: gets an error by the entry's name if the entry cannot play, changed its base network, has objects
            whose files cannot be read, or has sessions in which the simulated user failed.

    Yields:
        Each trial with the status of a session that was run.
    """
    unreadable: Counter[str] = Counter()
    unplayed: Counter[str] = Counter()
    try:
        for (trial, entries), statuses in share_out(
            partial(SessionWorker, list(jobs), number), left, workers
        ):
            for entry, status in zip(entries, statuses, strict=True):
                name = jobs[entry].name
                if status.startswith(REFUSED):
                    problems[name] = status.removeprefix(REFUSED)
                elif status == UNREADABLE:
                    unreadable[name] += 1
                elif status == UNPLAYED:
                    unplayed[name] += 1
                else:
                    yield trial, status
    finally:
        for job in jobs:
            if unreadable[job.name]:
                problems[job.name] = (
                    f"{job.setup.cohort.folder}: {unreadable[job.name]} objects cannot be read, see above; "
                    "repair their files"
                )
            elif unplayed[job.name]:
                problems[job.name] = (
                    f"{job.folder}: {counted(unplayed[job.name], 'session')} could not be played, see above; all "
                    "others are stored; mend the cause, or report it if the line says 'bifseg failed', and run again"
                )
            checks = list(job.folder.glob(check_part(job.folder, number, "*").name))
            if not join_checks(checks, job.folder / f"forgetting-{number}.json"):
                problems[job.name] = (
                    f"{job.setup.card_path}: method: it changed the base network; delete {job.folder} and tune a "
                    "copy instead"
                )


def played_by(job: EntryJob, trials: Iterable[Trial]) -> list[Trial]:
    """The trials that an entry plays.

    Args:
        job: the entry.
        trials: trials on objects of the cohort.

    Returns:
        Trials without those of objects that the entry leaves out.
    """
    left_out = job.setup.left_out
    return [trial for trial in trials if trial.object not in left_out]


def missing_of(jobs: Sequence[EntryJob], trials: Sequence[Trial]) -> list[Task]:
    """The sessions that must be run, by trial.

    Args:
        jobs: the entries.
        trials: trials in the order of their start.

    Returns:
        The trials that an entry has to run, each with the numbers of these entries, from 0.
    """
    lacking = [set(missing(job.setup, played_by(job, trials), job.folder)) for job in jobs]
    tasks = ((trial, tuple(k for k, of_entry in enumerate(lacking) if trial in of_entry)) for trial in trials)
    return [(trial, entries) for trial, entries in tasks if entries]


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


def with_sessions(folder: Path, objects: Sequence[ObjectRow]) -> list[ObjectRow]:
    """The objects that an entry has played: in a run of some patients, not all.

    Args:
        folder: the folder of the entry's sessions.
        objects: rows of one split of the cohort.

    Returns:
        Objects with a session, also a damaged one, in their order; all objects if the folder has no session.

    Raises:
        InputError: a job of these sessions has not ended, the folder has sessions of other objects alone, or an object
            has none and a file that may hold it is damaged.
    """
    archive = Archive(folder)
    if unpacked := archive.unpacked():  # means over what a job has played so far would look like its result
        raise InputError(
            f"{folder}: {counted(len(unpacked), 'session')}, such as {short(unpacked[0])}, of a job that has not "
            "ended, or marked to be run again; run `bifseg run` to its end first"
        )
    names, damaged = archive.names(), archive.damaged_packs()
    played = [row for row in objects if row.object in names]
    if damaged and len(played) < len(objects):
        raise InputError(
            f"{damaged[0]}: damaged, so that its sessions are unknown; delete it and run `bifseg run` again"
        )
    if names and objects and not played:
        raise InputError(
            f"{folder}: has no session of an object in the {objects[0].split} split; do --cohort and --split fit it?"
        )
    return played if names else list(objects)


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
    archive, left_out = Archive(folder), left_out_of(folder)
    for row in objects:
        for replicate in range(0 if row.object in left_out else replicates):
            yield row, load_session(archive, row, Trial(row.object, replicate))


def load_session(archive: Archive, row: ObjectRow, trial: Trial) -> Session:
    """The stored session of a trial.

    Args:
        archive: the sessions of an entry.
        row: the trial's object.
        trial: an object with its replicate.

    Returns:
        The session.

    Raises:
        InputError: the session is missing or damaged, or belongs to another object or entry.
    """
    session = archive.load(trial.session)
    _check_place(session.identity, row, archive.folder)
    return session


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
