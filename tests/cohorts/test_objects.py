from collections import deque
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from bifseg.cards.cards import CohortCard
from bifseg.cohorts.checks import check_cohort
from bifseg.cohorts.objects import (
    find_objects,
    instances,
    read_objects,
    slice_axis,
    through_plane,
    write_objects,
)
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid

CARD = CohortCard(dimension=2, manifest=Path("m.tsv"), seen=["core"], minimum_voxels=3)


def objects_of(tree, dimension=2, **changes):
    structures = {row["structure"] for row in tree.rows}
    seen, unseen = sorted(structures & {"core"}), sorted(structures - {"core"})
    card = CARD.model_copy(update={"dimension": dimension, "seen": seen, "unseen": unseen, **changes})
    report = check_cohort(tree.write(), tree.root, card, Path("card.yaml"))
    assert not report.problems
    return find_objects(report, tree.root, card)


def slow_instances(mask):
    """Flood fill from each voxel in scan order."""
    numbers, count = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if numbers[start]:
            continue
        count += 1
        queue = deque([start])
        while queue:
            y, x = queue.popleft()
            if not (0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]) or not mask[y, x] or numbers[y, x]:
                continue
            numbers[y, x] = count
            queue += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return numbers


@settings(max_examples=50, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_instances_are_numbered_in_scan_order_with_diagonal_neighbours(mask):
    assert np.array_equal(instances(mask), slow_instances(mask))


@pytest.mark.parametrize(
    ("shape", "spacing", "axis"),
    [
        ((9, 9, 9), (3.3, 1.1, 1.1), 0),
        ((9, 9, 9), (1.1, 3.3, 1.1), 1),
        ((9, 9, 9), (0.5, 0.5, 7.5), 2),
        ((9, 9, 9), (1.0, 1.0, 1.0), 0),
        ((9, 9, 9), (1.0, 1.0000001, 1.0), 0),
        ((9, 9, 9), (1.0, 3.0, 3.0), 0),
        ((1, 9, 9), (1.0, 1.125, 1.0), 0),
        ((9, 9, 1), (5.0, 1.0, 1.0), 2),
    ],
)
def test_the_through_plane_axis(shape, spacing, axis):
    assert through_plane(Grid.plain(shape, spacing)) == axis


def rotated(*degrees):
    """The axes of a plain grid, turned about x, y and z."""
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    return tuple(tuple(map(float, turn @ axis)) for axis in np.eye(3)[::-1])


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1)])
@pytest.mark.parametrize("degrees", [(0, 0, 0), (20, -25, 15), (0, 40, 0)])
def test_named_planes_are_anatomical_in_any_orientation(order, signs, degrees):
    turned = np.array(rotated(*degrees))[list(order)] * np.array(signs)[:, None]
    grid = Grid((5, 6, 7), (1.0, 1.0, 3.3), (0.0, 0.0, 0.0), tuple(tuple(axis) for axis in turned))
    across = {
        "axial": 0,
        "coronal": 1,
        "sagittal": 2,
    }  # array axes along z, y, x before the axes were permuted
    for name, axis in across.items():
        assert slice_axis(grid, name) == order.index(axis)
    assert slice_axis(grid, "auto") == 2


def test_each_array_axis_has_one_plane_name():
    """Two array axes are nearest to z, so one of them gets another name."""
    axes = ((0.0, 0.6, 0.8), (0.36, 0.64, -0.68), (0.93, -0.29, 0.22))
    grid = Grid((5, 5, 5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), axes)
    assert [slice_axis(grid, name) for name in ("axial", "coronal", "sagittal")] == [0, 1, 2]


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.floats(-180, 180)] * 3))
def test_the_planes_are_the_best_assignment_of_axes(degrees):
    grid = Grid((5, 5, 5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), rotated(*degrees))
    axes_found = [slice_axis(grid, name) for name in ("sagittal", "coronal", "axial")]
    fits = {
        axes: sum(abs(grid.direction[axis][world]) for world, axis in enumerate(axes))
        for axes in permutations(range(3))
    }
    assert fits[tuple(axes_found)] == pytest.approx(max(fits.values()), abs=1e-6)


def test_noise_does_not_change_the_axis_of_a_stack_at_45_degrees():
    axes = [
        [
            slice_axis(Grid((5, 5, 5), (1.0,) * 3, (0.0,) * 3, rotated(45 + noise, 0, 0)), name)
            for name in ("axial", "coronal")
        ]
        for noise in (-1e-8, 0, 1e-8)
    ]
    assert axes[0] == axes[1] == axes[2]


@pytest.mark.parametrize(("slices", "axis"), [("auto", 2), ("axial", 0), ("coronal", 1), ("sagittal", 2)])
def test_the_card_names_the_plane_of_the_slices(tree, slices, axis):
    labels = np.zeros((6, 7, 5), np.uint8)
    labels[2:5, 1:6, 1:4] = 1
    axes = rotated(25, -20, 10)
    tree.add("c1", labels=labels, grid=Grid(labels.shape, (1.0, 1.0, 3.3), (0.0,) * 3, axes))
    rows = objects_of(tree, slices=slices)
    assert {row.axis for row in rows} == {axis}
    assert len(rows) == (3, 5, 3)[axis]
    assert sum(row.voxels for row in rows) == labels.sum()
    assert rows[0].object.startswith(f"c1_core_{'zyx'[axis]}00")


def test_a_volume_is_one_object_with_all_its_values_and_components(tree):
    labels = np.zeros((4, 8, 8), np.uint8)
    labels[0, 0, :4], labels[3, 7, :2], labels[2, 2, :3] = 1, 4, 2
    tree.add("c1", labels=labels, label_values="4,1", group="p", split="train")
    (row,) = objects_of(tree, dimension=3)
    assert (row.object, row.case, row.structure, row.seen) == ("c1_core", "c1", "core", True)
    assert (row.split, row.group, row.modality) == ("train", "p", "t1c")
    assert (row.image, row.label, row.label_values) == ("c1-image.nii.gz", "c1-label.nii.gz", (1, 4))
    assert (row.plane, row.axis, row.index, row.instance) == (None, None, None, None)
    assert (row.voxels, row.volume_ml, row.left_out) == (6, 0.018, "")


def test_a_2d_image_gives_its_instances(tree):
    labels = np.zeros((8, 8), np.uint8)
    labels[0, :3] = labels[1, 3] = 1  # touch at a corner: one instance
    labels[5:7, 5:7] = 1
    tree.add("c1", labels=labels, grid=Grid.plain((8, 8), (0.5, 0.5)), suffix=".nrrd", structure="lungs")
    first, second = objects_of(tree)
    assert [row.object for row in (first, second)] == ["c1_lungs_1", "c1_lungs_2"]
    assert [(row.voxels, row.volume_ml) for row in (first, second)] == [(4, 0.001), (4, 0.001)]
    assert (first.plane, first.instance, first.seen) == (None, 1, False)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_stack_gives_the_instances_of_each_slice(tree, axis):
    labels = np.zeros((3, 12, 8), np.uint8)
    labels[1, :2, :2] = labels[1, 5:7, :2] = labels[2, :1, :3] = 1
    spacing = np.roll((4.0, 1.0, 1.0), axis)
    labels = np.moveaxis(labels, 0, axis)
    tree.add("c1", labels=labels, grid=Grid.plain(labels.shape, tuple(spacing)))
    rows = objects_of(tree)
    name = "zyx"[axis]
    assert [row.object for row in rows] == [
        f"c1_core_{name}001_1",
        f"c1_core_{name}001_2",
        f"c1_core_{name}002_1",
    ]
    assert [row.plane for row in rows] == [(axis, 1), (axis, 1), (axis, 2)]
    assert [row.voxels for row in rows] == [4, 4, 3]
    assert rows[0].volume_ml == pytest.approx(0.016)


@pytest.mark.parametrize("dimension", [2, 3])
def test_small_objects_are_listed_with_the_reason(tree, dimension):
    labels = np.zeros((4, 8, 8), np.uint8)
    labels[1, 1, :3] = labels[1, 5, :2] = 1
    tree.add("c1", labels=labels)
    rows = objects_of(tree, dimension, minimum_voxels=3 if dimension == 2 else 6)
    reasons = [row.left_out for row in rows]
    assert reasons == (
        ["", "2 voxels, minimum_voxels is 3"] if dimension == 2 else ["5 voxels, minimum_voxels is 6"]
    )


@pytest.mark.parametrize("dimension", [2, 3])
def test_objects_do_not_depend_on_the_order_of_rows(tree, dimension):
    for case in ("c2", "c1", "c10"):
        row = tree.add(case)
        tree.rows.append(row | {"structure": "whole", "label_values": "1"})
    expected = objects_of(tree, dimension)
    tree.rows.reverse()
    assert objects_of(tree, dimension) == expected
    assert [row.case for row in expected] == sorted(row.case for row in expected)


def test_objects_are_sorted_by_case_not_by_file(tree):
    tree.add("b")
    row = tree.add("a")
    row["label"] = "z.nii.gz"
    (tree.root / "a-label.nii.gz").rename(tree.root / "z.nii.gz")
    assert [row.case for row in objects_of(tree)] == ["a"] * 4 + ["b"] * 4


def test_two_objects_of_one_name_are_refused(tree):
    tree.add("c1", structure="core")
    tree.add("c1_core", structure="z001", grid=Grid.plain((8, 8)), suffix=".nrrd")
    with pytest.raises(InputError, match="both make the object 'c1_core_z001_1'; rename one"):
        objects_of(tree)


def test_the_written_table_is_read_back(tree, tmp_path):
    tree.add("c1", label_values="1", modality="T2*, 'fat' \"free\"")
    rows = objects_of(tree, 2) + objects_of(tree, 3, minimum_voxels=1000)
    rows.append(replace(rows[0], label_values=(1, 2, 30), volume_ml=1 / 3, object="other"))
    rows.append(replace(rows[0], object="third", channel=0, raters=("r1.nii.gz", "r2.nii.gz")))
    write_objects(tmp_path / "objects.tsv", rows)
    assert read_objects(tmp_path / "objects.tsv") == rows


def test_a_table_without_the_optional_columns_is_read(tree, tmp_path):
    tree.add("c1")
    rows = objects_of(tree, 3)
    write_objects(tmp_path / "objects.tsv", rows)
    lines = (tmp_path / "objects.tsv").read_text().splitlines()
    assert lines[0].endswith("\tleft_out\tchannel\traters\tignore_values\tinitial\tchannels")
    old = "".join("\t".join(line.split("\t")[:-5]) + "\n" for line in lines)
    (tmp_path / "objects.tsv").write_text(old)
    assert read_objects(tmp_path / "objects.tsv") == rows


def test_a_missing_or_invalid_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"objects\.tsv: objects: cannot be read"):
        read_objects(tmp_path / "objects.tsv")
    (tmp_path / "objects.tsv").write_text("object\tvoxels\na\tmany\n")
    with pytest.raises(InputError, match="not a table of objects"):
        read_objects(tmp_path / "objects.tsv")
