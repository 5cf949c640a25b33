"""A second Snakemake on the same run stops at once with a message, and writes nothing."""

import subprocess

import pytest
from project import copy_project, quietly, snakemake_command

from bifseg.runs.at_work import begin_work

pytestmark = pytest.mark.workflow


def test_the_second_snakemake_on_a_run_stops_at_once(tmp_path):
    folder = copy_project(tmp_path, "config")
    lock = begin_work(folder / "results/demo")
    command = snakemake_command("--until", "prepare_cohort", config=None)
    second = subprocess.run(command, **quietly(folder), timeout=120, check=False)
    lock.close()
    assert second.returncode != 0
    messages = [line for line in second.stdout.splitlines() if "another snakemake works on this run" in line]
    assert messages[0].startswith("results/demo: ")
    assert "since 20" in messages[0]
    assert not (folder / "results/demo/cohorts").exists()
