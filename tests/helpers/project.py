"""The project's own workflow in a folder of its own, and how commands are run there."""

import atexit
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def copy_project(folder, *more):
    """A copy of the workflow and of more of the project, so that no other run's lock is in the way."""
    for name in ("Snakefile", "workflow", *more):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy2(source, target)
    return folder


def lay_out_run(folder, config, cards, cohorts, files):
    """A copy of the project with a small run of its own: the configuration `config`, and texts of cards by name."""
    copy_project(folder, "config", config, cards)
    keys = {"run": "ci", "seed": 7, "results": "results", "cards": cards, "shards": 1, "cohorts": cohorts}
    (folder / config).write_text(yaml.safe_dump(keys))
    for name, text in files.items():
        (folder / cards / name).write_text(text)
    return folder


def snakemake_command(*words, config="config.yaml", profile="default"):
    """The words of a command that runs the workflow."""
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", f"workflow/profiles/{profile}"]
    command += ["--cores", "2"] if profile == "default" else []
    return [*command, *(["--configfile", config] if config else []), *words]


def quietly(folder, **environment):
    """How commands are started in a folder: plug-ins that lie there are found, all output comes together."""
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "OMP_NUM_THREADS": "1",
    }
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return {"cwd": folder, "env": os.environ | own | environment, **streams}


_FORKS = """
import gc, importlib, json, os, runpy, sys
gc.disable()
import smart_open, snakemake.cli, snakemake.report.html_reporter, snakemake.workflow
import SimpleITK, pyamg, pydantic, scipy.ndimage, torch
gc.freeze()
gc.enable()
for line in sys.stdin:
    command, folder, environment, out = json.loads(line)
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(folder)
        for target, path in ((0, os.devnull), (1, out), (2, out)):
            os.dup2(os.open(path, os.O_RDWR | os.O_APPEND), target)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:1] = [folder, *environment["PYTHONPATH"].split(os.pathsep)]  # as `python -m` begins it
        importlib.invalidate_caches()
        sys.argv = command[2:]
        runpy.run_module("snakemake", run_name="__main__", alter_sys=True)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@cache
def _forks():
    """A process that has imported Snakemake and libraries, but nothing of bifseg: its copies start seconds sooner."""
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", _FORKS], **streams)
    atexit.register(process.communicate)  # waits for its end: its time counts as that of the tests
    return process


def run_snakemake(folder, *words, timeout=900, **how):
    """Run the workflow in a folder as `snakemake_command` says; stdout holds all that it says."""
    command, forks = snakemake_command(*words, **how), _forks()
    with tempfile.NamedTemporaryFile("r") as out:
        order = (command, str(folder), quietly(folder)["env"], out.name)
        forks.stdin.write(f"{json.dumps(order)}\n")
        forks.stdin.flush()
        if not select.select([forks.stdout], [], [], timeout)[0]:
            forks.kill()
            raise subprocess.TimeoutExpired(command, timeout, out.read())
        return subprocess.CompletedProcess(command, int(forks.stdout.readline()), out.read())


def answer(*words):
    """What a command prints; empty where it is not there or fails."""
    if not shutil.which(words[0]):
        return ""
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False).stdout
