"""kill -9 at random moments: of a job, of a process that plays, of a method's process; and two jobs at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import psutil
from place import TIMEOUT_S, Place, stub
from verdict import Row, Verdict, compare

from bifseg.core.run_place import KEY
from bifseg.sessions.archive import Archive

SLOW = stub("slow_methods:Slow", seconds=0.15)


def kill_the_job(process: subprocess.Popen[str]) -> bool:
    """Kill a job with all of its group; whether it was running."""
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def kill_a_entry(process: subprocess.Popen[str]) -> bool:
    """Kill one of the processes that play, at random."""
    return _kill_one(process, lambda words: "spawn_main" in words)


def kill_the_method(process: subprocess.Popen[str]) -> bool:
    """Kill the process of a method, at random."""
    return _kill_one(process, lambda words: "bifseg.methods.process.host" in words)


def _kill_one(process: subprocess.Popen[str], is_victim: Callable[[str], bool]) -> bool:
    try:
        below = psutil.Process(process.pid).children(recursive=True)
        victims = [child for child in below if is_victim(" ".join(child.cmdline()))]
        if process.poll() is None and victims:
            random.choice(victims).send_signal(signal.SIGKILL)
            return True
    except psutil.NoSuchProcess:
        pass
    return False


@dataclass(frozen=True)
class Kill:
    """How a kind of victim is killed.

    Attributes:
        workers: of the job.
        least_s: between two kills of one job.
        remedy: what a user does.
    """

    kill: Callable[[subprocess.Popen[str]], bool]
    workers: str
    least_s: float
    remedy: str


KILLS = {
    "a job": Kill(kill_the_job, "1", 0.0, "nothing but `snakemake` again"),
    "a process that plays": Kill(kill_a_entry, "2", 0.0, "nothing: the job goes on with new ones"),
    # Killed twice, a session has failed: the second kill comes later than a session takes.
    "a method's process": Kill(kill_the_method, "1", 4.0, "nothing: the session is played once more"),
}


def kills(folder: Path, victim: str, moments: int, cases: int = 6) -> Row:
    """Kill one kind of victim at random moments while a job plays, run the job again where it ended, and compare."""
    how, workers = KILLS[victim], ("--workers", KILLS[victim].workers)
    place = Place(folder, {"slow": SLOW}, cases)
    place.prepare()
    begun = monotonic()
    place.play("calm", *workers).check()
    length, calm = monotonic() - begun, place.score("calm")
    n_kills = lost = restarts = runs = 0
    verdicts: list[Verdict] = []
    while n_kills < moments:
        out = f"out-{len(verdicts)}"
        process = place.start(place.job(out, *workers))
        runs += 1
        finished = stored(folder / out)
        for wait_s in _moments(how.least_s, length):
            try:
                process.wait(timeout=wait_s)
                break
            except subprocess.TimeoutExpired:
                n_kills += how.kill(process)
            if n_kills >= moments:
                break
        if how.kill is not kill_the_job or process.poll() == 0:
            process.communicate(timeout=TIMEOUT_S)
        lost += len(finished - stored(folder / out))
        restarts += process.returncode != 0
        if process.returncode == 0 or n_kills >= moments:
            place.play(out, *workers).check()
            verdicts.append(compare(place.score(out), calm))
    sleep(2)  # the methods of killed jobs see that they are alone
    outcome = (
        f"{len(verdicts)} rounds of {2 * cases} sessions, begun {runs} times, ended early {restarts} times; "
        f"{_sum(verdicts)}; "
        f"{lost} finished sessions played again; {len(list((folder / 'tmp').iterdir()))} temporary folders left"
    )
    assert all(verdict.good for verdict in verdicts), outcome
    assert not lost, outcome
    return (
        f"kill -9 of {victim} at {n_kills} random moments",
        f"a job of sessions, workers: {how.workers}",
        outcome,
        how.remedy,
    )


def _moments(least_s: float, length: float) -> Iterator[float]:
    while True:
        yield least_s + random.uniform(0, length if not least_s else 1.0)


def _sum(verdicts: list[Verdict]) -> Verdict:
    parts = [(v.rows, v.missing, v.twice, v.other) for v in verdicts]
    return Verdict(*(sum(numbers) for numbers in zip(*parts, strict=True)))


def stored(folder: Path) -> set[str]:
    """Names and fingerprints of the sessions that are whole."""
    archive = Archive(folder)
    names = archive.stored()
    return {f"{name} {archive.fingerprint(name)} {_seconds(archive, name)}" for name in names}


def _seconds(archive: Archive, name: str) -> float:
    return sum(step.seconds["machine"] for step in archive.load(name).steps)


def twice(folder: Path, times: int = 5) -> Row:
    """Play one shard with two jobs that begin at the same moment, as a requeue beside a resubmission does."""
    place = Place(folder, {"base-net@tiny": {"method": "base-net"}}, 12)
    place.prepare()
    place.bifseg("train", "cards/networks/tiny.yaml", "--cohort", "cohort", "--out", "networks/tiny").check()
    place.play("calm", "--workers", "2").check()
    calm, verdicts, codes = place.score("calm"), [], []
    for k in range(times):
        both = [place.start(place.job(f"out-{k}", "--workers", "2")) for _ in range(2)]
        texts = [process.communicate(timeout=TIMEOUT_S)[0] for process in both]
        codes += [process.returncode for process in both]
        assert not any(codes), texts
        verdicts.append(compare(place.score(f"out-{k}"), calm))
        parts = [path.name for path in (folder / f"out-{k}").rglob(".*") if path.name != KEY]
        assert not parts, parts
    outcome = f"all {len(codes)} jobs ended with exit code 0; {_sum(verdicts)}"
    assert all(verdict.good for verdict in verdicts), outcome
    how = f"two jobs with one folder begun at the same moment, {times} times"
    return "the same shard twice at the same moment", how, outcome, "nothing"
