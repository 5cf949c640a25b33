"""Expected time and memory of a run, as a dry run shows them."""

import pytest
import yaml

from bifseg.runs import estimate as module
from bifseg.runs.estimate import estimate, training_hint

CARDS = {
    "cohorts/sim": {
        "dimension": 3,
        "simulator": "tumour3d",
        "cases": {"train": 3, "validation": 1, "test": 5},
        "seen": ["tumour_core"],
        "unseen": ["whole_tumour"],
    },
    "methods/geos": {"method": "geos", "plays": {"dimensions": [3], "prompts": ["scribbles"]}},
    "networks/net": {"architecture": "pcnet", "dimension": 3, "settings": {"channels": 8}, "input_size": 16},
    "networks/net-small": {
        "architecture": "pcnet",
        "dimension": 3,
        "settings": {"channels": 8},
        "input_size": 16,
    },
}
CONFIG = {
    "run": "r",
    "cards": "config",
    "cohorts": {"sim": {"networks": ["net"], "protocols": {"own-scribbles": ["geos"]}}},
}


@pytest.fixture
def folder(tmp_path):
    for name, content in CARDS.items():
        path = tmp_path / f"config/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content))
    return tmp_path


def test_the_estimate_has_lines_for_training_sessions_memory_and_total(folder, monkeypatch):
    monkeypatch.setattr(module, "_training_s", lambda *_: 300.0)
    training, sessions, source, memory, whole = estimate(CONFIG, folder, cores=2)
    assert training.startswith("  train net on sim: about 5 min 0 s (measured here")
    assert sessions == "  geos on sim, own-scribbles: about 10 sessions, 8 s"
    assert source == "  times of sessions: as in the demo, whose images are small"
    assert memory.startswith("  memory of a job: at most about 0.2 GiB (geos on sim")
    assert whole.startswith("  in all about 5 min 30 s on 2 cores"), "training is one job"


def test_a_method_with_two_sources_of_times_is_named_with_its_dimension(folder, monkeypatch):
    """The demo plays geos in 3D only: its times in 2D are a guess."""
    monkeypatch.setattr(module, "_training_s", lambda *_: 300.0)
    flat = CARDS["cohorts/sim"] | {"dimension": 2, "simulator": "fetal2d", "seen": ["placenta"]}
    (folder / "config/cohorts/flat.yaml").write_text(yaml.safe_dump(flat | {"unseen": ["fetal_lungs"]}))
    plays = {"protocols": {"own-scribbles": ["geos"]}}
    lines = estimate(CONFIG | {"cohorts": CONFIG["cohorts"] | {"flat": plays}}, folder, cores=2)
    assert [line.partition(":")[0] for line in lines if "times of" in line] == [
        "  times of geos in 3D",
        "  times of geos in 2D",
    ]


@pytest.mark.parametrize(
    ("patients", "text"), [(1, "about 2 sessions"), (3, "about 6 sessions"), (9, "about 10")]
)
def test_the_estimate_counts_the_configured_patients(folder, monkeypatch, patients, text):
    monkeypatch.setattr(module, "_training_s", lambda *_: 300.0)
    _, sessions, *_ = estimate(CONFIG | {"patients": patients}, folder, cores=2)
    assert sessions.startswith(f"  geos on sim, own-scribbles: {text}")


def test_patients_of_a_manifest_are_drawn_before_the_cohort_is_prepared(folder, monkeypatch):
    monkeypatch.setattr(module, "_training_s", lambda *_: 300.0)
    monkeypatch.setattr(module, "_largest", lambda *_: (9, 9, 9))
    card = {"dimension": 3, "manifest": "own.tsv", "seen": ["tumour"]}
    (folder / "config/cohorts/sim.yaml").write_text(yaml.safe_dump(card))
    header = "case image label label_values structure modality split group"
    rows = [f"c{k} c{k}.nii c{k}-l.nii 1 tumour T1 test p{k // 2}" for k in range(6)]
    (folder / "config/cohorts/own.tsv").write_text(
        "\n".join("\t".join(line.split()) for line in (header, *rows))
    )
    for patients, text in ((1, ": 2 sessions,"), (None, ": 6 sessions,")):
        _, sessions, *_ = estimate(CONFIG | {"patients": patients}, folder, cores=1)
        assert text in sessions


def test_one_session_is_in_the_singular(folder, monkeypatch):
    monkeypatch.setattr(module, "_training_s", lambda *_: 300.0)
    monkeypatch.setattr(module, "_cohort_facts", lambda *_: module._CohortFacts(3, 1, certain=True))
    _, sessions, _, _, whole = estimate(CONFIG, folder, cores=1)
    assert ": 1 session, " in sessions
    assert " on 1 core, " in whole


def test_finished_parts_take_no_time(folder):
    weights = folder / "results/r/networks/sim/net/weights.pt"
    weights.parent.mkdir(parents=True)
    weights.touch()
    config = CONFIG | {"cohorts": {"sim": {"networks": ["net"], "protocols": {}}}}
    assert list(estimate(config, folder, cores=2)) == [
        "  nothing is left to do but tables, figures and report"
    ]


def test_a_long_training_is_announced_with_a_faster_network(folder, monkeypatch):
    seconds = {"net": 4e4, "net-small": 240.0}
    monkeypatch.setattr(module, "_training_s", lambda name, *_: seconds[name])
    hint = training_hint("net", folder / "config", "cpu")
    assert "training net takes about 11 h here" in hint
    assert hint.endswith("--network net-small takes about 4 min 0 s")
    assert training_hint("net-small", folder / "config", "cpu") == ""


def test_training_time_is_measured_and_grows_with_the_iterations(folder):
    from bifseg.cards.cards import NetworkCard
    from bifseg.networks.pace import training_seconds

    card = CARDS["networks/net-small"]
    few, many = (
        training_seconds(NetworkCard.model_validate(card | {"training": {"iterations": n}}))
        for n in (1, 1000)
    )
    assert many > 20 * few > 0


def test_training_time_of_a_network_of_several_channels_is_measured(folder):
    from bifseg.cards.cards import NetworkCard
    from bifseg.networks.pace import training_seconds

    card = CARDS["networks/net-small"] | {"channels": ["flair", "t1c"], "training": {"iterations": 1}}
    assert training_seconds(NetworkCard.model_validate(card)) > 0


@pytest.mark.parametrize(
    ("shape", "limit", "warned"), [(512, 600, True), (512, None, False), (128, 600, False)]
)
def test_a_box_that_exceeds_the_time_limit_is_announced(folder, monkeypatch, shape, limit, warned):
    for name, content in {
        "methods/bifseg": {"method": "bifseg"},
        "protocols/own-scribbles": {"time_limit_s": limit},
    }.items():
        path = folder / f"config/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content))
    monkeypatch.setattr(module, "_training_s", lambda *_: 300.0)
    monkeypatch.setattr(
        module, "_cohort_facts", lambda *_: module._CohortFacts(3, 5, certain=True, shape=(shape,) * 3)
    )
    config = CONFIG | {
        "cohorts": {"sim": {"networks": ["net"], "protocols": {"own-scribbles": ["bifseg@net"]}}}
    }
    lines = [line for line in estimate(config, folder, cores=2) if "time_limit_s" in line]
    assert len(lines) == warned
    if warned:
        assert "(512 x 512 x 512) takes 11 min or more; sessions end as timeout after 600 s" in lines[0]
