"""A protocol that corrects another entry's results, through the Snakefile."""

import subprocess

import numpy as np
import pytest
from project import lay_out_run, quietly, snakemake_command

from bifseg.analysis.scores import read_scores
from bifseg.sessions.archive import Archive

pytestmark = pytest.mark.workflow

CONFIG, CARDS = "tests/workflow/config.yaml", "tests/workflow/cards"
CORRECTING = """
class Correcting:
    dimensions, prompts = frozenset({2}), frozenset({"mask", "scribbles"})

    def start(self, image, box):
        raise RuntimeError("it begins with a mask")

    def start_from(self, image, box, mask):
        self.mask = mask.copy()
        return self.mask

    def refine(self, scribbles):
        return self.mask & ~scribbles.background | scribbles.foreground
"""
COHORTS = {
    "tiny2d": {
        "networks": [],
        "protocols": {"own-scribbles": ["grabcut-opencv"], "correct": ["correcting"]},
    }
}
FILES = {
    "cohorts/tiny2d.yaml": "dimension: 2\nsimulator: fetal2d\ncases: {train: 1, validation: 1, test: 1}\n"
    "seen: [placenta, fetal_brain]\nunseen: [fetal_lungs, maternal_kidneys]\n",
    "methods/grabcut-opencv.yaml": "method: grabcut-opencv\nplays: {dimensions: [2]}\n",
    "methods/correcting.yaml": "method: correcting:Correcting\n"
    "plays: {dimensions: [2], prompts: [mask, scribbles]}\n",
    "protocols/correct.yaml": "begin: mask\ninitial_from: grabcut-opencv\nwindow: image\nrounds: 1\ntarget: null\n",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run up to its scores."""
    folder = lay_out_run(tmp_path_factory.mktemp("initial") / "project", CONFIG, CARDS, COHORTS, FILES)
    (folder / "modules").mkdir()
    (folder / "modules/correcting.py").write_text(CORRECTING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIFSEG_PATH", str(folder / "modules"))
        command = snakemake_command("--until", "collect_scores", config=CONFIG, profile="default")
        process = subprocess.run(command, **quietly(folder), timeout=600)
    assert process.returncode == 0, process.stdout
    return folder / "results/ci"


def test_every_session_begins_with_the_other_entry_s_initial_result(run):
    sessions = run / "sessions/tiny2d"
    first, corrected = (
        Archive(sessions / "own-scribbles/grabcut-opencv"),
        Archive(sessions / "correct/correcting"),
    )
    names = sorted(first.stored())
    assert names == sorted(corrected.stored())
    assert len(names) > 1
    for name in names:
        source, session = first.load(name), corrected.load(name)
        initial = source.box.paste(source.steps[0].mask, source.grid.shape)
        assert session.status == "ok", session.error
        np.testing.assert_array_equal(session.steps[0].mask, initial)


def test_the_scores_name_the_prompt(run):
    scores = read_scores(run / "scores.parquet")
    corrected = scores[scores["method"] == "correcting"]
    assert set(corrected["box"]) == {"mask in the image"}
    assert set(corrected["step"]) == {"initial", "unsupervised", "round-1"}
