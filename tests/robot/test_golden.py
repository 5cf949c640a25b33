"""What `centre-line/1` draws, to the voxel. It never changes: another rule is another version.

A case that differs writes what was drawn now beside pytest's other temporary files and says which two files to
compare with `diff -u`. Nothing renews a golden file: where the rule is meant to change, give the policy a new
version, keep the files of the old one and copy the new files here under the new version's name.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from bifseg.robot.policies import policy
from bifseg.seeds import generator

GOLDEN = Path(__file__).parent / "golden"
POLICY = "centre-line/1"


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


CASES = {
    "disc": _disc,
    "crescents": _crescents,
    "ball-isotropic": _ball_isotropic,
    "thick-slices": _thick_slices,
}


def _as_text(name):
    """JSON with a stroke's point or voxel a line, so that `diff` shows which one moved."""
    truth, result, spacing = CASES[name]()
    strokes = policy(POLICY).strokes(truth, result, spacing, generator(0, "golden", name), most=2)
    parts = []
    for stroke in strokes:
        path, voxels = (
            ",\n".join("   " + json.dumps(point) for point in points.tolist())
            for points in (stroke.path.round(3) + 0.0, stroke.voxels)
        )
        foreground = json.dumps(stroke.foreground)
        parts.append(f' {{"foreground": {foreground},\n  "path": [\n{path}],\n  "voxels": [\n{voxels}]}}')
    return "[\n" + ",\n".join(parts) + "\n]\n"


@pytest.mark.parametrize("name", CASES)
def test_golden(name, tmp_path):
    golden = GOLDEN / f"{POLICY.replace('/', '-')}-{name}.json"
    now = tmp_path / golden.name
    now.write_text(_as_text(name), encoding="utf-8")
    hint = f"{POLICY} draws differently: diff -u {golden} {now}; a changed rule needs a new version"
    assert golden.is_file(), hint
    expected, drawn = (
        json.loads(golden.read_text(encoding="utf-8")),
        json.loads(now.read_text(encoding="utf-8")),
    )
    assert [s["foreground"] for s in drawn] == [s["foreground"] for s in expected], hint
    for a, b in zip(drawn, expected, strict=True):
        assert a["voxels"] == b["voxels"], hint
        assert np.shape(a["path"]) == np.shape(b["path"]), hint
        assert np.allclose(a["path"], b["path"], rtol=0, atol=0.002), hint


def test_every_golden_file_has_its_case():
    names = {path.stem for path in GOLDEN.glob(f"{POLICY.replace('/', '-')}-*.json")}
    assert names == {f"{POLICY.replace('/', '-')}-{name}" for name in CASES}
