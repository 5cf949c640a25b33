from dataclasses import replace

import pytest
import yaml
from trees import GRID, brats_case, draft_of, mark

from bifseg.cards.cards import CohortCard, read_card
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.manifest import parse_manifest
from bifseg.cohorts.preparation import prepare
from bifseg.cohorts.readers.writing import summary, write_cohort
from bifseg.core.errors import InputError

COMMAND = "bifseg cohort from brats2021 data --out cards"
SHIPPED = "# A card that ships.\ndimension: 3\nmanifest: b.tsv\nseen: [tumour_core] # core\nunseen: [whole_tumour]\n"


@pytest.fixture
def data(tmp_path):
    for k in range(4):
        brats_case(tmp_path / "data", f"BraTS2021_0000{k}", 1, 2, 4)
    brats_case(tmp_path / "data", "BraTS2021_00007")
    return tmp_path / "data"


def test_card_manifest_and_the_list_of_left_out_cases_are_written(data, tmp_path):
    cards = tmp_path / "cards"
    draft = draft_of("brats2021", data)
    files = write_cohort(draft, cards, "b", COMMAND)
    assert files == [cards / "b.yaml", cards / "b.tsv", cards / "b.left-out.tsv"]
    assert (cards / "b.yaml").read_text().startswith(f"# Made by: {COMMAND}\n")
    card = read_card(CohortCard, cards / "b.yaml")
    assert (card.dimension, str(card.manifest), card.root) == (3, "b.tsv", data)
    assert (card.seen, card.unseen) == (["tumour_core"], ["whole_tumour"])
    assert len(parse_manifest(cards / "b.tsv", data).rows) == 8
    assert (cards / "b.left-out.tsv").read_text() == (
        "case\tstructure\treason\tfile\nBraTS2021_00007\t\tno label map\t\n"
    )
    prepare(card, cards / "b.yaml", 1, tmp_path / "cohort", {})
    assert len(Cohort.load(tmp_path / "cohort").objects) == 0  # fifteen voxels are fewer than thirty


def test_writing_the_same_cohort_again_changes_nothing(data, tmp_path):
    draft = draft_of("brats2021", data)
    write_cohort(draft, tmp_path, "b", COMMAND)
    card = (tmp_path / "b.yaml").read_text() + "minimum_voxels: 3 # of mine\n"
    (tmp_path / "b.yaml").write_text(card)
    write_cohort(draft, tmp_path, "b", "another command")
    assert (tmp_path / "b.yaml").read_text() == card


def test_a_shipped_card_gets_its_root(data, tmp_path):
    (tmp_path / "b.yaml").write_text(SHIPPED)
    write_cohort(draft_of("brats2021", data), tmp_path, "b", COMMAND)
    assert (tmp_path / "b.yaml").read_text() == f"{SHIPPED}root: {data}\n"
    assert read_card(CohortCard, tmp_path / "b.yaml").root == data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unseen": []}, "unseen: is none in the file and whole_tumour here"),
        ({"dimension": 2}, "dimension: is 2 in the file and 3 here"),
        ({"root": "elsewhere"}, "root: is elsewhere in the file and "),
        ({"manifest": "c.tsv"}, "manifest: is c.tsv in the file and b.tsv here"),
    ],
)
def test_a_card_that_differs_is_kept_unless_forced(data, tmp_path, changes, message):
    text = yaml.safe_dump(yaml.safe_load(SHIPPED) | changes)
    (tmp_path / "b.yaml").write_text(text)
    draft = draft_of("brats2021", data)
    with pytest.raises(InputError) as refused:
        write_cohort(draft, tmp_path, "b", COMMAND)
    assert message in str(refused.value)
    assert str(refused.value).endswith("; choose another --name, or replace the card with --force")
    assert (tmp_path / "b.yaml").read_text() == text
    assert not (tmp_path / "b.tsv").exists()
    write_cohort(draft, tmp_path, "b", COMMAND, force=True)
    assert read_card(CohortCard, tmp_path / "b.yaml").unseen == ["whole_tumour"]


def test_a_manifest_that_differs_is_kept_unless_forced(data, tmp_path):
    write_cohort(draft_of("brats2021", data), tmp_path, "b", COMMAND)
    before = (tmp_path / "b.tsv").read_text()
    other_draft = draft_of("brats2021", data, seed=5)
    with pytest.raises(
        InputError, match=r"b\.tsv: exists and differs; choose another --name, or replace it with"
    ):
        write_cohort(other_draft, tmp_path, "b", COMMAND)
    assert (tmp_path / "b.tsv").read_text() == before
    write_cohort(other_draft, tmp_path, "b", COMMAND, force=True)
    assert (tmp_path / "b.tsv").read_text() != before


def test_an_old_list_of_left_out_cases_is_removed(data, tmp_path):
    write_cohort(draft_of("brats2021", data), tmp_path, "b", COMMAND)
    brats_case(data, "BraTS2021_00007", 1, 2, 4)
    files = write_cohort(draft_of("brats2021", data), tmp_path, "b", COMMAND, force=True)
    assert files == [tmp_path / "b.yaml", tmp_path / "b.tsv"]
    assert not (tmp_path / "b.left-out.tsv").exists()


def test_the_summary_states_counts_and_reasons(data, tmp_path):
    brats_case(data, "BraTS2021_00008", 1, 2, 4, words="flair")
    brats_case(data, "BraTS2021_00009", 1, 2)
    (data / ".DS_Store").touch()
    lines = summary(draft_of("brats2021", data), tmp_path / "b.yaml").splitlines()
    assert lines[0] == f"cases: 6, patients: 6, 3D, below {data}; seen: tumour_core; unseen: whole_tumour"
    assert lines[3].split() == ["tumour_core", "t1c", "5", "4", "1", "0", "0.015", "-", "0.03", "1", "3"]
    assert lines[4].split() == ["whole_tumour", "flair", "6", "4", "1", "1", "0.03", "-", "0.045", "1", "3"]
    assert lines[5:] == [
        "left out: tumour_core of 1 case: no file for t1c (BraTS2021_00008)",
        "left out: 1 case: no label map (BraTS2021_00007)",
        "note: 1 hidden file skipped",
        "note: in 2 rows the label map lacks a value that others of its structure have, as in a tumour without necrosis"
        f"; `bifseg cohort check {tmp_path / 'b.yaml'}` lists them",
    ]


def test_a_long_list_of_reasons_is_shortened(data, tmp_path):
    for k in range(10, 30):
        brats_case(data, f"BraTS2021_000{k}", 1, 2, 4, words="flair t1ce")
        moved = replace(GRID, origin=(float(k), 0.0, 0.0))
        mark(data / f"BraTS2021_000{k}/BraTS2021_000{k}_seg.nii.gz", 1, 2, 4, grid=moved)
    for k in range(30, 37):
        brats_case(data, f"BraTS2021_000{k}")
    lines = summary(draft_of("brats2021", data), tmp_path / "b.yaml").splitlines()
    cut = [line for line in lines if line.startswith("left out: ")]
    assert cut[0] == (
        "left out: 8 cases: no label map (BraTS2021_00007, BraTS2021_00030, BraTS2021_00031, BraTS2021_00032, "
        "BraTS2021_00033, ...)"
    )
    assert cut[1].startswith(
        "left out: tumour_core, whole_tumour of 1 case: origin differs by 10 mm along x from the "
    )
    assert len(cut) == 16
    assert cut[-1] == f"left out: 6 more reasons are in {tmp_path / 'b.left-out.tsv'}"


def test_the_summary_notes_that_no_case_is_for_the_test(tmp_path):
    text = (
        "note: no case is in the split test, which runs play unless their configuration has another `split`"
    )
    brats_case(tmp_path, "BraTS2021_00000", 1, 2, 4)
    assert text in summary(draft_of("brats2021", tmp_path), tmp_path / "c.yaml")
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    assert text not in summary(draft_of("brats2021", tmp_path), tmp_path / "c.yaml")
