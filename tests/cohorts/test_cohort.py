import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation
from storages import STORAGES, Storage

from bifseg.cards.cards import CohortCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.manifest import COLUMNS
from bifseg.cohorts.preparation import prepare
from bifseg.core.errors import InputError
from bifseg.core.files import file_hash, read_json, read_record
from bifseg.core.geometry import Grid
from bifseg.core.grid_differences import differences
from bifseg.core.images import read_grid, read_image, write_array

AXES = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
OBLIQUE = Grid((6, 10, 8), (3.3, 1.1, 0.9), (-40.0, 12.5, 88.0), tuple(tuple(axis) for axis in AXES))


def card_for(tree, dimension=3, **changes):
    structures = sorted({row["structure"] for row in tree.rows})
    settings = {"manifest": tree.path, "seen": structures, "minimum_voxels": 3}
    return CohortCard(dimension=dimension, **(settings | changes))


def prepared(tree, tmp_path, dimension=3, **changes):
    tree.write()
    prepare(card_for(tree, dimension, **changes), tmp_path / "brain.yaml", 7, tmp_path / "out", {})
    return Cohort.load(tmp_path / "out")


def simulate(cases, seed, folder, progress):
    """A simulator of one case a split, whose block lies where the seed says."""
    rows = ["\t".join(COLUMNS)]
    for number, split in enumerate(progress(["train", "validation", "test"]), 1):
        labels = np.zeros((4, 8, 8), np.uint8)
        labels[1, seed % 4 :, :] = 1
        write_array(
            folder / f"images/{split}.nii.gz", labels * np.float32(6 / number), Grid.plain(labels.shape)
        )
        write_array(folder / f"labels/{split}.nii.gz", labels, Grid.plain(labels.shape))
        rows.append(f"{split}1\timages/{split}.nii.gz\tlabels/{split}.nii.gz\t1\tcore\tt1\t{split}\t")
    (folder / "manifest.tsv").write_text("\n".join(rows) + "\n")


def test_a_volume_is_the_whole_image(tree, tmp_path):
    labels = np.zeros(OBLIQUE.shape, np.uint8)
    labels[1:3, 2:5, 2:5], labels[4, 4, 4] = 1, 3
    tree.add("c1", labels=labels, grid=OBLIQUE, label_values="1,3")
    cohort = prepared(tree, tmp_path)
    (row,) = cohort.objects
    image = cohort.image(row)
    assert (cohort.name, cohort.dimension, cohort.simulated) == ("brain", 3, False)
    assert image.modality == "t1c"
    assert np.array_equal(image.voxels, read_image(tree.root / row.image).voxels)
    assert np.array_equal(cohort.truth(row), labels > 0)
    assert row.plane is None
    assert cohort.whole_grid(row) == image.grid


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_of_an_oblique_stack_keeps_its_place(tree, tmp_path, axis):
    spacing = [0.9, 1.1, 1.0]
    spacing[axis] = 3.3
    grid = Grid(OBLIQUE.shape, tuple(spacing), OBLIQUE.origin, OBLIQUE.direction)
    labels = np.zeros(grid.shape, np.uint8)
    labels[1:5, 1:4, 1:3] = labels[1:5, 6:9, 5:8] = 1
    tree.add("c1", labels=labels, grid=grid)
    cohort = prepared(tree, tmp_path, dimension=2)
    whole = read_image(tree.root / "c1-image.nii.gz")
    assert len(cohort.objects) > 2
    for row in cohort.objects:
        image, truth = cohort.image(row), cohort.truth(row)
        assert row.plane == (axis, row.index)
        assert truth.shape == image.voxels.shape == image.grid.shape
        in_slice = np.argwhere(truth)
        in_stack = np.insert(in_slice, axis, row.index, axis=1)
        assert labels[tuple(in_stack.T)].all()
        assert np.array_equal(image.voxels[tuple(in_slice.T)], whole.voxels[tuple(in_stack.T)])
        assert np.allclose(image.grid.to_world(in_slice), whole.grid.to_world(in_stack), atol=1e-6)
        assert cohort.whole_grid(row) == whole.grid


def test_truths_of_the_instances_make_up_the_structure(tree, tmp_path):
    labels = np.random.default_rng(3).integers(0, 3, (5, 20, 20)).astype(np.uint8)
    tree.add("c1", labels=labels, grid=Grid.plain(labels.shape, (4.0, 1.0, 1.0)), label_values="2")
    cohort = prepared(tree, tmp_path, dimension=2, minimum_voxels=1)
    total = np.zeros(labels.shape, int)
    for row in cohort.objects:
        truth = cohort.truth(row)
        assert truth.sum() == row.voxels
        total[row.index] += truth
    assert np.array_equal(total, labels == 2)


def places_of(tree, tmp_path, labels, grid, storage, dimension, **changes):
    """Name, size and place in the world of each object, in order, of a case that is stored so."""
    tree.rows.clear()
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    stored = storage.grid(grid)
    tree.add("c1", labels=storage.array(labels), grid=stored)
    cohort = prepared(tree, tmp_path, dimension, minimum_voxels=1, **changes)
    at = [np.argwhere(cohort.truth(row)) for row in cohort.objects]
    points = [cohort.image(row).grid.to_world(index) for row, index in zip(cohort.objects, at, strict=True)]
    return [
        (row.object, row.voxels, sorted(world.round(3).tolist()))
        for row, world in zip(cohort.objects, points, strict=True)
    ]


@pytest.mark.parametrize(
    ("shape", "dimension", "changes"),
    [((5, 9, 7), 2, {}), ((5, 9, 7), 3, {"objects": "component"}), ((9, 7), 2, {})],
)
def test_objects_are_named_the_same_however_the_image_is_stored(tree, tmp_path, shape, dimension, changes):
    """Their names seed all draws, and say which instance is meant."""
    labels = (np.random.default_rng(5).random(shape) < 0.15).astype(np.uint8)
    grid = Grid.plain(shape, (4.0, 1.0, 1.0)[-len(shape) :])
    as_is = Storage(tuple(range(grid.ndim)), (False,) * grid.ndim)
    expected = places_of(tree, tmp_path, labels, grid, as_is, dimension, **changes)
    assert len(expected) > 3
    for storage in STORAGES[grid.ndim]:
        assert places_of(tree, tmp_path, labels, grid, storage, dimension, **changes) == expected


def test_a_stack_of_one_slice_has_the_objects_of_an_image(tree, tmp_path):
    for case, shape, suffix in (("c1", (8, 8), ".png"), ("c2", (1, 8, 8), ".nii")):
        voxels = np.random.default_rng(len(case + suffix)).integers(0, 255, shape, np.uint8)
        tree.add(case, voxels, grid=Grid.plain(shape), suffix=suffix)
    assert [row.object for row in prepared(tree, tmp_path, 2).objects] == ["c1_core_1", "c2_core_1"]


def test_a_cohort_of_an_earlier_version_keeps_its_instances(tree, tmp_path):
    labels = np.zeros((2, 4, 4), np.uint8)
    labels[0, 0, 0] = labels[0, 3, 1:] = 1
    flipped = Storage((0, 1, 2), (False, True, True))
    grid = flipped.grid(Grid.plain(labels.shape))
    tree.add("c1", labels=labels, grid=grid)
    first, second = prepared(tree, tmp_path, 2, minimum_voxels=1).objects
    about = read_record(tmp_path / "out/cohort.json")
    ways = ({}, {"instances": ""})
    new, old = (Cohort(tmp_path / "out", about | way, [first, second]) for way in ways)
    assert [new.truth(row).sum() for row in (first, second)] == [first.voxels, second.voxels] == [3, 1]
    assert [old.truth(row).sum() for row in (first, second)] == [1, 3]


def test_a_png_has_pixels_of_one_mm(tree, tmp_path):
    tree.add("c1", voxels=np.full((9, 8), 7, np.uint8), grid=Grid.plain((9, 8)), suffix=".png")
    cohort = prepared(tree, tmp_path, dimension=2)
    image = cohort.image(cohort.objects[0])
    assert image.grid == Grid.plain((9, 8))
    assert image.voxels.dtype == np.float32
    assert (image.voxels == 7).all()


def with_channels(path, several, grid):
    """Write the images as the channels of one 4D file."""
    image = sitk.GetImageFromArray(np.stack(several), isVector=False)
    direction = np.eye(4)
    direction[:3, :3] = np.array(grid.direction)[::-1].T
    image.SetSpacing([*map(float, grid.spacing[::-1]), 1.0])
    image.SetOrigin([*grid.origin, 0.0])
    image.SetDirection(direction.ravel().tolist())
    sitk.WriteImage(image, path)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_a_channel_of_a_4d_file_is_an_image(tree, tmp_path, dimension, suffix):
    rng = np.random.default_rng(2)
    several = [rng.normal(100 * k, 1, OBLIQUE.shape).astype(np.float32) for k in range(3)]
    labels = np.zeros(OBLIQUE.shape, np.uint8)
    labels[2, 1:5, 1:5] = 1
    row = tree.add("c1", labels=labels, grid=OBLIQUE, suffix=suffix, channel="2")
    tree.rows.append(row | {"structure": "whole", "channel": "0"})
    tree.columns.append("channel")
    with_channels(tree.root / row["image"], several, OBLIQUE)
    cohort = prepared(tree, tmp_path, dimension)
    whole = read_grid(tree.root / row["label"])
    for row, channel in zip(cohort.objects, (2, 0), strict=True):
        image = cohort.image(row)
        expected = several[channel] if dimension == 3 else several[channel][2]
        assert row.channel == channel
        assert np.array_equal(image.voxels, expected)
        assert image.grid.shape == cohort.truth(row).shape
        assert not list(differences(whole, cohort.whole_grid(row)))
        assert cohort.hashes(row)["channel"] == str(channel)


def test_raters_of_a_volume(tree, tmp_path):
    rng = np.random.default_rng(4)
    maps = [rng.integers(0, 3, (4, 8, 8)).astype(np.uint8) for _ in range(2)]
    for k, voxels in enumerate(maps):
        write_array(tree.root / f"r{k}.nii.gz", voxels, Grid.plain(voxels.shape, (3.0, 1.0, 1.0)))
    tree.add("c1", raters="r0.nii.gz,r1.nii.gz")
    tree.add("c2")
    tree.columns.append("raters")
    cohort = prepared(tree, tmp_path)
    first, second = cohort.objects
    for mask, voxels in zip(cohort.raters(first), maps, strict=True):
        assert np.array_equal(mask, voxels == 1)
    assert cohort.raters(second) == ()
    assert cohort.hashes(second).keys() == {"image", "label", "label_values", "modality"}
    assert cohort.hashes(first) == {
        **{"label_values": "1", "modality": "t1c"},
        **{
            "image": file_hash(tree.root / "c1-image.nii.gz"),
            "label": file_hash(tree.root / "c1-label.nii.gz"),
        },
        **{f"rater-{k + 1}": file_hash(tree.root / f"r{k}.nii.gz") for k in range(2)},
    }


def test_raters_of_an_instance_in_a_slice(tree, tmp_path):
    """Truth: two blocks. Rater 0 marks the first larger and something else; rater 1 joins both; rater 2 marks none."""
    labels, maps = np.zeros((3, 10, 20), np.uint8), np.zeros((3, 3, 10, 20), np.uint8)
    labels[1, 2:5, 2:6] = labels[1, 2:5, 12:16] = 1
    maps[0, 1, 1:6, 4:8] = maps[0, 1, 8, 15:18] = 1
    maps[1, 1, 3:5, 5:14] = 1
    maps[2, 1, 8, 2:5] = maps[2, 2, 2:5, 2:6] = 1
    maps[:, 0] = 1  # another slice
    grid = Grid.plain(labels.shape, (4.0, 1.0, 1.0))
    for k, voxels in enumerate(maps):
        write_array(tree.root / f"r{k}.nii.gz", voxels, grid)
    tree.add("c1", labels=labels, grid=grid, raters="r0.nii.gz,r1.nii.gz,r2.nii.gz")
    tree.columns.append("raters")
    cohort = prepared(tree, tmp_path, dimension=2)
    left, right = cohort.objects
    first = np.zeros((10, 20), bool)
    first[1:6, 4:8] = True
    empty = np.zeros((10, 20), bool)
    for row, expected in ((left, (first, maps[1, 1] == 1, empty)), (right, (empty, maps[1, 1] == 1, empty))):
        masks = cohort.raters(row)
        assert len(masks) == 3
        for mask, outline in zip(masks, expected, strict=True):
            assert mask.dtype == bool
            assert np.array_equal(mask, outline)


def test_left_out_objects_are_in_the_table_only(tree, tmp_path):
    labels = np.zeros((4, 8, 8), np.uint8)
    labels[1, :4, :4] = labels[2, 0, 0] = 1
    tree.add("c1", labels=labels)
    cohort = prepared(tree, tmp_path, dimension=2)
    assert [row.object for row in cohort.objects] == ["c1_core_z001_1"]
    assert "c1_core_z002_1\t" in (tmp_path / "out" / "objects.tsv").read_text()


def test_objects_are_selected_by_split_and_by_being_seen(tree, tmp_path):
    for case, split in (("a", "train"), ("b", "test")):
        row = tree.add(case, split=split)
        tree.rows.append(row | {"structure": "lungs"})
    cohort = prepared(tree, tmp_path, seen=["core"], unseen=["lungs"])
    names = {name: [row.object for row in rows] for name, rows in {
        "all": cohort.select(), "train": cohort.select("train"), "unseen": cohort.select(seen=False),
        "both": cohort.select("test", True),
    }.items()}  # fmt: skip
    assert names == {
        "all": ["a_core", "a_lungs", "b_core", "b_lungs"],
        "train": ["a_core", "a_lungs"],
        "unseen": ["a_lungs", "b_lungs"],
        "both": ["b_core"],
    }
    with pytest.raises(InputError, match="split: 'tset' is not a split; known are: train, validation, test"):
        cohort.select("tset")


def test_an_unknown_object_is_told_with_similar_names(tree, tmp_path):
    tree.add("case01")
    cohort = prepared(tree, tmp_path)
    assert cohort.object("case01_core") == cohort.objects[0]
    with pytest.raises(InputError, match=r"object: 'case01_cor' is not an object .*did you mean case01_core"):
        cohort.object("case01_cor")
    with pytest.raises(InputError, match=r"'xyz' is not an object of this cohort; see objects\.tsv"):
        cohort.object("xyz")


def test_files_read_last_are_kept_and_cannot_be_changed(tree, tmp_path):
    row = tree.add("c1")
    tree.rows.append(row | {"structure": "whole"})
    cohort = prepared(tree, tmp_path)
    first, second = cohort.objects
    image = cohort.image(first)
    assert cohort.image(second) is image
    with pytest.raises(ValueError, match="read-only"):
        image.voxels[0, 0, 0] = 5


def test_the_record_of_a_cohort(tree, tmp_path):
    row = tree.add("c1")
    cohort = prepared(tree, tmp_path)
    about = read_record(tmp_path / "out" / "cohort.json")
    assert about.keys() == {
        *("name", "dimension", "simulated", "seen", "unseen", "root", "seed", "instances"),
        *("card", "manifest_sha256", "objects_sha256", "content_sha256", "hashes"),
    }
    assert (about["name"], about["seed"], about["root"]) == ("brain", 7, str(tree.root))
    assert about["manifest_sha256"] == file_hash(tree.path)
    assert about["card"]["minimum_voxels"] == 3
    assert cohort.hashes(cohort.objects[0]) == {
        "label_values": "1",
        "modality": "t1c",
        "image": file_hash(tree.root / row["image"]),
        "label": file_hash(tree.root / row["label"]),
    }


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.999])
def test_a_list_that_was_cut_off_is_no_cohort(tree, tmp_path, share):
    for k in range(8):
        tree.add(f"c{k}")
    prepared(tree, tmp_path)
    path = tmp_path / "out" / "objects.tsv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: int(share * len(lines))]))
    with pytest.raises(InputError, match=r"objects.tsv: cut off or changed .* prepare the cohort again"):
        Cohort.load(tmp_path / "out")
    path.unlink()
    with pytest.raises(InputError, match=r"objects.tsv: is missing"):
        Cohort.load(tmp_path / "out")


@pytest.mark.parametrize("kind", ["image", "label"])
def test_a_file_that_changed_since_it_was_prepared_is_not_read(tree, tmp_path, kind):
    """SimpleITK would fill the end of a NIfTI file that was cut off with zeros, without a word."""
    row = tree.add("c1")
    cohort = prepared(tree, tmp_path)
    path = tree.root / row[kind]
    whole = path.read_bytes()
    read = {"image": cohort.image, "label": cohort.truth}[kind]
    path.write_bytes(whole[:-1])
    with pytest.raises(
        InputError, match=f"{path.name}: cut off or changed since it was written; bring it back"
    ):
        read(cohort.objects[0])
    path.write_bytes(whole)
    assert read(cohort.objects[0]) is not None


def test_paths_of_a_card_are_relative_to_the_card(tree, tmp_path):
    tree.add("c1")
    tree.write().rename(tmp_path / "list.tsv")
    card = card_for(tree, manifest="list.tsv", root="data")
    prepare(card, tmp_path / "brain.yaml", 7, tmp_path / "out", {})
    assert read_json(tmp_path / "out" / "cohort.json")["root"] == str(tree.root)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"manifest": "none.tsv"},
            "brain.yaml: manifest: .*none.tsv is not a file; correct the path, or make it: "
            "bifseg cohort from LAYOUT --name brain PATH --out ",
        ),
        ({"root": "none"}, "brain.yaml: root: .*none is not a folder; correct the path"),
        ({"manifest": "a\nb.tsv"}, "brain.yaml: manifest: a b.tsv is not a file"),
        ({"root": "a\nb"}, "brain.yaml: root: .*a b is not a folder"),
        ({"manifest": None, "simulator": "mice"}, "simulator: 'mice' is unknown; known are: tumour3d"),
    ],
)
def test_cards_that_lead_nowhere(tree, tmp_path, changes, message):
    tree.add("c1")
    tree.write()
    with pytest.raises(InputError, match=message):
        prepare(
            card_for(tree, **changes), tmp_path / "brain.yaml", 7, tmp_path / "out", {"tumour3d": simulate}
        )


@pytest.mark.parametrize("what", ["out", "code"])
def test_results_and_code_in_the_root_are_refused_before_any_work(tree, tmp_path, monkeypatch, what):
    """Methods cannot read the root: the trained network and a plug-in would be hidden from them."""
    tree.add("c1")
    tree.write()
    places = {"out": tmp_path / "out", "code": tmp_path / "code"} | {what: tree.root / what}
    monkeypatch.setenv("PYTHONPATH", str(places["code"]))
    with pytest.raises(InputError, match=rf"data: methods cannot .*{what} lies in it; keep"):
        prepare(
            card_for(tree), tmp_path / "brain.yaml", 7, places["out"], {}, lambda names: pytest.fail("began")
        )


def test_a_failing_check_leaves_all_problems_and_no_cohort(tree, tmp_path):
    tree.add("c1")
    prepared(tree, tmp_path)
    for k in range(7):
        tree.add(f"d{k}", split="tset")
    with pytest.raises(InputError) as raised:
        prepared(tree, tmp_path)
    message = str(raised.value).splitlines()
    assert message[0] == f"{tree.path}: 7 problems"
    assert message[1].startswith(f"{tree.path}:3: split: 'tset'")
    assert message[-1] == f"all are in {tmp_path / 'out' / 'problems.txt'}"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["problems.txt"]
    assert len((tmp_path / "out" / "problems.txt").read_text().splitlines()) == 7
    with pytest.raises(InputError, match="no prepared cohort; prepare it"):
        Cohort.load(tmp_path / "out")
    tree.rows = tree.rows[:1]
    prepared(tree, tmp_path)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("cohort.json", "content.npz", "objects.tsv")
    ]


def test_an_interrupted_simulator_leaves_no_cohort(tmp_path):
    def broken(cases, seed, folder, progress):
        simulate(cases, seed, folder, progress)
        raise KeyboardInterrupt

    card = CohortCard(dimension=3, simulator="tumour3d", seen=["core"])
    prepare(card, tmp_path / "sim.yaml", 1, tmp_path / "out", {"tumour3d": simulate})
    assert Cohort.load(tmp_path / "out").objects
    with pytest.raises(KeyboardInterrupt):
        prepare(card, tmp_path / "sim.yaml", 2, tmp_path / "out", {"tumour3d": broken})
    assert not (tmp_path / "out" / "objects.tsv").exists()
    assert not (tmp_path / "out" / "cohort.json").exists()


def test_a_simulated_cohort_may_be_moved(tmp_path):
    card = CohortCard(dimension=2, simulator="tumour3d", seen=["core"])
    prepare(card, tmp_path / "sim.yaml", 2, tmp_path / "out", {"tumour3d": simulate})
    shutil.move(tmp_path / "out", tmp_path / "elsewhere")
    cohort = Cohort.load(tmp_path / "elsewhere")
    (row,) = cohort.select("test")
    assert (cohort.simulated, read_json(tmp_path / "elsewhere" / "cohort.json")["root"]) == (True, ".")
    assert row.object == "test1_core_z001_1"
    assert cohort.truth(row).sum() == 48 == cohort.image(row).voxels.sum() / 2
