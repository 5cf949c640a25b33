"""Settings of fine-tuning at other sizes of the crop, by `benchmarks/choose_finetuning.py`."""

import io
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks/choose_finetuning.py"
SIZES = [20, 30, 40]
SETTINGS = "CRF: {method: base-crf}\nBIFSeg: {method: bifseg}\n"


@pytest.fixture(scope="module")
def played(discs, discs_network, tmp_path_factory):
    """Dice in percent of every test object at 1, 1.5 and 2 times the size of the network's training crops."""
    settings = tmp_path_factory.mktemp("settings") / "settings.yaml"
    settings.write_text(SETTINGS)
    words = [settings, f"{discs.folder}={discs_network}", "--sizes", *SIZES]
    with pytest.MonkeyPatch.context() as patch, io.StringIO() as text:
        patch.setattr(sys, "argv", [str(SCRIPT), *map(str, words)])
        patch.setattr(sys, "stdout", text)
        runpy.run_path(str(SCRIPT), run_name="__main__")
        rows = pd.read_csv(io.StringIO(text.getvalue()))
    return rows.assign(**{step: 100 * rows[step] for step in ("initial", "unsupervised", "supervised")})


def test_a_row_for_each_object_size_and_setting(played, discs):
    objects = len(discs.select(split="test"))
    assert played.groupby(["size", "setting"]).size().tolist() == [objects] * 6


def test_every_size_has_its_own_results(played):
    crf = played[played["setting"] == "CRF"].pivot(index="object", columns="size", values="supervised")
    assert not crf.T.duplicated().any()


def test_the_network_is_the_same_at_every_size(played):
    initial = played.groupby("size")["initial"].mean()
    assert (initial - initial[20]).abs().max() < 5


@pytest.mark.parametrize("size", SIZES)
def test_one_rule_holds_at_every_size(played, size):
    """BIFSeg corrects what the scribbles show and is not below the min-cut alone by more than a point."""
    means = played[played["size"] == size].groupby("setting")[["initial", "supervised"]].mean()
    assert means.loc["BIFSeg", "supervised"] > means.loc["BIFSeg", "initial"]
    assert means.loc["BIFSeg", "supervised"] > means.loc["CRF", "supervised"] - 1
