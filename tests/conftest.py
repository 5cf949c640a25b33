"""A tiny cohort of discs and a network that has hardly learnt: enough to play on."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import copies
import pytest

from bifseg.cards.cards import CohortCard, NetworkCard
from bifseg.core import supervised
from bifseg.core.garbage import many_imports

if TYPE_CHECKING:  # the process that only shares out the tests needs no torch, and does not wait for it
    from bifseg.cohorts.cohort import Cohort

NETWORK = NetworkCard(
    architecture="pnet",
    settings={"channels": 4},
    input_size=20,
    training={"optimizer": "adam", "learning_rate": 0.01, "iterations": 30, "validate_every": 10},
)


LONGEST = (
    *(
        "test_workflow.py",
        "workflow",
        "test_conformance.py",
        "runs",
        "security",
        "reports",
        "benchmark",
        "cli",
    ),
    *("process", "policies", "simulated", "tests"),
)
"""Files and folders of the files that take longest, in the order of their start."""

AS_USERS_START = {"core", "process", "reliability", "security", "adapters"}
"""Folders of tests that start methods' processes as users do."""


def pytest_collection_modifyitems(items):
    """The longest files first, so that no worker is left alone with one at the end."""

    def place(path):
        names = (path.name, path.parent.name)
        return next((k for k, name in enumerate(LONGEST) if name in names), len(LONGEST))

    items.sort(key=lambda item: place(item.path))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Modules and tests stay to the end, so the collector of garbage need not look at them again and again."""
    with many_imports():
        result = yield
    gc.set_threshold(50_000)  # not 700: thousands of tests come and go, and what they share stays
    return result


def pytest_configure(config):
    """With `-n`, pytest's main process starts the process that all workers fork; see copies.py."""
    if hasattr(config, "workerinput"):
        copies.folder = config.workerinput["copies"]
    elif sys.platform == "linux" and config.getoption("numprocesses", None):
        copies.folder, end = copies.start()
        config.add_cleanup(end)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    node.workerinput["copies"] = str(copies.folder)


@pytest.fixture(scope="module", autouse=True)
def supervisors(request):
    """Methods' processes are forks, except in tests of processes and of their confinement."""
    with pytest.MonkeyPatch.context() as patch:
        if not AS_USERS_START.intersection(request.path.relative_to(request.config.rootpath).parts):
            words = (f"{copies.folder}/python", *supervised._SUPERVISOR[1:])
            patch.setattr(supervised, "_SUPERVISOR", words)
        yield


@pytest.fixture(scope="session")
def make_once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """A function that returns a folder, to be read only, which the first worker of the session makes for all."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, made = shared / name, shared / f"{name}.made"
        with open(shared / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed or was killed
                folder.mkdir()
                make(folder)
                made.touch()
        return folder

    return make_once


@pytest.fixture(scope="session")
def discs(tmp_path_factory) -> Cohort:
    """Two training cases, one validation case, three test cases; `disc` is seen, `ring` is not."""
    import torch
    from disc_cases import HEADER, make_case

    from bifseg.cohorts.cohort import Cohort
    from bifseg.cohorts.preparation import prepare

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("discs")
    rows = []
    for k, split in enumerate(["train", "train", "validation", "test", "test", "test"]):
        rows += make_case(folder / "data", f"case{k}", split)
    (folder / "data/manifest.tsv").write_text(HEADER + "".join(rows))
    (folder / "discs.yaml").touch()
    card = CohortCard(dimension=2, manifest="data/manifest.tsv", seen=["disc"], unseen=["ring"], box_margin=5)
    prepare(card, folder / "discs.yaml", 1, folder / "cohort", {})
    return Cohort.load(folder / "cohort")


@pytest.fixture(scope="session")
def tiny_card() -> NetworkCard:
    """The card of `discs_network`."""
    return NETWORK


@pytest.fixture(scope="session")
def discs_network(discs, tmp_path_factory) -> Path:
    """Folder of a network trained for a moment."""
    from bifseg.networks.training import train

    folder = tmp_path_factory.mktemp("networks") / "pnet-tiny"
    train(NETWORK, discs, folder, 1, "cpu", lambda *_: None)
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    """Folders of a fake run, and of the same with one method worse."""
    from fake_runs import play

    results = tmp_path_factory.mktemp("results")
    return play(results / "one"), play(results / "two", worse=True)


@pytest.fixture(scope="session")
def reported(make_once) -> Path:
    """Folder of a fake run with its tables, figures and report, to be read only."""

    def report(place: Path) -> None:
        from fake_run import fake_cohort, fake_run

        from bifseg.reports.figures import write_figures
        from bifseg.reports.report import write_report
        from bifseg.reports.tables import write_tables

        folder = place / "demo"
        fake_run(folder, [fake_cohort(folder / "cohorts" / "fake2d")], rounds=2, tools=("geos",))
        write_tables(folder)
        write_figures(folder)
        write_report(folder)

    return make_once("reported", report) / "demo"
