from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bifseg.cards import CohortCard
from bifseg.cohorts.check import check_cohort
from bifseg.cohorts.listing import find_objects, instances, read_objects, through_plane, write_objects
from bifseg.errors import BadInput
from bifseg.geometry import Grid

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
def test_the_order_of_the_rows_does_not_matter(tree, dimension):
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
    with pytest.raises(BadInput, match="both make the object 'c1_core_z001_1'; rename one"):
        objects_of(tree)


def test_the_table_gives_the_objects_back(tree, tmp_path):
    tree.add("c1", label_values="1", modality="T2*, 'fat' \"free\"")
    rows = objects_of(tree, 2) + objects_of(tree, 3, minimum_voxels=1000)
    rows.append(replace(rows[0], label_values=(1, 2, 30), volume_ml=1 / 3, object="other"))
    write_objects(tmp_path / "objects.tsv", rows)
    assert read_objects(tmp_path / "objects.tsv") == rows


def test_a_table_that_is_none_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"objects\.tsv: objects: cannot be read"):
        read_objects(tmp_path / "objects.tsv")
    (tmp_path / "objects.tsv").write_text("object\tvoxels\na\tmany\n")
    with pytest.raises(BadInput, match="not a table of objects"):
        read_objects(tmp_path / "objects.tsv")
