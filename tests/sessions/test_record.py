"""A stored session equals the played one."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from bifseg.core.geometry import Box, Grid
from bifseg.core.scribbles import Stroke
from bifseg.sessions.record import Identity, Session, Step

IDENTITY = Identity("r", "c", "case", "obj", "organ", True, 3, "test", "m", "n", "p", "centre-line/1")
# An oblique, anisotropic stack.
TURN = np.linalg.qr(np.array([[1.0, 0.2, 0.1], [0.0, 1.0, 0.3], [0.2, 0.0, 1.0]]))[0]
GRID = Grid((6, 8, 9), (6.5, 0.8, 0.7), (-12.5, 33.0, 7.25), tuple(map(tuple, TURN.tolist())))


def session_on(grid, box):
    rng = np.random.default_rng(0)
    at = np.array([np.array(box.lower), np.array(box.lower) + 1])
    stroke = Stroke(True, at + 0.25, at.astype(np.intp))
    masks = [rng.random(box.shape) < 0.4 for _ in range(2)]
    steps = (
        Step("initial", (), masks[0], {"machine": 0.5, "robot": 0.0}),
        Step("round-1", (stroke,), masks[1], {"machine": 0.25, "robot": 0.125}),
    )
    return Session(IDENTITY, grid, box, steps, "rounds", fingerprint="abc", peak_mb={"rss": 1.0, "gpu": 0.0})


def final_image(session, folder, plane=None):
    """The stored last mask as an image."""
    path = folder / "final.nii.gz"
    path.write_bytes(session.to_entries(GRID, plane)["final.nii.gz"])
    return sitk.ReadImage(str(path))


def test_a_record_is_read_back():
    before = session_on(GRID, Box((1, 2, 3), (5, 7, 8)))
    after = Session.from_entries(before.to_entries(GRID))
    for name in ("identity", "grid", "box", "ended", "status", "error", "fingerprint", "peak_mb"):
        assert getattr(after, name) == getattr(before, name)
    for a, b in zip(after.steps, before.steps, strict=True):
        assert (a.name, a.seconds) == (b.name, b.seconds)
        np.testing.assert_array_equal(a.mask, b.mask)
    np.testing.assert_array_equal(after.steps[1].strokes[0].voxels, before.steps[1].strokes[0].voxels)
    np.testing.assert_allclose(after.steps[1].strokes[0].path, before.steps[1].strokes[0].path, atol=1e-3)


def test_final_mask_lies_on_the_image(tmp_path):
    session = session_on(GRID, Box((1, 2, 3), (5, 7, 8)))
    stored = final_image(session, tmp_path)
    assert stored.GetSpacing() == pytest.approx(GRID.spacing[::-1])
    assert stored.GetOrigin() == pytest.approx(GRID.origin, abs=1e-4)
    at = np.argwhere(sitk.GetArrayFromImage(stored))[0]
    world = stored.TransformIndexToPhysicalPoint([int(v) for v in at[::-1]])
    np.testing.assert_allclose(world, GRID.to_world(at)[0], atol=1e-3)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(stored).astype(bool)[session.box.slices], session.steps[-1].mask
    )


def test_strokes_are_kept_in_world_mm():
    session = session_on(GRID, Box((1, 2, 3), (5, 7, 8)))
    record = session.steps[1].strokes[0].to_record(GRID)
    np.testing.assert_allclose(record["voxels_mm"][0], GRID.to_world([[1, 2, 3]])[0], atol=1e-4)


def test_slice_of_a_stack_is_pasted_into_the_stack(tmp_path):
    plane = GRID.plane(0, 4)
    session = session_on(plane, Box((2, 3), (7, 8)))
    stored = sitk.GetArrayFromImage(final_image(session, tmp_path, (0, 4))).astype(bool)
    assert stored.shape == GRID.shape
    assert stored.sum() == stored[4].sum() == session.steps[-1].mask.sum()
    assert Session.from_entries(session.to_entries(GRID, (0, 4))).grid == plane


def test_session_without_steps_is_an_empty_mask(tmp_path):
    session = replace(session_on(GRID, Box((1, 2, 3), (5, 7, 8))), steps=(), status="failed", error="x")
    assert Session.from_entries(session.to_entries(GRID)).steps == ()
    assert not sitk.GetArrayFromImage(final_image(session, tmp_path)).any()


def test_equal_sessions_are_equal_bytes():
    first, second = (session_on(GRID, Box((1, 2, 3), (5, 7, 8))).to_entries(GRID) for _ in range(2))
    assert first == second
