from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from bifseg.cards.cards import CohortCard
from bifseg.cohorts.checks import check_cohort, check_manifest
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.images import read_array, write_array

SHAPE = (4, 8, 8)
GRID = Grid.plain(SHAPE, (3.0, 1.0, 1.0))


def lines(tree, dimension=3):
    return [str(problem) for problem in check_manifest(tree.write(), tree.root, dimension).problems]


def labels(*values):
    """A label map with a row of 5 voxels of each value."""
    array = np.zeros(SHAPE, np.uint8)
    for k, value in enumerate(values):
        array[k % 4, k // 4, :5] = value
    return array


@pytest.mark.parametrize("ending", [".jpg", ".TIF", ".gipl", ".vtk"])
def test_files_of_other_formats_are_problems(tree, ending):
    """ITK reads them, but not always whole: JPEG changes labels, and a cut file counts as a whole one."""
    row = tree.add()
    for key in ("image", "label"):
        row[key] = f"{key}{ending}"
        shape = (8, 8) if ending in (".jpg", ".TIF") else SHAPE
        written = tree.root / f"{key}{ending.lower()}"
        sitk.WriteImage(sitk.GetImageFromArray(np.ones(shape, np.uint8)), written)
        written.rename(tree.root / row[key])
    text = "is neither NIfTI, MetaImage, NRRD nor PNG by its ending; convert it to one of them"
    assert lines(tree, 2) == [f"{tree.path}:2: {key}: {key}{ending}: {text}" for key in ("image", "label")]


def test_a_valid_cohort_has_no_problems(tree):
    tree.add("c1")
    tree.add("c2", split="train")
    assert lines(tree) == []


def test_problems_of_cells_and_of_files_are_found_at_once(tree):
    tree.add("c1", split="tset", label_grid=replace(GRID, origin=(0.0, 0.0, 9.0)))
    tree.add("c2", image="../out.nii.gz", label_values="5")
    assert [line.split(": ")[1] for line in lines(tree)] == ["label", "split", "image", "label_values"]


def test_a_missing_column_ends_the_check(tree):
    tree.add()
    tree.columns.remove("split")
    (line,) = lines(tree)
    assert line.startswith(f"{tree.path}:1: split: no such column")


def test_a_missing_file_is_a_problem(tree):
    tree.add(label="none.nii.gz")
    assert lines(tree) == [
        f"{tree.path}:2: label: none.nii.gz: no such file in {tree.root}; correct the path",
    ]


def test_an_unreadable_file_is_one_problem_for_all_its_rows(tree):
    row = tree.add()
    tree.rows.append(row | {"structure": "whole"})
    (tree.root / row["image"]).write_text("text")
    (line,) = lines(tree)
    assert line.startswith(
        f"{tree.path}:2: image: c1-image.nii.gz: is not compressed, though its name ends in .gz; copy the file"
    )


def test_image_with_colours(tree):
    row = tree.add(suffix=".png", grid=Grid.plain((8, 8)), voxels=np.zeros((8, 8), np.uint8))
    sitk.WriteImage(
        sitk.GetImageFromArray(np.zeros((8, 8, 3), np.uint8), isVector=True), tree.root / row["image"]
    )
    assert lines(tree, 2) == [
        f"{tree.path}:2: image: c1-image.png: has 3 channels per voxel; save one grey channel per file"
    ]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"origin": (2.5, 0.0, 0.0)}, "origin differs by 2.5 mm along x"),
        ({"spacing": (3.25, 1.0, 1.0)}, "spacing differs by 0.25 mm along z"),
        (
            {"direction": ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0))},
            "direction differs by 180 degrees for axis y",
        ),
    ],
)
def test_a_label_map_on_another_grid_is_a_problem(tree, changes, difference):
    tree.add(label_grid=replace(GRID, **changes))
    assert lines(tree) == [
        f"{tree.path}:2: label: c1-label.nii.gz: {difference} from c1-image.nii.gz; "
        "resample the label map to the image, or copy the image's header if the voxels do correspond"
    ]


def test_label_map_of_another_shape(tree):
    small = np.ones((4, 8, 7), np.uint8)
    tree.add(labels=small, label_grid=Grid.plain(small.shape, GRID.spacing))
    (line,) = lines(tree)
    assert line.startswith(
        f"{tree.path}:2: label: c1-label.nii.gz: shape is (4, 8, 7), that of the image (4, 8, 8)"
    )
    assert "resample the label map" in line


def test_noise_in_the_direction_is_accepted(tree):
    tree.add(
        suffix=".mha",
        label_grid=replace(GRID, direction=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 1e-8, 0.0))),
    )
    assert lines(tree) == []


def test_voxels_that_are_not_finite(tree):
    voxels = np.zeros(SHAPE, np.float32)
    voxels[0, 0, 0] = np.nan
    tree.add(voxels=voxels)
    assert lines(tree) == [
        f"{tree.path}:2: image: c1-image.nii.gz: 1 of 256 voxels are not finite; replace NaN and infinity"
    ]


def test_label_map_that_holds_fractions(tree):
    tree.add(labels=np.where(labels(1) > 0, 1, 0.5).astype(np.float32))
    assert lines(tree) == [
        f"{tree.path}:2: label: c1-label.nii.gz: holds 0.5; a label map holds integers only, save it as one"
    ]


def test_empty_object(tree):
    tree.add(labels=labels(2, 7), label_values="1,3")
    assert lines(tree) == [
        f"{tree.path}:2: label_values: 1,3: the object is empty, c1-label.nii.gz holds 0,2,7; "
        "correct the values or remove the row"
    ]


def test_a_value_absent_from_all_cases_is_one_problem(tree):
    for case in ("c1", "c2"):
        tree.add(case, labels=labels(1, 2, 4), label_values="1,3,4")
    assert lines(tree) == [
        f"{tree.path}:2: label_values: 3: in no label map of 'core', c1-label.nii.gz holds 0,1,2,4; "
        "correct the values"
    ]


def test_a_value_absent_from_some_cases_is_a_note(tree):
    tree.add("c1", labels=labels(1, 3, 4), label_values="1,3,4")
    tree.add("c2", labels=labels(1, 4), label_values="1,3,4")
    report = check_manifest(tree.write(), tree.root, 3)
    assert not report.problems
    assert [str(note) for note in report.notes] == [
        f"{tree.path}:3: label_values: 3: not in c2-label.nii.gz, but in other cases of 'core'"
    ]


def test_an_empty_object_is_not_noted_as_well(tree):
    tree.add("c1", labels=labels(1, 3), label_values="1,3")
    tree.add("c2", labels=labels(2), label_values="1,3")
    report = check_manifest(tree.write(), tree.root, 3)
    assert len(report.problems) == 1
    assert report.notes == ()


def test_the_same_structure_of_a_case_twice(tree):
    row = tree.add()
    tree.rows.append(dict(row))
    assert lines(tree) == [f"{tree.path}:3: structure: 'core' of case 'c1' is on line 2 already; remove one"]


def test_two_rows_with_one_object_name_are_a_problem(tree):
    tree.add("c1_core", structure="edge")
    tree.add("c1", structure="core_edge")
    assert lines(tree) == [
        f"{tree.path}:3: structure: 'core_edge' makes the object 'c1_core_edge', as line 2 does; rename one"
    ]


def test_one_group_in_two_splits(tree):
    tree.add("c1", group="p", split="train")
    tree.add("c2", group="p", split="test")
    assert lines(tree) == [
        f"{tree.path}:3: split: 'test', but group 'p' has split 'train' on line 2; give one group one split"
    ]


def test_one_case_in_two_splits_without_a_group(tree):
    row = tree.add("c1", split="train")
    tree.rows.append(row | {"structure": "whole", "split": "validation"})
    (line,) = lines(tree)
    assert line.startswith(f"{tree.path}:3: split: 'validation', but group 'c1' has split 'train' on line 2")


def test_one_case_in_two_groups(tree):
    row = tree.add("c1", group="p")
    tree.rows.append(row | {"structure": "whole", "group": ""})
    (line,) = lines(tree)
    assert line.startswith(
        f"{tree.path}:3: group: 'c1', but case 'c1' has group 'p' on line 2; give one case"
    )


def test_image_that_is_its_own_label_map(tree):
    row = tree.add()
    row["image"] = row["label"]
    assert lines(tree) == [f"{tree.path}:2: label: c1-label.nii.gz: is the image as well; name the label map"]


def add_channel(tree, cell, **cells):
    """Two cases, the second with a channel; the lines of the check."""
    tree.add("c1", **cells)
    tree.add("c2", channels=cell)
    tree.columns.append("channels")
    return lines(tree)


@pytest.mark.parametrize("case", ["c1", "c2"])
def test_a_channel_that_is_a_label_map_is_a_problem(tree, case):
    """A method would see the truth."""
    file = f"{case}-label.nii.gz"
    text = f"t2: {file}: is a label map as well; name the image of this channel"
    assert add_channel(tree, f"t2={file}") == [f"{tree.path}:3: channels: {text}"]


def test_an_image_that_is_another_case_s_label_map_is_a_problem(tree):
    tree.add("c1")
    tree.add("c2")["image"] = "c1-label.nii.gz"
    assert lines(tree) == [f"{tree.path}:3: image: c1-label.nii.gz: is a label map as well; name the image"]


def test_a_channel_with_the_name_of_the_image_s_modality_is_a_problem(tree):
    """It would be passed over. The image itself may be listed, as for the case's other structures."""
    text = "t1c: c1-image.nii.gz: the modality t1c is c2-image.nii.gz already; name the channel otherwise"
    assert add_channel(tree, "t1c=c1-image.nii.gz") == [f"{tree.path}:3: channels: {text}"]
    tree.rows[1]["channels"] = "t1c=c2-image.nii.gz"
    assert lines(tree) == []


def test_another_patient_s_channel_is_a_problem_across_splits(tree):
    text = (
        "c1-image.nii.gz: holds the same voxels as c1-image.nii.gz of 'c1', which is in the split 'train'; remove one, "
        "or give both one group"
    )
    assert add_channel(tree, "t2=c1-image.nii.gz", split="train") == [f"{tree.path}:3: image: {text}"]


def test_an_initial_mask_that_is_the_truth_is_a_problem(tree):
    tree.add("c1", initial="c1-label.nii.gz")
    tree.columns.append("initial")
    text = "c1-label.nii.gz: is the label as well; name the label map of an automatic method"
    assert lines(tree) == [f"{tree.path}:2: initial: {text}"]


def test_files_of_another_dimension_are_a_problem(tree):
    flat = Grid.plain((8, 8))
    tree.add("c1", grid=flat, suffix=".nrrd")
    tree.add("c2", grid=GRID)
    assert lines(tree, 2) == []
    (image, label) = lines(tree, 3)
    assert image.startswith(
        f"{tree.path}:2: image: c1-image.nrrd: has 2 dimensions, a 3D cohort takes 3; convert"
    )
    assert label.startswith(f"{tree.path}:2: label: c1-label.nrrd: has 2 dimensions")


def test_a_file_of_several_volumes(tree):
    row = tree.add(suffix=".nrrd")
    several = sitk.GetImageFromArray(np.ones((2, *SHAPE), np.uint8), isVector=False)
    several.SetSpacing([*GRID.spacing[::-1], 1.0])
    sitk.WriteImage(several, tree.root / row["image"])
    prefix = f"{tree.path}:2: channel: c1-image.nrrd: "
    assert lines(tree, 3) == [f"{prefix}is 4D; it has channels 0 to 1, name one of them"]
    tree.columns.append("channel")
    row["channel"] = "1"
    assert lines(tree, 3) == lines(tree, 2) == []
    row["channel"] = "2"
    assert lines(tree, 3) == [f"{prefix}has no channel 2; it has channels 0 to 1, name one of them"]


def test_a_channel_of_a_file_without_channels(tree):
    tree.add(channel="0")
    tree.columns.append("channel")
    assert lines(tree) == [
        f"{tree.path}:2: channel: c1-image.nii.gz: has no channel 0; it has no channel axis, leave the channel empty"
    ]


def test_each_channel_is_checked_and_the_file_once(tree):
    row = tree.add(suffix=".nii", channel="0")
    several = np.stack([np.full(SHAPE, k, np.float32) for k in range(2)])
    sitk.WriteImage(sitk.GetImageFromArray(several, isVector=False), tree.root / row["image"])
    tree.rows += [row | {"structure": "whole", "channel": "1"}, row | {"structure": "edge", "channel": "7"}]
    tree.columns.append("channel")
    problems = lines(tree)
    assert [line.split(": ")[:3] for line in problems] == [
        [f"{tree.path}:2", "label", "c1-label.nii"],  # sitk wrote spacings of 1 mm
        [f"{tree.path}:4", "channel", "c1-image.nii"],
    ]
    assert "spacing differs by 2 mm along z" in problems[0]


def rater(tree, voxels, name="r.nii.gz", grid=GRID):
    """Write a rater's label map; its name."""
    write_array(tree.root / name, voxels, grid)
    if "raters" not in tree.columns:
        tree.columns.append("raters")
    return name


def test_raters_are_checked_like_the_label(tree):
    good = rater(tree, labels(1), "good.nii.gz")
    tree.add("c1", raters=good)
    tree.add(
        "c2",
        raters=f"{good}, {rater(tree, labels(1), 'moved.nii.gz', replace(GRID, origin=(0.0, 2.5, 0.0)))}",
    )
    tree.add("c3", raters=rater(tree, labels(1) * 0.5, "half.nii.gz"))
    tree.add("c4", raters=rater(tree, labels(2, 3), "empty.nii.gz"))
    tree.add("c5", raters="none.nii.gz")
    tree.add("c6", raters=rater(tree, labels(1)[0], "flat.nii.gz", Grid.plain((8, 8))))
    problems = [line.removeprefix(f"{tree.path}:") for line in lines(tree)]
    starts = [
        "3: raters: moved.nii.gz: origin differs by 2.5 mm along y from c2-image.nii.gz; resample the label map",
        "4: raters: half.nii.gz: holds 0.5; a label map holds integers only",
        "4: raters: half.nii.gz: the object is empty, it holds 0",
        "5: raters: empty.nii.gz: the object is empty, it holds 0,2,3; remove it from the list",
        "6: raters: none.nii.gz: no such file in",
        "7: raters: flat.nii.gz: has 2 dimensions, a 3D cohort takes 3",
        "7: raters: flat.nii.gz: shape is (8, 8), that of the image (4, 8, 8)",
    ]
    assert len(problems) == len(starts)
    assert all(line.startswith(start) for line, start in zip(problems, starts, strict=True))


@pytest.mark.parametrize("names", ["r.nii.gz,r.nii.gz", "c1-label.nii.gz", "r.nii.gz,c1-label.nii.gz"])
def test_a_rater_s_file_named_twice_is_a_problem(tree, names):
    rater(tree, labels(1))
    tree.add("c1", raters=names)
    (line,) = lines(tree)
    assert line.startswith(
        f"{tree.path}:2: raters: {names.split(',')[-1]}: is named twice, or is the label as well"
    )


def test_a_value_in_raters_masks_only_counts_as_absent(tree):
    tree.add("c1", labels=labels(1), label_values="1,3", raters=rater(tree, labels(3)))
    (line,) = lines(tree)
    assert "label_values: 3: in no label map of 'core'" in line


def test_structures_of_manifest_and_card_are_the_same(tree):
    tree.add("c1", structure="core")
    tree.add("c2", structure="liver")
    tree.add("c3", structure="liver")
    card = CohortCard(dimension=3, manifest=tree.path, seen=["core", "edge"], unseen=["lungs"])
    report = check_cohort(tree.write(), tree.root, card, Path("z.yaml"))
    assert [str(problem) for problem in report.problems] == [
        f"{tree.path}:3: structure: 'liver' is neither seen nor unseen in z.yaml; list it or remove its rows",
        f"z.yaml: seen: 'edge' is on no row of {tree.path}; correct the name or remove it",
        f"z.yaml: unseen: 'lungs' is on no row of {tree.path}; correct the name or remove it",
    ]


def test_the_report_counts_volumes_and_spacings(tree):
    tree.add("c1", labels=labels(1, 1), split="train")  # 10 voxels of 3 mm3
    tree.add("c2", labels=labels(1), grid=replace(GRID, spacing=(5.0, 1.0, 0.5)))  # 5 voxels of 2.5 mm3
    report = check_manifest(tree.write(), tree.root, 3)
    assert report.voxels(report.rows[0]) == 10
    assert report.records() == [
        {
            "structure": "core",
            "modality": "t1c",
            "cases": "2",
            "train": "1",
            "validation": "0",
            "test": "1",
            "volume (ml)": "0.0125 - 0.03",
            "finest spacing (mm)": "0.5 - 1",
            "coarsest spacing (mm)": "3 - 5",
        }
    ]
    assert "0.0125 - 0.03" in report.summary()
    assert report.summary().endswith("2 rows, 0 problems")


def test_the_report_states_no_ml_and_mm_of_files_without_a_spacing(tree):
    tree.add("c1")
    report = check_manifest(tree.write(), tree.root, 3)
    name = report.rows[0].label
    label = report.labels[name]
    report.labels[name] = replace(label, grid=replace(label.grid, in_mm=False))
    (record,) = report.records()
    assert {record[key] for key in record if "(m" in key} == {""}
    assert record["cases"] == "1"


def test_progress_passes_over_every_file_once(tree):
    row = tree.add("c1")
    tree.rows.append(row | {"structure": "whole"})
    names_shown = []

    def progress(names):
        for name in names:
            names_shown.append(name)
            yield name

    check_manifest(tree.write(), tree.root, 3, progress)
    assert names_shown == ["c1-image.nii.gz", "c1-label.nii.gz"]


def test_a_missing_manifest_is_refused(tree):
    with pytest.raises(InputError, match="manifest: cannot be read"):
        check_manifest(tree.path, tree.root, 3)


def scanned(tree, *levels):
    """Notes on a cohort whose images have these mean foreground intensities."""
    for k, level in enumerate(levels):
        voxels = np.zeros(SHAPE, np.float32)
        voxels[1:3] = level
        tree.add(f"c{k}", voxels=voxels)
    report = check_manifest(tree.write(), tree.root, 3)
    assert not report.problems
    return [str(note) for note in report.notes]


def test_intensities_that_differ_tenfold_are_a_note(tree):
    (note,) = scanned(tree, 48, 9590, 300)
    assert note.startswith(f"{tree.path}:3: image: mean intensities of ")
    assert "differ from 48 to 9590" in note


def test_smaller_differences_of_intensity_give_no_note(tree):
    assert scanned(tree, 100, 999) == []


def test_an_image_of_one_value_is_a_note(tree):
    (note,) = scanned(tree, 100, 0)
    assert note == f"{tree.path}:3: image: c1-image.nii.gz: all its voxels are 0; is it the image?"


def add_copy(tree, split, **cells):
    """A case c1 in train, and a copy of its image as c2, stored along other axes and as float64."""
    first = tree.add("c1", split="train")
    voxels, grid = read_array(tree.root / first["image"])
    flipped = replace(
        grid,
        origin=tuple(grid.to_world(np.array([3, 0, 0]))[0]),
        direction=(tuple(-v for v in grid.direction[0]), *grid.direction[1:]),
    )
    tree.add("c2", voxels=voxels[::-1].astype(np.float64), grid=flipped, suffix=".mha", split=split, **cells)
    return check_manifest(tree.write(), tree.root, 3)


def test_one_image_in_two_splits_is_a_problem(tree):
    (problem,) = add_copy(tree, "test").problems
    assert str(problem) == (
        f"{tree.path}:3: image: c2-image.mha: holds the same voxels as c1-image.nii.gz of 'c1', which is in the split "
        "'train'; remove one, or give both one group"
    )


def test_one_label_map_of_two_patients_is_a_problem(tree):
    """The second of them would have the truth of the first."""
    first = tree.add("c1")["label"]
    tree.add("c2", label=first)
    tree.add("c3", label=first, group="c1")
    assert lines(tree) == [
        f"{tree.path}:3: label: c1-label.nii.gz: is the label map of 'c1' as well; name its own, or give both one group"
    ]


@pytest.mark.parametrize("column", ["image", "channels"])
def test_a_copy_of_the_truth_as_an_image_is_a_problem(tree, column):
    row = tree.add("c1")
    write_array(tree.root / "copy.nrrd", read_array(tree.root / row["label"])[0].astype(np.float32), GRID)
    row[column] = "copy.nrrd" if column == "image" else "t2=copy.nrrd"
    tree.columns.append("channels")
    (line,) = lines(tree)
    assert f": {column}: copy.nrrd: holds the voxels of the label map c1-label.nii.gz; name" in line


def test_a_picture_and_a_volume_of_one_slice_can_be_one_image(tree):
    voxels = np.random.default_rng(0).integers(0, 255, (8, 8), np.uint8)
    for case, suffix, shape, split in (("c1", ".png", (8, 8), "train"), ("c2", ".nii", (1, 8, 8), "test")):
        grid = Grid.plain(shape)
        labels = (voxels > 99).astype(np.uint8).reshape(shape)
        tree.add(case, voxels.reshape(shape), labels, grid, suffix=suffix, split=split)
    (problem,) = check_manifest(tree.write(), tree.root, 2).problems
    assert "c2-image.nii: holds the same voxels as c1-image.png of 'c1'" in str(problem)


def test_a_flipped_copy_of_channels_is_one_image(tree):
    several = np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32)
    tree.columns.append("channel")
    for case, split, step in (("c1", "train", 1), ("c2", "test", -1)):
        row = tree.add(case, suffix=".nii", channel="0", split=split)
        channels = [sitk.GetImageFromArray(np.ascontiguousarray(one[:, ::step])) for one in several]
        label = read_array(tree.root / row["label"])[0]
        label = sitk.GetImageFromArray(np.ascontiguousarray(label[:, ::step]))
        for image in (*channels, label):
            image.SetDirection((1, 0, 0, 0, step, 0, 0, 0, 1))
        sitk.WriteImage(sitk.JoinSeries(channels), tree.root / row["image"])
        sitk.WriteImage(label, tree.root / row["label"])
    (line,) = lines(tree)
    assert "c2-image.nii: holds the same voxels as c1-image.nii of 'c1'" in line


def test_two_channels_of_one_file_are_one_image(tree):
    first = tree.add("c1", suffix=".nii", channel="0", split="train")
    several = np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32)
    sitk.WriteImage(sitk.GetImageFromArray(several, isVector=False), tree.root / first["image"])
    tree.rows.append(first | {"case": "c2", "channel": "1", "split": "test"})
    tree.columns.append("channel")
    assert any("c1-image.nii: holds the same voxels as c1-image.nii of 'c1'" in line for line in lines(tree))


def test_one_image_twice_in_a_split_is_a_note(tree):
    report = add_copy(tree, "train")
    assert not report.problems
    assert ["both count as patients" in str(note) for note in report.notes] == [True]


def test_one_image_twice_of_one_patient_is_no_fault(tree):
    report = add_copy(tree, "train", group="c1")
    assert not report.problems
    assert not report.notes
