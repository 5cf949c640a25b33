"""What every policy, box and user draws, and the opening, to the voxel; it never changes, a new rule is a new version.

A case that differs writes what was drawn now beside pytest's other temporary files and says which two files to
compare with `diff -u`. Nothing renews a golden file: where a rule is meant to change, give it a new
version, keep the files of the old one and copy the new files here under the new version's name.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from bifseg.core.seeds import generator
from bifseg.robot.box import BOXES, box_kind
from bifseg.robot.opening import opening_strokes
from bifseg.robot.policies.registry import POLICIES, policy
from bifseg.robot.thorough import thorough
from bifseg.robot.users import USERS, user_profile

GOLDEN = Path(__file__).parent / "golden"


def _ball(shape, centre, radius_mm, spacing):
    offset = np.moveaxis(np.indices(shape), 0, -1) - centre
    return np.linalg.norm(offset * spacing, axis=-1) <= radius_mm


def _disc():
    truth = _ball((48, 50), (24, 25), 18, (1, 1))
    return truth, np.zeros_like(truth), (1.0, 1.0)


def _crescents():
    spacing = (1.0, 1.0)
    return _ball((56, 70), (28, 30), 22, spacing), _ball((56, 70), (28, 42), 22, spacing), spacing


def _ball_isotropic():
    spacing = (2.0, 2.0, 2.0)
    return (
        _ball((30, 32, 34), (14, 15, 16), 22, spacing),
        _ball((30, 32, 34), (14, 21, 16), 22, spacing),
        spacing,
    )


def _thick_slices():
    spacing = (6.5, 1.0, 1.0)
    return _ball((9, 60, 64), (4, 28, 30), 24, spacing), _ball((9, 60, 64), (5, 30, 40), 22, spacing), spacing


def _cord():
    truth = np.zeros((6, 40, 40), bool)
    truth[1:5, 14:26, 12:15] = truth[1:5, 14:26, 24:27] = True  # nowhere 30 mm2 in one piece
    return truth, np.zeros_like(truth), (7.5, 0.5, 0.5)


CASES = {
    "disc": _disc,
    "crescents": _crescents,
    "ball-isotropic": _ball_isotropic,
    "thick-slices": _thick_slices,
}


FLAWED = [f"{u.name}/{u.version}" for u in USERS.values() if u.name != "expert"]
DRAWN = [(name, case) for name in [*POLICIES, *FLAWED, "opening"] for case in CASES] + [("thorough", "cord")]


def _robot(name):
    """A policy, or `centre-line/1` as a user of this level follows it."""
    return (
        policy(name) if name in POLICIES else user_profile(name.split("/")[0]).plays(policy("centre-line/1"))
    )


def _strokes(name, case):
    """What is drawn in a round; by `centre-line/1` in the opening, and where nothing of a thin object was found."""
    truth, result, spacing = (CASES | {"cord": _cord})[case]()
    if name == "opening":
        sides = [generator(side, "golden", case) for side in (0, 1)]
        return opening_strokes(policy("centre-line/1"), truth, spacing, sides.__getitem__, most=2)
    robot = thorough(policy("centre-line/1")) if name == "thorough" else _robot(name)
    return robot.strokes(truth, result, spacing, generator(0, "golden", case), most=2)


def _file(name, case):
    return f"{name.replace('/', '-')}-{case}.json"


def _as_text(name, case):
    """JSON with a stroke's point or voxel a line, so that `diff` shows which one moved."""
    parts = []
    for stroke in _strokes(name, case):
        path, voxels = (
            ",\n".join("   " + json.dumps(point) for point in points.tolist())
            for points in (stroke.path.round(3) + 0.0, stroke.voxels)
        )
        foreground = json.dumps(stroke.foreground)
        parts.append(f' {{"foreground": {foreground},\n  "path": [\n{path}],\n  "voxels": [\n{voxels}]}}')
    return "[\n" + ",\n".join(parts) + "\n]\n"


def _compared(text, file, name, folder):
    """What is drawn now and what is expected, and what to say where they differ."""
    golden, now = GOLDEN / file, folder / file
    now.write_text(text, encoding="utf-8")
    hint = f"{name} draws differently: diff -u {golden} {now}; a changed rule needs a new version"
    assert golden.is_file(), hint
    return json.loads(text), json.loads(golden.read_text(encoding="utf-8")), hint


@pytest.mark.parametrize(("name", "case"), DRAWN, ids=[f"{name}-{case}" for name, case in DRAWN])
def test_golden(name, case, tmp_path):
    drawn, expected, hint = _compared(_as_text(name, case), _file(name, case), name, tmp_path)
    assert [s["foreground"] for s in drawn] == [s["foreground"] for s in expected], hint
    for a, b in zip(drawn, expected, strict=True):
        assert a["voxels"] == b["voxels"], hint
        assert np.shape(a["path"]) == np.shape(b["path"]), hint
        assert np.allclose(a["path"], b["path"], rtol=0, atol=0.002), hint


def _boxes(draw):
    """Eight boxes of each case; `draw(truth, spacing, rng)` gives lower and upper corners."""
    lines = []
    for case, make in CASES.items():
        truth, _, spacing = make()
        boxes = [draw(truth, spacing, generator(k, "golden", case)) for k in range(8)]
        lines.append(f' "{case}": {json.dumps([[b.lower, b.upper] for b in boxes])}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


@pytest.mark.parametrize("name", BOXES)
def test_golden_boxes(name, tmp_path):
    text = _boxes(lambda truth, spacing, rng: box_kind(name).draw(truth, spacing, 10, rng))
    drawn, expected, hint = _compared(text, _file("box", name.replace("/", "-")), name, tmp_path)
    assert drawn == expected, hint


@pytest.mark.parametrize("name", FLAWED)
def test_golden_boxes_of_users(name, tmp_path):
    def draw(truth, spacing, rng):
        box = box_kind("tight/1").draw(truth, spacing, 10, rng)
        return user_profile(name.split("/")[0]).loosened(box, truth.shape, spacing, rng)

    drawn, expected, hint = _compared(_boxes(draw), _file("box", name.replace("/", "-")), name, tmp_path)
    assert drawn == expected, hint


def test_every_golden_file_has_its_case():
    strokes = {_file(name, case) for name, case in DRAWN}
    boxes = {_file("box", name.replace("/", "-")) for name in [*BOXES, *FLAWED]}
    assert {path.name for path in GOLDEN.iterdir()} == strokes | boxes
