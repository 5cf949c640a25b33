from dataclasses import replace

import pytest
from trees import GRID, draft_of, draw, draw_channels, mark, reasons_of, rows_of

from bifseg.cards.cards import CohortCard, read_card
from bifseg.cohorts.manifest import parse_manifest
from bifseg.cohorts.readers.layout import LayoutOptions
from bifseg.cohorts.readers.writing import write_cohort
from bifseg.core.errors import InputError

LIVER = LayoutOptions(structures={"liver": (1,)})


def write_table(path, *rows, sign="\t"):
    path.write_text("".join(sign.join(row) + "\n" for row in rows))
    return path


def write_scan(folder, name="ct", *, values=(1, 2)):
    draw(folder / f"{name}.nii.gz")
    mark(folder / f"{name}-mask.nii.gz", *values)


def test_two_columns_are_enough(tmp_path):
    for case in ("p1", "p2"):
        write_scan(tmp_path / case)
    rows = [(f"{case}/ct.nii.gz", f"{case}/ct-mask.nii.gz") for case in ("p1", "p2")]
    draft = draft_of("tsv", write_table(tmp_path / "t.tsv", ("image", "label"), *rows), LIVER)
    assert rows_of(draft) == {("p1_ct", "liver"): rows[0], ("p2_ct", "liver"): rows[1]}
    assert {(row.modality, row.group) for row in draft.report.rows} == {
        ("image", "p1_ct"),
        ("image", "p2_ct"),
    }


def test_files_without_a_folder_in_common_are_refused(tmp_path):
    """Methods cannot read the common folder, which would be the whole disk."""
    write_scan(tmp_path)
    table = write_table(tmp_path / "t.tsv", ("image", "label"), ("ct.nii.gz", "/elsewhere/mask.nii.gz"))
    with pytest.raises(InputError, match=r"t\.tsv: /elsewhere and /.* have no folder in common.*; put links"):
        draft_of("tsv", table, LIVER)


def test_columns_may_have_other_names(tmp_path):
    for name in ("a", "b", "c"):
        write_scan(tmp_path, name)
    rows = [
        (f"x {n}", f"{n}.nii.gz", f"{n}-mask.nii.gz", "pat 1", split)
        for n, split in zip("abc", ("", "", "Val"), strict=True)
    ]
    table = write_table(tmp_path / "t.csv", ("id", "t2", "mask", "who", "fold"), *rows, sign=",")
    options = LayoutOptions(
        {"liver": (1, 2)},
        {"": "t2"},
        {"case": "id", "image": "t2", "label": "mask", "group": "who", "split": "fold"},
    )
    draft = draft_of("tsv", table, options)
    assert {row.case for row in draft.report.rows} == {"x_a", "x_b", "x_c"}
    assert {(row.group, row.split, row.modality) for row in draft.report.rows} == {
        ("pat 1", "validation", "t2")
    }


def test_the_column_patient_gives_the_patients(tmp_path):
    for name in ("a", "b"):
        write_scan(tmp_path, name)
    rows = [(f"{n}.nii.gz", f"{n}-mask.nii.gz", "p1") for n in "ab"]
    table = write_table(tmp_path / "t.csv", ("image", " label", "patient "), *rows, sign=",")
    draft = draft_of("tsv", table, LIVER)
    assert {row.group for row in draft.report.rows} == {"p1"}
    assert not draft.notes


def test_columns_that_are_not_used_are_noted(tmp_path):
    write_scan(tmp_path, "a")
    table = write_table(
        tmp_path / "t.tsv",
        ("image", "label", "Patient_ID", "Split", ""),
        ("a.nii.gz", "a-mask.nii.gz", "p1", "test", ""),
    )
    (note,) = draft_of("tsv", table, LIVER).notes
    assert note == (
        "columns not used: Patient_ID, Split; if one names the patients, add --columns group=NAME, else they follow "
        "from the cases' names"
    )


def test_structures_are_read_from_the_table(tmp_path):
    write_scan(tmp_path)
    head = ("case", "image", "label", "structure", "label_values", "modality")
    rows = [
        ("c1", "ct.nii.gz", "ct-mask.nii.gz", name, values, "ct")
        for name, values in (("Liver", "1,2"), ("cyst", "2"))
    ]
    draft = draft_of("tsv", write_table(tmp_path / "t.tsv", head, *rows))
    assert draft.seen == ("Liver", "cyst")
    assert [(row.structure, row.label_values) for row in draft.report.rows] == [
        ("Liver", (1, 2)),
        ("cyst", (2,)),
    ]


def test_each_structure_uses_its_modality(tmp_path):
    for name in ("t1c", "flair"):
        draw(tmp_path / f"{name}.nii.gz")
    mark(tmp_path / "seg.nii.gz", 1, 2)
    rows = [("c1", f"{name}.nii.gz", "seg.nii.gz", name) for name in ("t1c", "flair")]
    table = write_table(tmp_path / "t.tsv", ("case", "image", "label", "modality"), *rows)
    options = LayoutOptions({"core": (1,), "whole": (1, 2)}, {"core": "t1c", "whole": "flair"})
    draft = draft_of("tsv", table, options)
    assert {name: image for (_, name), (image, _) in rows_of(draft).items()} == {
        "core": "t1c.nii.gz",
        "whole": "flair.nii.gz",
    }
    assert draft.left_out == ()


def test_channels_and_raters_are_read(tmp_path):
    draw_channels(tmp_path / "four.nii.gz", 3, GRID)
    for name in ("a", "b", "c"):
        mark(tmp_path / f"{name}.nii.gz", 1)
    row = ("four.nii.gz", "a.nii.gz", "2", "b.nii.gz, c.nii.gz")
    draft = draft_of(
        "tsv", write_table(tmp_path / "t.tsv", ("image", "label", "channel", "raters"), row), LIVER
    )
    (made_row,) = draft.report.rows
    assert (made_row.channel, made_row.raters) == (2, ("b.nii.gz", "c.nii.gz"))


def test_initial_masks_and_further_channels_are_read(tmp_path):
    for name in ("scans/pet", "scans/ct"):
        draw(tmp_path / f"{name}.nii.gz")
    for name in ("masks/truth", "masks/automatic"):
        mark(tmp_path / f"{name}.nii.gz", 1)
    cells = {
        "pet": "scans/pet.nii.gz",
        "label": "masks/truth.nii.gz",
        "initial": "masks/automatic.nii.gz",
        "channels": "ct = scans/ct.nii.gz",
    }
    options = replace(LIVER, columns={"image": "pet"}, modalities={"": "pet"})
    draft = draft_of("tsv", write_table(tmp_path / "t.csv", cells, cells.values(), sign=","), options)
    (row,) = draft.report.rows
    assert (row.initial, row.channels) == ("masks/automatic.nii.gz", (("ct", "scans/ct.nii.gz"),))
    write_cohort(draft, tmp_path / "cards", "c", "bifseg cohort from tsv")
    assert read_card(CohortCard, tmp_path / "cards" / "c.yaml").channels == ["ct", "pet"]
    assert parse_manifest(tmp_path / "cards" / "c.tsv", draft.root).rows == draft.report.rows


def test_absolute_paths_have_the_deepest_common_folder_as_root(tmp_path):
    for case in ("p1", "p2"):
        write_scan(tmp_path / "far" / "data" / case)
    (tmp_path / "tables").mkdir()
    data = tmp_path / "far" / "data"
    rows = [(str(data / case / "ct.nii.gz"), str(data / case / "ct-mask.nii.gz")) for case in ("p1", "p2")]
    draft = draft_of("tsv", write_table(tmp_path / "tables/t.tsv", ("image", "label"), *rows), LIVER)
    assert draft.root == data
    assert rows_of(draft)["p1_ct", "liver"] == ("p1/ct.nii.gz", "p1/ct-mask.nii.gz")


def test_the_root_is_the_folder_of_the_files_not_of_the_table(tmp_path):
    write_scan(tmp_path / "data/a")
    mark(tmp_path / "data/other.nii.gz", 1, 2)
    row = ("data/a/ct.nii.gz", "data/a/ct-mask.nii.gz", "data/other.nii.gz")
    table = write_table(tmp_path / "scans.csv", ("image", "label", "raters"), row, sign=",")
    draft = draft_of("tsv", table, LIVER)
    assert draft.root == tmp_path / "data"
    assert rows_of(draft) == {("a_ct", "liver"): ("a/ct.nii.gz", "a/ct-mask.nii.gz")}
    assert draft.report.rows[0].raters == ("other.nii.gz",)


def test_rows_with_empty_cells_and_repeated_rows_are_left_out(tmp_path):
    write_scan(tmp_path)
    complete = ("c1", "ct.nii.gz", "ct-mask.nii.gz")
    table = write_table(
        tmp_path / "t.tsv",
        ("case", "image", "label"),
        complete,
        complete,
        ("c2", "", "ct-mask.nii.gz"),
        ("c3", "ct.nii.gz", ""),
    )
    assert reasons_of(draft_of("tsv", table, LIVER)) == [
        ("c2", "liver", "no file for image"),
        ("c3", "", "no label map"),
        ("c1", "liver", "occurs twice; the first is used"),
    ]


def test_a_patient_in_two_splits_is_left_out(tmp_path):
    write_scan(tmp_path)
    rows = [
        (case, "ct.nii.gz", "ct-mask.nii.gz", "p", split) for case, split in (("c1", "train"), ("c2", "test"))
    ]
    table = write_table(tmp_path / "t.tsv", ("case", "image", "label", "group", "split"), *rows)
    ((case, _, reason),) = reasons_of(draft_of("tsv", table, LIVER))
    assert (case, reason.split(";")[0]) == (
        "c2",
        "split: 'test', but group 'p' has split 'train' on case 'c1'",
    )


@pytest.mark.parametrize(
    ("head", "row", "options", "message"),
    [
        (
            "image mask",
            "a b",
            LIVER,
            ":1: there is no column 'label'; the table has image, mask; give --columns",
        ),
        (
            "image label",
            "a b",
            LayoutOptions({"x": (1,)}, columns={"image": "t2"}),
            "there is no column 't2'",
        ),
        (
            "image label",
            "a b",
            LayoutOptions({"x": (1,)}, columns={"img": "t2"}),
            "'img' is not a column of a manifest",
        ),
        ("image label", "a b", LayoutOptions(), "has no columns 'structure' and 'label_values'"),
        (
            "image label split",
            "a b fold1",
            LIVER,
            ":2: split: 'fold1' is not a split; write train, validation, test or",
        ),
        ("image label channel", "a b x", LIVER, ":2: channel: 'x' is not the number of a channel; write 0"),
        ("image label channels", "a b ct:x", LIVER, ":2: channels: 'ct:x' is not a list of channels; write"),
        ("image label label", "a b c", LIVER, ":1: there are 2 columns 'label'; rename one"),
        (
            "image label structure label_values",
            "a b liver 1;2",
            LayoutOptions(),
            ":2: label_values: '1;2' is not a list of",
        ),
    ],
)
def test_each_wrong_table_has_a_one_line_message(tmp_path, head, row, options, message):
    table = write_table(tmp_path / "t.tsv", head.split(), row.split())
    with pytest.raises(InputError) as refused:
        draft_of("tsv", table, options)
    assert str(refused.value).startswith(str(table))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="table: cannot be read"):
        draft_of("tsv", tmp_path / "none.tsv", LIVER)
