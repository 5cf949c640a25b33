"""`import bifseg as bs`: the names it offers, that it is lazy, and that it is typed."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import bifseg

ROOT = Path(bifseg.__file__).parents[1]
NAMES = {
    *(
        "Box",
        "Cohort",
        "Grid",
        "Image",
        "InputError",
        "Mask",
        "Method",
        "Protocol",
        "Run",
        "Scribbles",
        "Session",
    ),
    *(
        "Stroke",
        "compare",
        "interactions_to_target",
        "rank",
        "read_image",
        "read_mask",
        "read_run",
        "read_scores",
    ),
    *("score", "simulate"),
}
HEAVY = "{'torch', 'pandas', 'matplotlib', 'scipy', 'sklearn', 'SimpleITK'}"


def loaded_by(code):
    """The heavy packages that Python has loaded after the code."""
    script = f"import sys\n{code}\nprint(sorted({HEAVY} & set(sys.modules)))"
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return process.stdout.splitlines()[-1]


def test_the_front_door_exports_these_names():
    assert set(bifseg.__all__) == NAMES
    assert set(dir(bifseg)) >= NAMES
    for name in NAMES:
        assert getattr(bifseg, name) is not None


def test_the_page_about_python_describes_these_objects_and_no_module():
    described = re.findall(r"^::: (\S+)$", (ROOT / "docs/api.md").read_text(), re.M)
    assert not [name for name in described if (ROOT / f"{name.replace('.', '/')}.py").exists()]
    objects = [getattr(import_module(name.rpartition(".")[0]), name.rpartition(".")[2]) for name in described]
    assert {id(one) for one in objects} == {id(getattr(bifseg, name)) for name in NAMES}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'evaluate_everything'"):
        _ = bifseg.evaluate_everything


def test_importing_bifseg_loads_no_heavy_package():
    assert loaded_by("import bifseg; dir(bifseg); bifseg.InputError") == "[]"


def test_a_plug_ins_names_load_neither_torch_nor_pandas():
    loaded = loaded_by("from bifseg import Box, Image, Mask, Scribbles")
    assert "torch" not in loaded
    assert "pandas" not in loaded


def test_help_and_version_load_no_heavy_package():
    for word in ("--help", "-h", "--version"):
        call = f"sys.argv = ['bifseg', '{word}']\nfrom bifseg.cli.main import main\n"
        loaded = loaded_by(f"{call}try: main()\nexcept SystemExit as done: assert not done.code")
        assert "torch" not in loaded
        assert "pandas" not in loaded


def test_the_snakefile_needs_neither_torch_nor_pandas():
    """What the rules import of bifseg, without Snakemake itself."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
    lines = re.findall(r"^from bifseg[^\n]*import (?:\([^)]*\)|[^\n(]*)$", text, re.M)
    assert lines
    loaded = loaded_by("\n".join(lines))
    assert "torch" not in loaded
    assert "pandas" not in loaded


def test_the_package_is_typed():  # .ci/wheel tests that the wheel says so too
    assert (Path(bifseg.__file__).parent / "py.typed").is_file()
