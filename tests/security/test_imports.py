"""Modules beside a plug-in or in the current folder shadow no other module, and run confined or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bifseg.core.landlock import landlock_version
from bifseg.core.plug_in_facts import class_facts

ROOT = Path(__file__).parents[2]
TELL = "open({mark!r}, 'a').write(__name__ + chr(10))\n"
SHADOWS = ("sitecustomize", "usercustomize", "random", "yaml", "json", "typing", "numpy", "bifseg")
TRIES = """
tried = 0
for place, mode in (({truth!r}, "r"), ({mark!r}, "w")):
    try:
        open(place, mode).close()
    except PermissionError:
        tried += 1
tried = [f"tried {{tried}}"]
print("{{}}")
"""
PLUGIN = """
from bifseg.methods.contract import Box, Image, Mask, Scribbles
import helper_of_the_plugin


class Whole:
    dimensions = frozenset({2})
    prompts = frozenset({"box", *getattr(helper_of_the_plugin, "tried", [])})

    def start(self, image: Image, box: Box) -> Mask:
        import numpy as np
        return box.paste(np.ones(box.shape, bool), image.voxels.shape)

    def refine(self, scribbles: Scribbles) -> Mask: ...
"""


@pytest.fixture
def folder(tmp_path):
    """A plug-in among modules that have the names of others and leave a mark when they are imported."""
    for name in SHADOWS:
        (tmp_path / f"{name}.py").write_text(TELL.format(mark=str(tmp_path / "mark")))
    (tmp_path / "helper_of_the_plugin.py").write_text("")
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "whole.yaml").write_text(yaml.safe_dump({"method": "plugin:Whole"}))
    return tmp_path


@pytest.mark.parametrize("variable", ["PYTHONPATH", "BIFSEG_PATH"])
def test_the_command_imports_no_shadowing_module(folder, variable):
    """The method's own process neither: it is confined, and cannot leave the mark."""
    words = ["sh", str(ROOT / "bin/bifseg"), "check-method", "whole.yaml"]
    if not (Path(sys.executable).parent / "bifseg").exists():
        pytest.skip("bifseg is not installed beside this Python")
    command = Path(sys.executable).parent / "bifseg-of-a-test"
    command.write_text((ROOT / "bin/bifseg").read_text())
    try:
        words[1] = str(command)
        process = subprocess.run(
            words, cwd=folder, env=os.environ | {variable: "."}, capture_output=True, text=True
        )
    finally:
        command.unlink()
    assert "keeps the contract" in process.stdout, process.stderr
    assert not (folder / "mark").exists()


@pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock")
def test_a_class_named_on_the_command_line_is_read_where_it_reaches_no_truth(
    folder, tmp_path_factory, monkeypatch
):
    """`bifseg evaluate --methods plugin:Whole` asks the class itself what it takes."""
    truth = tmp_path_factory.mktemp("cohort") / "label.nii"
    truth.write_text("the truth")
    (folder / "helper_of_the_plugin.py").write_text(TRIES.format(truth=str(truth), mark=str(folder / "mark")))
    monkeypatch.setenv("BIFSEG_PATH", str(folder))
    facts = class_facts("plugin:Whole", [truth.parent])
    assert facts == {"dimensions": [2], "prompts": ["box", "tried 2"], "network": False}
    assert not (folder / "mark").exists()


def test_python_m_bifseg_imports_no_shadowing_module(folder):
    for name in ("bifseg", "typing"):  # imported by Python before any code of ours
        (folder / f"{name}.py").unlink()
    words = [sys.executable, "-m", "bifseg", "--help"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert process.stdout.startswith("Usage: bifseg"), process.stderr
    assert not (folder / "mark").exists()
