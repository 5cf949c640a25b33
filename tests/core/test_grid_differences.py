import numpy as np
import pytest

from bifseg.core.geometry import Grid
from bifseg.core.grid_differences import differences

GRID = Grid(
    (4, 8, 9), (3.0, 1.0, 1.5), (10.0, 20.0, 30.0), ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
)


def turned(degrees: float) -> Grid:
    """GRID turned about the world's z axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    axes = ((0.0, 0.0, 1.0), (-s, c, 0.0), (c, s, 0.0))
    return Grid(GRID.shape, GRID.spacing, GRID.origin, axes)


def test_equal_grids_have_no_differences():
    assert list(differences(GRID, GRID)) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"origin": (12.5, 20.0, 30.0)}, "origin differs by 2.5 mm along x"),
        ({"origin": (10.0, 19.0, 30.25)}, "origin differs by 1 mm along y, 0.25 mm along z"),
        ({"spacing": (3.3, 1.0, 1.5)}, "spacing differs by 0.3 mm along z"),
        ({"spacing": (3.0, 1.0, 1.0)}, "spacing differs by 0.5 mm along x"),
        (
            {"spacing": (1.0, 1.0, 1.0), "in_mm": False},
            "spacing differs by 0.5 mm along x, 2 mm along z (it states none, which is read as 1)",
        ),
        ({"shape": (4, 8, 8)}, "shape is (4, 8, 8), that of the image (4, 8, 9) (z, y, x)"),
    ],
)
def test_each_difference_is_stated_with_its_size(changes, message):
    label = Grid(**{**{k: getattr(GRID, k) for k in ("shape", "spacing", "origin", "direction")}, **changes})
    assert list(differences(GRID, label)) == [message]


def test_a_rotated_grid_differs_by_degrees():
    assert list(differences(GRID, turned(2.0))) == [
        "direction differs by 2 degrees for axis x, 2 degrees for axis y"
    ]
    flipped = Grid(GRID.shape, GRID.spacing, GRID.origin, ((0.0, 0.0, -1.0), *GRID.direction[1:]))
    assert list(differences(GRID, flipped)) == ["direction differs by 180 degrees for axis z"]


@pytest.mark.parametrize(("size", "same"), [(1e-8, True), (9e-5, True), (1.1e-4, False)])
def test_direction_tolerance(size, same):
    axes = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, size, 0.0))
    label = Grid(GRID.shape, GRID.spacing, GRID.origin, axes)
    assert (list(differences(GRID, label)) == []) == same


@pytest.mark.parametrize(("size", "same"), [(1e-8, True), (9e-4, True), (1.1e-3, False)])
@pytest.mark.parametrize("key", ["origin", "spacing"])
def test_mm_tolerance(key, size, same):
    changed = tuple(v + size for v in getattr(GRID, key))
    label = Grid(**{**GRID.__dict__, key: changed})
    assert (list(differences(GRID, label)) == []) == same


def test_a_different_dimension_is_a_difference_of_shape():
    (message,) = differences(GRID, Grid.plain((8, 9)))
    assert message.startswith("shape is (8, 9), that of the image (4, 8, 9)")
