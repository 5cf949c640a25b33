"""The floors of the house: twelve rooms, nothing imports upwards, no circle, no loose module."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import bifseg

PACKAGE = Path(bifseg.__file__).parent
FLOORS = [
    {"core"},
    {"cards", "robot"},
    {"cohorts"},
    {"networks"},
    {"methods"},
    {"sessions"},
    {"runs", "analysis"},
    {"reports"},
    {"api", "cli"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS, start=1) for room in rooms}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)
NAMES = [str(path.relative_to(PACKAGE)) for path in FILES]


def module(path):
    """A file's full name as a module."""
    return ".".join(["bifseg", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")


MODULES = {module(path) for path in FILES}


def imports(path):
    """Full names of bifseg's own modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bifseg":
            for name in node.names:
                submodule = f"{node.module}.{name.name}"
                yield submodule if submodule in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("bifseg."))


def test_the_package_has_no_loose_module():
    loose = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert not loose
    assert rooms == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_nothing_imports_upwards_or_across_a_floor(path):
    own = path.relative_to(PACKAGE).parts[0]
    for name in imports(path):
        room = name.split(".")[1] if "." in name else own  # the front door itself imports nothing at once
        assert room == own or FLOOR[room] < FLOOR[own], f"{own} imports {name}"


def test_no_module_imports_itself_indirectly():
    graph = {module(path): set(imports(path)) for path in FILES}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_core_and_cards_need_no_torch():
    for path in FILES:
        if path.relative_to(PACKAGE).parts[0] in ("core", "cards"):
            assert "torch" not in {
                alias.name.split(".")[0]
                for node in ast.parse(path.read_text()).body
                if isinstance(node, ast.Import)
                for alias in node.names
            }


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_files_hold_one_idea(path):
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_digits_are_those_that_int_reads(path):
    """`"²".isdigit()` is true, and `int("²")` raises; `isdecimal` is true for what `int` reads."""
    assert not {"isdigit", "isnumeric"} & set(re.findall(r"\w+", path.read_text()))
