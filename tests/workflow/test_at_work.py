"""A second Snakemake on the same run stops at once with a message, and writes nothing."""

import os
import subprocess
from time import monotonic, sleep

import pytest
from project import copy_project, quietly, run_snakemake, snakemake_command

from bifseg.runs.at_work import begin_work, who_is_at_work

pytestmark = pytest.mark.workflow


def test_the_second_snakemake_on_a_run_stops_at_once(tmp_path):
    folder = copy_project(tmp_path, "config")
    lock = begin_work(folder / "results/demo")
    second = run_snakemake(folder, "--until", "prepare_cohort", config=None)
    lock.close()
    assert second.returncode != 0
    messages = [line for line in second.stdout.splitlines() if "another snakemake works on this run" in line]
    assert messages[0].startswith("results/demo: ")
    assert "since 20" in messages[0]
    assert not (folder / "results/demo/cohorts").exists()


def test_snakemake_holds_its_run_while_jobs_work(tmp_path):
    """Also for a second one in another folder, of which Snakemake itself knows nothing."""
    folder, end = copy_project(tmp_path, "config"), monotonic() + 120
    job = folder / "bin/bifseg"  # in place of each job
    job.parent.mkdir()
    job.write_text("#!/bin/sh\ntouch begun\nuntil [ -e asked ]; do sleep 0.1; done\nexit 1\n")
    job.chmod(0o755)
    how = quietly(folder)
    how["env"]["PATH"] = f"{job.parent}{os.pathsep}{how['env']['PATH']}"
    command = snakemake_command("--until", "prepare_cohort", config=None)
    with subprocess.Popen(command, **how) as first:
        while not (folder / "begun").exists() and first.poll() is None and monotonic() < end:
            sleep(0.1)
        about = who_is_at_work(folder / "results/demo")
        (folder / "asked").touch()
        first.communicate()
    assert "another snakemake works on this run" in about
