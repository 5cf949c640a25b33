"""`bifseg cohort from`: from a tree as challenges lay it out to a prepared cohort, and what it says to bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from command_line import bifseg

from bifseg.cohorts.cohort import Cohort
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

ROOT = Path(__file__).parents[2]
GRID = Grid.plain((5, 12, 12), (3.0, 1.0, 1.0))


def write_brats(folder, cases=4, values=(1, 2, 4)):
    noise = np.random.default_rng(0).normal(100, 20, GRID.shape).astype(np.float32)
    labels = np.zeros(GRID.shape, np.uint8)
    for k, value in enumerate(values):
        labels[:, 2 + 3 * k : 5 + 3 * k, 2:10] = value
    for k in range(cases):
        start = folder / f"BraTS2021_{k:05d}" / f"BraTS2021_{k:05d}"
        for word in ("flair", "t1ce"):
            write_array(Path(f"{start}_{word}.nii.gz"), noise + np.float32(k), GRID)
        write_array(Path(f"{start}_seg.nii.gz"), labels, GRID)
    return folder


@pytest.mark.parametrize("layout", ["brats2018", "brats2021"])
def test_a_shipped_card_is_completed_for_the_user_s_data(tmp_path, capsys, layout):
    data, card = write_brats(tmp_path / "my data"), tmp_path / f"cards/{layout}.yaml"
    card.parent.mkdir()
    card.write_text((ROOT / f"config/cohorts/{layout}.yaml").read_text())
    prepare = ("cohort", "prepare", card, "--out", tmp_path / "cohort")
    assert bifseg(*prepare) == 2
    (line,) = capsys.readouterr().err.splitlines()
    command = line.split("make it: ")[1]
    assert command == f"bifseg cohort from {layout} PATH --out {card.parent}"
    assert bifseg(*[data if word == "PATH" else word for word in command.split()[1:]]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(
        f"cases: 4, patients: 4, 3D, below {data}; seen: tumour_core; unseen: whole_tumour"
    )
    assert printed[-1] == f"wrote {card}, {card.with_suffix('.tsv')}"
    assert bifseg("cohort", "check", card) == 0
    assert capsys.readouterr().out.endswith("8 rows, 0 problems\n")
    assert bifseg(*prepare) == 0
    cohort = Cohort.load(tmp_path / "cohort")
    assert {row.structure: row.voxels for row in cohort.objects} == {"tumour_core": 240, "whole_tumour": 360}
    assert {row.split for row in cohort.objects} == {"train", "validation", "test"}


def test_shipped_cards_state_the_command_that_makes_their_manifest():
    for path in (ROOT / "config/cohorts").glob("brats*.yaml"):
        (command,) = (line for line in path.read_text().splitlines() if "bifseg cohort from" in line)
        words = command.split()
        assert words[:5] == ["#", "bifseg", "cohort", "from", path.stem]
        assert words[6:] == ["--out", "config/cohorts"]
        assert yaml.safe_load(path.read_text())["manifest"] == f"{path.stem}.tsv"


def test_options_of_cohort_from(tmp_path):
    data = tmp_path / "data"
    noise = np.random.default_rng(0).normal(100, 20, GRID.shape).astype(np.float32)
    for k in range(4):
        write_array(data / f"imagesTr/c{k}_0001.nii.gz", noise, GRID)
        write_array(data / f"labelsTr/c{k}.nii.gz", (noise > 90).astype(np.uint8) + (noise > 110), GRID)
    dataset = {"channel_names": {"0": "T2", "1": "ADC"}, "labels": {"background": 0, "PZ": 1, "TZ": 2}}
    (data / "dataset.json").write_text(json.dumps(dataset))
    words = ["--structure", "gland=1,2", "--structure", "tz=2", "--modality", "gland=ADC", "--modality", "1"]
    words += [
        "--seen",
        "gland",
        "--unseen",
        "tz",
        "--split-shares",
        "0,0,1",
        "--dimension",
        "2",
        "--name",
        "prostate",
    ]
    assert bifseg("cohort", "from", "nnunet", data, "--out", tmp_path, *words) == 0
    card = yaml.safe_load((tmp_path / "prostate.yaml").read_text())
    assert card == {
        "dimension": 2,
        "manifest": "prostate.tsv",
        "root": str(data),
        "seen": ["gland"],
        "unseen": ["tz"],
    }
    rows = [line.split("\t") for line in (tmp_path / "prostate.tsv").read_text().splitlines()]
    assert rows[1][3:7] == ["1,2", "gland", "ADC", "test"]
    assert len(rows) == 9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["brats1999", "data"], "layout: 'brats1999' is unknown; known are: brats2015, "),
        (["brats2021", "none"], "none: is not a folder"),
        (["brats2023", "data"], "these look like brats2018 or brats2021: run `bifseg cohort from brats2021`"),
        (["brats2021", "data", "--columns", "image=a"], "--columns image=a: only for the layout tsv"),
        (
            ["brats2021", "data", "--structure", "core"],
            "--structure core: write it as --structure NAME=VALUE",
        ),
        (
            ["brats2021", "data", "--structure", "core=x"],
            "--structure core: 'x' is not a list of positive integers",
        ),
        (["brats2021", "data", "--structure", "a=1", "--structure", "a=2"], "--structure a=2: write it as"),
        (
            ["brats2021", "data", "--modality", "tumour=t1c"],
            "structure: 'tumour' is unknown; known are: tumour_core",
        ),
        (["brats2021", "data", "--split-shares", "1,1"], "--split-shares 1,1: write three shares"),
        (["brats2021", "data", "--split-shares", "1,1,-1"], "--split-shares 1,1,-1: write three shares"),
        (["brats2021", "data", "--split-shares", "0,0,nan"], "--split-shares 0,0,nan: write three shares"),
        (["brats2021", "data", "--seen", "tumor"], "structure: 'tumor' is unknown; known are: tumour_core"),
        (
            ["brats2021", "data", "--seen", "enhancing", "--unseen", "enhancing"],
            "cannot be both seen and unseen",
        ),
        (["brats2021", "data", "--name", "../x"], "--name ../x: cannot name a cohort"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, monkeypatch, capsys, words, message):
    write_brats(tmp_path / "data", 2)
    monkeypatch.chdir(tmp_path)
    assert bifseg("cohort", "from", *words, "--out", "cards") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not (tmp_path / "cards").exists()
