"""The examples in the docstrings run, and print what they say."""

import doctest
import importlib
import pkgutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from fake_run import fake_cohort, fake_run

import bifseg
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array


def with_examples():
    """The modules whose source holds an example."""
    names = [module.name for module in pkgutil.walk_packages(bifseg.__path__, "bifseg.")]
    return ["bifseg", *(name for name in names if ">>> " in source_of(name))]


def source_of(name):
    spec = find_spec(name)
    return Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the examples read: an image with its label map, and a finished run."""
    place = tmp_path_factory.mktemp("examples")
    grid = Grid.plain((12, 40, 48), (3.0, 1.0, 1.0))
    labels = np.zeros(grid.shape, np.uint8)
    labels[3:9, 10:14, 20:24] = 1
    labels[5, 30:35, 30:35] = 2
    (place / "case").mkdir()
    write_array(place / "case" / "flair.nii.gz", labels.astype(np.float32), grid)
    write_array(place / "case" / "seg.nii.gz", labels, grid)
    run = place / "results" / "demo"
    fake_run(run, [fake_cohort(run / "cohorts" / "fetal2d")], networks=("pnet-demo",), rounds=4)
    return place


def test_the_front_door_has_examples():
    functions = [name for name in bifseg.__all__ if name[0].islower()]
    assert functions
    for name in functions:
        assert ">>>" in getattr(bifseg, name).__doc__, name


@pytest.mark.parametrize("name", with_examples())
def test_examples(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted
    assert not results.failed
