"""The floors of docs/design: nothing imports upwards."""

import ast
import itertools
from pathlib import Path

import pytest

import bifseg

PACKAGE = Path(bifseg.__file__).parent
FLOORS = [
    ["errors"],
    ["geometry", "seeds", "statistics", "orphans", "confinement", "code_version"],
    ["neighbours", "metrics", "scribbles", "survival"],
    ["calibration"],
    ["crf", "geodesic"],
    ["store", "pool", "players"],
    ["images", "cards", "plans"],
    ["evaluation"],
    ["record", "networks", "robot"],
    ["archive"],
    ["cohorts", "finetuning", "people", "effort"],
    ["validation", "stuck", "scribble_maps"],
    ["training", "methods", "forgetting"],
    ["sessions"],
    ["shards", "scoring", "conformance"],
    ["planning", "runs", "replay"],
    ["status", "retry", "verification"],
    ["summaries"],
    ["comparisons", "formats", "interactions", "own_protocols"],
    ["user_levels"],
    ["claims", "panels"],
    ["claims_page", "user_figure"],
    ["provenance", "tables", "figures", "pictures", "pages"],
    ["report", "calibration_page", "benchmark"],
    ["cli"],
    ["__main__"],
]
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.relative_to(PACKAGE).parts != ("__init__.py",))


def imported(path):
    """First parts of the names of bifseg's own modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bifseg."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("bifseg."))


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(PACKAGE)) for p in FILES])
def test_nothing_imports_upwards(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for name in imported(path):
        assert name == own or FLOOR[name] < FLOOR[own], f"{own} imports {name}"


def test_pure_floor_needs_no_torch():
    for name in itertools.chain(*FLOORS[:4]):
        source = (PACKAGE / f"{name}.py").read_text()
        assert "import torch" not in source
        assert "from torch" not in source


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(PACKAGE)) for p in FILES])
def test_files_hold_one_idea(path):
    assert len(path.read_text().splitlines()) <= 400
