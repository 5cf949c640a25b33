"""Whatever a session runs through is in the hash that tells old results from new ones."""

from test_layout import PACKAGE, imported

from bifseg.code_version import SCORES, SESSIONS, code_version

# Named by the sessions' code, without a part in what comes out.
ELSEWHERE = {"errors", "players", "store", "metrics", "confinement", "orphans", "record"}


def reached(paths):
    """First parts of the names of all modules that these files import, and those that these import, ..."""
    found, left = set(), {name for path in paths for name in imported(path)}
    while left:
        name = left.pop()
        found.add(name)
        place = PACKAGE / name
        files = place.rglob("*.py") if place.is_dir() else [PACKAGE / f"{name}.py"]
        left |= {other for file in files for other in imported(file)} - found
    return found


def test_every_module_of_a_session_counts():
    roots = [PACKAGE / "sessions.py", *(PACKAGE / "methods").glob("*.py"), *(PACKAGE / "robot").glob("*.py")]
    roots += [PACKAGE / "geometry.py"]
    counted = {part.removesuffix(".py").split("/")[0] for part in SESSIONS}
    assert reached(roots) - ELSEWHERE <= counted


def test_every_part_is_there():
    assert all((PACKAGE / part).exists() for part in SESSIONS + SCORES)
    assert len({code_version(), code_version(SCORES)}) == 2


def test_every_module_of_the_scores_counts():
    used = {"scoring", *imported(PACKAGE / "scoring.py"), *imported(PACKAGE / "effort.py")}
    assert used - {"errors", "geometry", "store", "robot", "scribbles"} <= {
        p.removesuffix(".py") for p in SCORES
    }
