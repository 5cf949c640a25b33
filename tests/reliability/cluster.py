"""What a SLURM cluster does to a job: cancelled, out of time, out of memory, its node gone, its snakemake killed.

On the cluster that is there. The job of sessions goes to SLURM, what comes before and after is done here.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pandas as pd
from kills import stored
from place import TIMEOUT_S, Done, Place, stub
from project import ROOT, answer
from verdict import Row, compare

SHARD = "results/r/sessions/discs/own/slow/shard-1.tsv"
MINI = ROOT / "tests" / "workflow" / "mini-slurm.sh"
FIRST_S = 120.0
"""By then a job has stored its first sessions."""


class OnCluster:
    """A place whose sessions are played by SLURM.

    Attributes:
        calm: the rows of a run on this machine.
        finished: the sessions that were stored when harm was done.
    """

    def __init__(self, folder: Path, card: dict, cases: int, *resources: str) -> None:
        self.place = Place(folder, {"slow": card}, cases)
        self.place.snakemake("--", "calm/r/scores.parquet", results="calm").check()
        self.calm = pd.read_parquet(folder / "calm/r/scores.parquet")
        self.place.snakemake("--", "results/r/cohorts/discs/objects.tsv").check()
        resource_options = [
            "--set-resources",
            *(f"run_sessions:{words}" for words in ("runtime=30", *resources)),
        ]
        polled = ["--slurm-init-seconds-before-status-checks", "2"]
        self.command = self.place.snakemake_command(*polled, *resource_options, "--", SHARD, profile="slurm")
        self.process = self.place.start(self.command)
        self.finished: set[str] = set()

    def job(self) -> tuple[str, str]:
        """Id and node of the job, once it has stored two sessions."""
        end = monotonic() + FIRST_S
        while monotonic() < end:
            assert self.process.poll() is None, self.process.communicate()
            lines = [line.split() for line in answer("squeue", "-h", "-o", "%i %T %N %Z").splitlines()]
            own_jobs = [line for line in lines if line[-1] == str(self.place.folder) and line[1] == "RUNNING"]
            self.finished = stored(self.place.sessions("slow"))
            if own_jobs and len(self.finished) >= 2:
                return own_jobs[0][0], own_jobs[0][2]
            sleep(0.2)
        raise TimeoutError("no job of sessions has begun")

    def end(self) -> Done:
        """What snakemake said until its end."""
        text = self.process.communicate(timeout=TIMEOUT_S)[0]
        return Done(self.process.returncode, text)

    def row(self, scenario: str, how: str, result: Done, remedy: str, note: str = "") -> Row:
        """Finish the run here, and tell what came out."""
        assert result.code == 0, result.text[-3000:]
        n_kept = len(self.finished & stored(self.place.sessions("slow")))
        self.place.snakemake("--", "results/r/scores.parquet").check()
        verdict = compare(pd.read_parquet(self.place.run / "scores.parquet"), self.calm)
        submitted = len(re.findall(r"has been submitted with SLURM jobid", result.text))
        states = re.findall(r"SLURM status is: '?([A-Z_]+)", result.text)
        outcome = (
            f"{submitted} jobs submitted, states {states or '(none failed)'}{note}; {verdict}; "
            f"{n_kept} of {len(self.finished)} finished sessions kept"
        )
        assert verdict.good, outcome
        assert n_kept == len(self.finished), outcome
        return scenario, how, outcome, remedy


SLOW = stub("slow_methods:Slow", seconds=0.5)
AGAIN = "nothing: Snakemake submits it anew (`retries` of the profile)"


def cancelled(folder: Path) -> Row:
    """Somebody cancels the job."""
    run = OnCluster(folder, SLOW, 6)
    subprocess.run(["scancel", run.job()[0]], check=True)
    return run.row("a job cancelled", "`scancel` of the job while it played", run.end(), AGAIN)


def out_of_time(folder: Path) -> Row:
    """The job takes longer than it may: a minute, which SLURM checks every half minute."""
    run = OnCluster(folder, stub("slow_methods:Slow", seconds=4), 3, "runtime=1", "mem_mb=2000")
    run.job()
    return run.row("a job out of time", "72 s of sessions with `runtime: 1` (minute)", run.end(), AGAIN)


def out_of_memory(folder: Path) -> Row:
    """From its fifth session on the method needs more than the job may have; the second try has twice as much."""
    hungry = stub("slow_methods:Hungry", megabytes=1500, since=5)
    run = OnCluster(folder, hungry, 4, "mem_mb=attempt*1200")
    run.job()
    result = run.end()
    how = "a method that needs 1.5 GB from its fifth session on, `mem_mb: 1200 * attempt`"
    return run.row("a job out of memory", how, result, AGAIN)


def node_killed(folder: Path) -> Row:
    """The node goes down with all of its processes."""
    run = OnCluster(folder, SLOW, 6)
    node = run.job()[1]
    subprocess.run([MINI, "fail-node", node], check=True)
    try:
        result = run.end()
    finally:
        subprocess.run([MINI, "heal-node", node], check=True)
    return run.row(
        "a node killed", "slurmd and all of the job's processes killed (`fail-node`)", result, AGAIN
    )


def snakemake_killed(folder: Path) -> Row:
    """The controlling process is killed; its job goes on."""
    run = OnCluster(folder, SLOW, 6)
    job, _ = run.job()
    os.killpg(run.process.pid, signal.SIGKILL)
    run.process.wait()
    sleep(1)
    running = bool(answer("squeue", "-h", "-j", job))
    refused = run.place.snakemake("--", SHARD)
    assert running
    assert refused.code == 1
    subprocess.run(["scancel", job], check=True)
    run.place.snakemake("--unlock").check()
    run.process = run.place.start(run.command)
    note = f"; after the kill its job went on: {running}; `snakemake` again: `{refused.line}`"
    return run.row(
        "snakemake killed on the login node",
        "`kill -9` of the process that submits",
        run.end(),
        "`scancel` of what `squeue` shows, `snakemake --unlock`, `snakemake` again",
        note,
    )


SCENARIOS: tuple[Callable[[Path], Row], ...] = (
    cancelled,
    out_of_time,
    out_of_memory,
    node_killed,
    snakemake_killed,
)
