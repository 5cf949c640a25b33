"""Odd images of all kinds through the commands: those that can be read are played, each other one has its reason."""

import csv

import pandas as pd
import pytest
from command_line import bifseg
from odd_images import BAD, GOOD

MOST = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of all kinds, a folder each, with their table."""
    folder = tmp_path_factory.mktemp("odd")
    rows = ["case\timage\tlabel"]
    for number, make in enumerate([*GOOD.values(), *(make for make, _ in BAD.values())]):
        (folder / f"c{number:02}").mkdir()
        image, label = make(folder / f"c{number:02}")
        rows.append(f"c{number:02}\tc{number:02}/{image}\tc{number:02}/{label}")
    (folder / "t.tsv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def cards(folder):
    """The cohort that `cohort from` made."""
    words = ("--name", "c", "--structure", "s=1", "--split-shares", "0,0,1")
    assert bifseg("cohort", "from", "tsv", folder / "t.tsv", "--out", folder / "cards", *words) == 0
    return folder / "cards"


def table(path):
    with path.open() as stream:
        return {row["case"]: row for row in csv.DictReader(stream, delimiter="\t")}


GOOD_CASES = {f"c{number:02}": kind for number, kind in enumerate(GOOD)}
BAD_CASES = {f"c{number:02}": kind for number, kind in enumerate(BAD, len(GOOD))}


@pytest.mark.parametrize(("case", "kind"), BAD_CASES.items(), ids=BAD)
def test_an_unusable_image_is_left_out_with_its_reason(cards, case, kind):
    row = table(cards / "c.left-out.tsv")[case]
    assert BAD[kind][1] in row["reason"]
    assert row["file"].startswith(f"{case}/")
    assert case not in table(cards / "c.tsv")


def test_each_case_is_listed_or_left_out(cards):
    assert set(table(cards / "c.tsv")) == set(GOOD_CASES)
    assert set(table(cards / "c.left-out.tsv")) == set(BAD_CASES)


def test_usable_images_are_played(cards, tmp_path):
    assert bifseg("cohort", "check", cards / "c.yaml") == 0
    assert bifseg("cohort", "prepare", cards / "c.yaml", "--out", tmp_path / "cohort") == 0
    (tmp_path / "own.yaml").write_text("rounds: 1\ntarget: null\ntime_limit_s: 60\n")
    (tmp_path / "geos.yaml").write_text("method: geos\n")
    out = tmp_path / "sessions"
    options = ("--cohort", tmp_path / "cohort", "--protocol", tmp_path / "own.yaml", "--out", out)
    assert bifseg("run", tmp_path / "geos.yaml", *options, "--index", out / "shard-1.tsv") == 0
    assert bifseg("score", out, "--cohort", tmp_path / "cohort", "--out", tmp_path / "s") == 0
    scores = pd.read_csv(tmp_path / "s.csv")
    assert set(scores["case"]) == set(GOOD_CASES)
    assert set(scores["status"]) == {"ok"}
    assert scores["dice"].between(0, 1).all()


def test_a_manifest_with_unusable_images_has_one_problem_per_image(folder, cards, tmp_path, capsys):
    """The manifest is written by hand and contains the unusable images."""
    rows = table(cards / "c.tsv")
    header = list(next(iter(rows.values())))
    lines = [dict(row) for row in table(folder / "t.tsv").values()]
    like = next(iter(rows.values()))
    full = [like | row | {"group": row["case"]} for row in lines]
    text = "".join("\t".join(row[key] for key in header) + "\n" for row in full)
    (tmp_path / "all.tsv").write_text("\t".join(header) + "\n" + text)
    capsys.readouterr()
    assert bifseg("cohort", "check", tmp_path / "all.tsv", "--root", folder, "--dimension", "3") == 2
    captured = capsys.readouterr()
    problems = [line for line in (captured.out + captured.err).splitlines() if "all.tsv:" in line]
    for case, kind in BAD_CASES.items():
        about = [line for line in problems if f"{case}/" in line]
        words = "the object is empty" if kind == "a label map without the value" else BAD[kind][1]
        assert any(words in line for line in about), (kind, about)
        assert all(len(line) <= MOST for line in about)


def test_small_objects_are_named_when_a_cohort_is_prepared(cards, tmp_path, capsys):
    card = (cards / "c.yaml").read_text().replace("manifest: c.tsv", f"manifest: {cards / 'c.tsv'}")
    (tmp_path / "c.yaml").write_text(card + "minimum_voxels: 200\n")
    assert bifseg("cohort", "prepare", tmp_path / "c.yaml", "--out", tmp_path / "cohort") == 0
    printed = capsys.readouterr().out
    assert "of the objects, such as c00_s: 120 voxels, minimum_voxels is 200" in printed
    assert "objects.tsv lists them" in printed
