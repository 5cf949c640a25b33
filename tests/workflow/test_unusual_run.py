"""Through the Snakefile: a training patient in the test split, renamed and rescaled; a network on two channels; and a
protocol that corrects another entry's results.
"""

import numpy as np
import pandas as pd
import pytest
from project import lay_out_run, run_snakemake
from scipy import ndimage

from bifseg.analysis.scores import read_scores
from bifseg.cohorts.manifest import COLUMNS
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array
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
    "planted": {
        "networks": ["two"],
        "protocols": {
            "own-scribbles": ["base-net@two", "bifseg@two", "grabcut-opencv"],
            "correct": ["correcting"],
        },
    }
}
FILES = {
    "cohorts/planted.yaml": "dimension: 2\nmanifest: data/manifest.tsv\nchannels: [t2, flair]\n"
    "seen: [disc]\nunseen: [square]\n",
    "networks/two.yaml": "architecture: pnet\nchannels: [t2, flair]\nsettings: {channels: 4}\ninput_size: 20\n"
    "training: {optimizer: adam, learning_rate: 0.01, iterations: 20, validate_every: 10}\n",
    "methods/grabcut-opencv.yaml": "method: grabcut-opencv\nplays: {dimensions: [2]}\n",
    "methods/correcting.yaml": "method: correcting:Correcting\n"
    "plays: {dimensions: [2], prompts: [mask, scribbles]}\n",
    "protocols/own-scribbles.yaml": "rounds: 1\ntarget: 0.9\n",
    "protocols/correct.yaml": "begin: mask\ninitial_from: grabcut-opencv\nwindow: image\nrounds: 1\ntarget: null\n",
}
SPLITS = {"p0": "train", "p1": "train", "p2": "validation", "new": "test", "other": "test", "bare": "test"}


def write_case(folder, case, split):
    """A textured slice and its FLAIR: a disc that is dark in part, and a square; `new` is `p0`, in other units."""
    rng = np.random.default_rng(sum(map(ord, "p0" if case == "new" else case)))
    texture = sum(20 * s * ndimage.gaussian_filter(rng.normal(size=(120, 110)), s) for s in (1.5, 3))
    y, x = np.indices(texture.shape)
    labels = np.where(np.hypot(y - 35, x - 40) < 12, 1, 0) + 2 * ((abs(y - 80) < 11) & (abs(x - 70) < 11))
    t2, step = 100 + 40 * ((labels > 0) & (y > 28)) + texture, 1.0
    if case == "new":
        t2, labels, step = (
            0.03 * ndimage.zoom(t2, 1.2, order=1) - 7,
            ndimage.zoom(labels, 1.2, order=0),
            1 / 1.2,
        )
    grid = Grid.plain(labels.shape, (step, step))
    arrays = {"t2": t2, "flair": 3.0 * (labels > 0) + rng.normal(0, 0.1, labels.shape)}
    for name, voxels in arrays.items():
        write_array(folder / f"{case}_{name}.nii.gz", voxels.astype(np.float32), grid)
    write_array(folder / f"{case}_label.nii.gz", labels.astype(np.uint8), grid)
    further = "" if case == "bare" else f"flair={case}_flair.nii.gz"
    start = f"{case}\t{case}_t2.nii.gz\t{case}_label.nii.gz"
    return [
        f"{start}\t{value}\t{name}\tt2\t{split}\t\t{further}\n"
        for value, name in ((1, "disc"), (2, "square"))
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a whole run."""
    folder = lay_out_run(tmp_path_factory.mktemp("planted") / "project", CONFIG, CARDS, COHORTS, FILES)
    data = folder / CARDS / "cohorts/data"
    rows = [row for case, split in SPLITS.items() for row in write_case(data, case, split)]
    (data / "manifest.tsv").write_text("\t".join([*COLUMNS, "channels"]) + "\n" + "".join(rows))
    (folder / "modules").mkdir()
    (folder / "modules/correcting.py").write_text(CORRECTING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIFSEG_PATH", str(folder / "modules"))
        done = run_snakemake(folder, config=CONFIG)
    assert done.returncode == 0, done.stdout
    return folder / "results/ci"


def test_scores_find_the_planted_patient_by_its_content(run):
    scores = read_scores(run / "scores.parquet")
    exposures = scores.groupby(["method", "case", "structure"])["exposure"].unique().map(list).to_dict()
    for method in ("base-net", "bifseg"):
        assert exposures[method, "new", "disc"] == exposures[method, "new", "square"] == ["seen patient"]
        assert exposures[method, "other", "disc"] == ["seen structure"]
        assert exposures[method, "other", "square"] == ["unseen"]
    assert {tuple(v) for (method, *_), v in exposures.items() if method == "grabcut-opencv"} == {("unseen",)}


def test_a_case_without_the_second_channel_is_left_out_of_the_networks_entries_alone(run):
    scores = read_scores(run / "scores.parquet")
    cases = scores.groupby("method")["case"].unique().map(set)
    assert cases["base-net"] == cases["bifseg"] == {"new", "other"}
    assert cases["grabcut-opencv"] == {"new", "other", "bare"}
    assert set(scores["status"]) == {"ok"}
    caption = (run / "tables/planted-tools.md").read_text().split("\n")[0]
    assert "Left out:" in caption
    assert "no channel flair" in caption


def test_tables_and_report_mark_and_rank_apart(run):
    table = pd.read_csv(run / "tables/planted-tools.csv", keep_default_na=False).set_index(
        ["method", "structure"]
    )
    assert table.loc[("bifseg", "disc"), "exposure"] == "seen patient, seen structure"
    assert table.loc[("bifseg", "square"), "exposure"] == "seen patient, unseen"
    assert table.loc[("grabcut-opencv", "disc"), "exposure"] == "unseen"
    page = (run / "report.html").read_text()
    assert "Trained on some of these patients: ranked apart" in page
    assert "seen patient" in page
    summary = (run / "summary.txt").read_text()
    assert summary.index("grabcut-opencv is the only entry") < summary.index(
        "Trained on some of these patients"
    )


def test_every_session_begins_with_the_other_entry_s_initial_result(run):
    first, corrected = (
        Archive(run / f"sessions/planted/{entry}")
        for entry in ("own-scribbles/grabcut-opencv", "correct/correcting")
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
