from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from trees import GRID, SHARES, brats_case, draft_of, draw, labels, mark, reasons_of, rows_of

from bifseg.cohorts.checks import check_manifest
from bifseg.cohorts.manifest import manifest_text
from bifseg.cohorts.readers.drafting import CohortRequest, draft_cohort
from bifseg.cohorts.readers.layout import LayoutOptions
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

AXES = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
OBLIQUE = Grid(GRID.shape, GRID.spacing, (-40.0, 12.5, 88.0), tuple(tuple(map(float, axis)) for axis in AXES))


def two_cases(folder, grid, label_grid):
    """Two cases, of which the second has its own grids."""
    brats_case(folder, "BraTS2021_00001", 1, 2, 4)
    for word in ("flair", "t1ce"):
        draw(folder / f"BraTS2021_00002/BraTS2021_00002_{word}.nii.gz", grid)
    mark(folder / "BraTS2021_00002/BraTS2021_00002_seg.nii.gz", 1, 2, 4, grid=label_grid)


def moved(grid, mm):
    return replace(grid, origin=tuple(v + mm for v in grid.origin))


def tilted(grid, by):
    (first, *rest) = grid.direction
    return replace(grid, direction=(tuple(v + by for v in first), *rest))


@pytest.mark.parametrize(
    ("grid", "label_grid"),
    [
        (OBLIQUE, OBLIQUE),
        (OBLIQUE, moved(OBLIQUE, 5e-4)),
        (GRID, tilted(GRID, 1e-8)),
        (OBLIQUE, tilted(OBLIQUE, 1e-8)),
    ],
)
def test_grids_that_differ_by_rounding_are_accepted(tmp_path, grid, label_grid):
    two_cases(tmp_path, grid, label_grid)
    draft = draft_of("brats2021", tmp_path)
    assert len(draft.report.rows) == 4
    assert draft.left_out == ()


@pytest.mark.parametrize(
    ("grid", "label_grid", "message"),
    [
        (GRID, moved(GRID, 2e-3), "origin differs by 0.002 mm along x"),
        (OBLIQUE, moved(OBLIQUE, 2.0), "origin differs by 2 mm along x"),
        (OBLIQUE, replace(OBLIQUE, direction=GRID.direction), "direction differs by"),
        (GRID, replace(GRID, spacing=(3.1, 1.0, 1.0)), "spacing differs by 0.1 mm along z"),
    ],
)
def test_label_maps_on_another_grid_are_left_out_with_the_difference(tmp_path, grid, label_grid, message):
    two_cases(tmp_path, grid, label_grid)
    draft = draft_of("brats2021", tmp_path)
    assert {row.case for row in draft.report.rows} == {"BraTS2021_00001"}
    assert [(case, structure) for case, structure, _ in reasons_of(draft)] == [
        ("BraTS2021_00002", "tumour_core"),
        ("BraTS2021_00002", "whole_tumour"),
    ]
    assert all(message in reason for _, _, reason in reasons_of(draft))
    assert {one.file for one in draft.left_out} == {"BraTS2021_00002/BraTS2021_00002_seg.nii.gz"}


@pytest.mark.parametrize(
    ("word", "message"),
    [("seg", "is not compressed, though its name"), ("t1ce", "is not compressed, though its name")],
)
def test_all_rows_of_an_unreadable_file_are_left_out(tmp_path, word, message):
    two_cases(tmp_path, GRID, GRID)
    (tmp_path / f"BraTS2021_00002/BraTS2021_00002_{word}.nii.gz").write_text("text")
    draft = draft_of("brats2021", tmp_path)
    assert len(reasons_of(draft)) == (2 if word == "seg" else 1)
    assert all(reason.startswith(message) for _, _, reason in reasons_of(draft))


def test_a_broken_link_is_left_out(tmp_path):
    two_cases(tmp_path, GRID, GRID)
    path = tmp_path / "BraTS2021_00002/BraTS2021_00002_seg.nii.gz"
    path.unlink()
    path.symlink_to(tmp_path / "annex")
    assert {reason.split(" in ")[0] for _, _, reason in reasons_of(draft_of("brats2021", tmp_path))} == {
        "is a link to a file that is missing; bring that back"
    }


def test_the_written_manifest_passes_the_check(tmp_path):
    for k in range(6):
        brats_case(tmp_path, f"BraTS2021_0000{k}", 1, 2, 4)
    draft = draft_of("brats2021", tmp_path)
    (tmp_path / "m.tsv").write_text(manifest_text(draft.report.rows))
    report = check_manifest(tmp_path / "m.tsv", tmp_path, 3)
    assert not report.problems
    assert report.rows == draft.report.rows
    assert report.records() == draft.report.records()


def test_every_file_is_read_once(tmp_path):
    two_cases(tmp_path, GRID, GRID)
    names_shown = []

    def progress(names):
        names_shown.extend(names)
        return names

    draft_cohort("brats2021", tmp_path, LayoutOptions(), CohortRequest(SHARES, 1), progress)
    assert len(names_shown) == len(set(names_shown)) == 6


def test_splits_are_drawn_among_usable_cases(tmp_path):
    for k in range(10):
        brats_case(tmp_path, f"BraTS2021_0000{k}", *((1, 2, 4) if k else ()))
    splits = [
        row.split for row in draft_of("brats2021", tmp_path).report.rows if row.structure == "tumour_core"
    ]
    assert sorted(splits) == ["test"] * 2 + ["train"] * 6 + ["validation"]


def test_splits_are_drawn_again_without_a_case_whose_file_is_broken(tmp_path):
    for k in range(10):
        brats_case(tmp_path, f"BraTS2021_0000{k}", 1, 2, 4)
    splits = {row.case: row.split for row in draft_of("brats2021", tmp_path).report.rows}
    (case,) = [case for case, split in splits.items() if split == "validation"]
    (tmp_path / case / f"{case}_seg.nii.gz").write_bytes(b"")
    others = {row.case: row.split for row in draft_of("brats2021", tmp_path).report.rows}
    assert sorted(others.values()) == ["test"] * 2 + ["train"] * 6 + ["validation"]
    assert case not in others


def test_the_seed_changes_the_splits(tmp_path):
    for k in range(10):
        brats_case(tmp_path, f"BraTS2021_0000{k}", 1, 2, 4)
    first, second = (
        [row.split for row in draft_of("brats2021", tmp_path, seed=s).report.rows] for s in (1, 2)
    )
    assert first != second
    assert sorted(first) == sorted(second)


def test_a_value_absent_from_all_cases_is_refused(tmp_path):
    for case in ("BraTS2021_00001", "BraTS2021_00002"):
        brats_case(tmp_path, case, 1, 2)
    with pytest.raises(
        InputError, match=r"label_values: 4: in no label map of 'tumour_core'.*; give the values of"
    ):
        draft_of("brats2021", tmp_path)


def test_a_selected_structure_absent_from_all_cases_is_refused(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2)
    options = LayoutOptions(structures={"oedema": (2,), "cyst": (7,)})
    with pytest.raises(
        InputError, match=r"cyst: in no usable case \(.*no voxel has the value 7; the label map holds 1,2"
    ):
        draft_of("brats2021", tmp_path, options, seen=("oedema", "cyst"))
    draft = draft_of("brats2021", tmp_path, options)
    assert draft.seen == ("oedema",)
    assert ("", "cyst", "in no usable case") in reasons_of(draft)


def test_the_reason_is_that_of_most_cases_with_a_label_map(tmp_path):
    """Test images have no label map and come first, but do not decide the reason."""
    for k in range(3):
        brats_case(tmp_path, f"BraTS2021_0000{k}")
    for k in range(3, 6):
        brats_case(tmp_path, f"BraTS2021_0000{k}", 1, 2, 4, words="t1 t2" if k > 3 else "t1ce")
    with pytest.raises(InputError) as message:
        draft_of("brats2021", tmp_path, seen=("whole_tumour",))
    assert "whole_tumour: in no usable case (no file for flair: 3 cases, e.g. BraTS2021_00003); " in str(
        message.value
    )
    mark(tmp_path / "BraTS2021_00003/BraTS2021_00003_seg.nii.gz", 2)
    with pytest.raises(
        InputError, match=r"tumour_core: in no usable case \(no file for t1c: 2 cases, e.g. .*00004\)"
    ):
        draft_of("brats2021", tmp_path, seen=("tumour_core",))
    for k in range(3, 6):
        (tmp_path / f"BraTS2021_0000{k}/BraTS2021_0000{k}_seg.nii.gz").unlink()
    with pytest.raises(
        InputError, match=r"in no usable case \(no label map: 6 cases, e.g. BraTS2021_00000\)"
    ):
        draft_of("brats2021", tmp_path)


def test_raters_are_checked_with_their_row(tmp_path):
    for name in ("a", "b"):
        draw(tmp_path / f"{name}.nii.gz")
        mark(tmp_path / f"{name}-1.nii.gz", 1)
        write_array(tmp_path / f"{name}-2.nii.gz", labels(1), GRID if name == "a" else OBLIQUE)
    table = "image\tlabel\traters\n" + "".join(f"{n}.nii.gz\t{n}-1.nii.gz\t{n}-2.nii.gz\n" for n in "ab")
    (tmp_path / "t.tsv").write_text(table)
    draft = draft_of("tsv", tmp_path / "t.tsv", LayoutOptions(structures={"x": (1,)}))
    assert set(rows_of(draft)) == {("a", "x")}
    (one,) = draft.left_out
    assert (one.case, one.file) == ("b", "b-2.nii.gz")
    assert one.reason.startswith("direction differs")


def test_stacks_can_make_a_2d_cohort(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    assert draft_of("brats2021", tmp_path, dimension=2).dimension == 2


def test_an_unknown_layout_is_refused(tmp_path):
    with pytest.raises(InputError, match="layout: 'brats2022' is unknown; known are: brats2015, brats2018"):
        draft_of("brats2022", tmp_path)


def test_volumes_are_those_of_the_label_maps(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    draft = draft_of("brats2021", tmp_path)
    core, whole = draft.report.records()
    assert (core["volume (ml)"], whole["volume (ml)"]) == ("0.03", "0.045")  # 10 and 15 voxels of 3 mm3
    assert np.isclose(GRID.voxel_ml, 0.003)
