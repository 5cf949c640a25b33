"""Jobs whose sessions begin with a mask: another entry's results, or the manifest's column `initial`."""

from pathlib import Path

import numpy as np
import pytest
from disc_cases import HEADER, make_case

from bifseg.cards.cards import CohortCard, MethodCard, ProtocolCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.preparation import prepare
from bifseg.core.errors import InputError
from bifseg.core.files import write_json, write_text
from bifseg.core.geometry import Grid
from bifseg.core.images import read_array, write_array
from bifseg.runs.job_groups import initial_source
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.run_folder import Condition, Run
from bifseg.runs.shards import load_sessions, run_shard

HELPERS = Path(__file__).parents[1] / "helpers"
FIRST = ProtocolCard(rounds=1, target=None)
RULES = {"begin": "mask", "window": "image", "rounds": 1, "target": None}


@pytest.fixture(autouse=True)
def _helpers(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))


def setup(cohort, protocol, name, **more):
    return JobSetup(
        "r", 1, cohort, "p", protocol, Path("x.yaml"), MethodCard(method=f"broken_methods:{name}"), **more
    )


def test_sessions_may_begin_with_initial_results_of_another_entry(discs, tmp_path):
    objects = list(discs.select(split="test"))[:2]
    source = setup(discs, FIRST, "Good")
    run_shard(source, source.trials(objects), tmp_path / "good")
    rules = ProtocolCard(initial_from="good", **RULES)
    job = setup(discs, rules, "Brush", initial=tmp_path / "good")
    trials = job.trials(objects)
    assert run_shard(job, trials, tmp_path / "brush") == {"ok": 2}
    for (_, session), (_, first) in zip(
        load_sessions(tmp_path / "brush", objects), load_sessions(tmp_path / "good", objects), strict=True
    ):
        initial_mask = first.box.paste(first.steps[0].mask, first.grid.shape)
        assert np.array_equal(session.steps[0].mask, initial_mask)
        assert session.identity.box == "mask in the image"
    other_job = setup(discs, rules, "Brush", initial=tmp_path / "brush")
    assert other_job.fingerprint(trials[0]) != job.fingerprint(trials[0])


def test_a_job_without_initial_masks_is_refused(discs):
    objects = list(discs.select(split="test"))
    with pytest.raises(InputError, match="--initial: p begins with results of good; name their folder"):
        setup(discs, ProtocolCard(initial_from="good", **RULES), "Brush").trials(objects)
    with pytest.raises(
        InputError, match=f"{len(objects)} objects without a file in the manifest's column `initial`"
    ):
        setup(discs, ProtocolCard(initial_from="manifest", **RULES), "Brush").trials(objects)


def test_a_job_takes_masks_from_the_configuration_s_first_protocol_like_the_snakefile(discs, tmp_path):
    """The Snakefile resolves `initial_from` in the configuration itself, a job in config.json."""
    cards = {
        "methods/geos.yaml": "method: geos\n",
        "methods/brush.yaml": "method: broken_methods:Brush\n",
        "protocols/own-scribbles.yaml": "rounds: 1\n",
        "protocols/box-tight.yaml": "rounds: 1\n",
        "protocols/zz-correct.yaml": "begin: mask\ninitial_from: geos\nwindow: image\nrounds: 1\n",
    }
    for name, text in cards.items():
        write_text(tmp_path / "cards" / name, text)
    played = {"own-scribbles": ["geos"], "box-tight": ["geos"], "zz-correct": ["brush"]}
    config = {"run": "r", "cards": str(tmp_path / "cards"), "cohorts": {"discs": {"protocols": played}}}
    write_json(tmp_path / "r/config.json", config)
    run = Run(tmp_path / "r")
    assert [condition.protocol for condition in run.conditions()] == list(played)
    protocol, entry = initial_source(played, "zz-correct", tmp_path / "cards")
    job = run.setup(Condition("discs", "zz-correct", "brush"), discs)
    assert job.initial == run.sessions(Condition("discs", protocol, entry))


def manifest(folder, initial):
    rows = [row.rstrip("\n") + f"\t{initial}\n" for row in make_case(folder, "case1", "test")]
    (folder / "manifest.tsv").write_text(HEADER.rstrip("\n") + "\tinitial\n" + "".join(rows))
    (folder / "c.yaml").touch()
    return CohortCard(dimension=2, manifest="manifest.tsv", seen=["disc"], unseen=["ring"])


def test_sessions_may_begin_with_masks_of_the_manifest(tmp_path):
    card = manifest(tmp_path / "data", "auto.nii.gz")
    labels, grid = read_array(tmp_path / "data/case1_label.nii.gz")
    auto = labels.copy()
    auto[:, : labels.shape[1] // 3] = 0
    write_array(tmp_path / "data/auto.nii.gz", auto, grid)
    prepare(card, tmp_path / "data/c.yaml", 1, tmp_path / "cohort", {})
    cohort = Cohort.load(tmp_path / "cohort")
    rings = [row for row in cohort.objects if row.structure == "ring"]
    (ring,) = rings
    assert np.array_equal(cohort.initial(ring), auto == 2)
    assert "initial" in cohort.hashes(ring)
    job = setup(cohort, ProtocolCard(initial_from="manifest", **RULES), "Brush")
    assert np.array_equal(job.user(job.trials(rings)[0]).existing, auto == 2)


def test_an_initial_mask_on_another_grid_is_refused(tmp_path):
    card = manifest(tmp_path / "data", "auto.nii.gz")
    write_array(tmp_path / "data/auto.nii.gz", np.ones((9, 9), np.uint8), Grid.plain((9, 9)))
    with pytest.raises(InputError, match=r"initial: auto.nii.gz: .*from case1.nii.gz"):
        prepare(card, tmp_path / "data/c.yaml", 1, tmp_path / "cohort", {})
