"""The configuration that `bifseg evaluate` writes: each method plays under the protocols that it fits."""

from pathlib import Path

import pytest

from bifseg.cards.quickstart import (
    check_cards,
    configuration,
    copy_cards,
    read_configuration,
    write_configuration,
)
from bifseg.cards.run import RunCard, checked_run
from bifseg.core.errors import InputError
from bifseg.core.files import write_text

SHIPPED = Path(__file__).parents[2] / "config"
BOTH = ["shared-scribbles", "own-scribbles"]


@pytest.fixture
def cards(tmp_path):
    copy_cards(SHIPPED, tmp_path)
    for name, dimension in (("slices", 2), ("volumes", 3)):
        text = f"dimension: {dimension}\nmanifest: {name}.tsv\nseen: [organ]\n"
        write_text(tmp_path / f"cohorts/{name}.yaml", text)
    return tmp_path


def test_methods_that_need_a_network_get_the_paper_s_network(cards):
    for cohort, network in (("slices", "pnet"), ("volumes", "pcnet")):
        content, notes = configuration(cards, cohort, ["bifseg", "grabcut"], BOTH)
        cohort_content = content["cohorts"][cohort]
        assert cohort_content["networks"] == [network]
        assert cohort_content["protocols"] == {name: [f"bifseg@{network}", "grabcut"] for name in BOTH}
        assert notes == []
        assert RunCard(**content).run == cohort


def test_a_network_can_be_chosen_and_is_omitted_if_not_needed(cards):
    content, _ = configuration(cards, "volumes", ["bifseg"], BOTH, "pcnet-small")
    assert content["cohorts"]["volumes"]["networks"] == ["pcnet-small"]
    content, _ = configuration(cards, "volumes", ["grabcut"], BOTH)
    assert content["cohorts"]["volumes"]["networks"] == []


def test_methods_that_start_from_scribbles_skip_shared_scribbles_with_a_note(cards):
    content, notes = configuration(cards, "volumes", ["geos", "grabcut", "geos"], BOTH)
    assert content["cohorts"]["volumes"]["protocols"] == {
        "shared-scribbles": ["grabcut"],
        "own-scribbles": ["geos", "grabcut"],
    }
    assert len(notes) == 1
    assert notes[0].startswith("geos is left out of shared-scribbles: it starts from scribbles")


def test_a_method_that_cannot_play_is_bad_input(cards):
    with pytest.raises(InputError, match=r"--methods slic-seg: plays in 2D, the cohort is 3D"):
        configuration(cards, "volumes", ["grabcut", "slic-seg"], BOTH)


def test_the_written_configuration_is_valid(cards, monkeypatch):
    monkeypatch.chdir(cards)
    (cards / "cards").symlink_to(cards)
    content, _ = configuration(cards, "slices", ["base-net", "slic-seg"], BOTH, "pnet-small")
    write_configuration(cards / "config.yaml", content, "bifseg evaluate ...")
    assert (cards / "config.yaml").read_text().startswith("# Made by: bifseg evaluate ...\n")
    assert checked_run(content)["cohorts"]["slices"]["protocols"]["own-scribbles"] == [
        "base-net@pnet-small",
        "slic-seg",
    ]


def test_a_configuration_reads_back_as_it_was_written(tmp_path):
    content = {
        "run": "r",
        "results": "results",
        "job_minutes": 5.0,
        "cohorts": {"c": {"protocols": {"p": ["*"]}}},
    }
    assert read_configuration(tmp_path / "config.yaml") == {}
    write_configuration(tmp_path / "config.yaml", content, "bifseg evaluate")
    assert read_configuration(tmp_path / "config.yaml") == content


def test_own_cards_are_not_replaced(cards):
    write_text(cards / "methods/geos.yaml", "method: geos\nsettings: {gamma: 3.0}\n")
    copy_cards(SHIPPED, cards)
    assert "gamma: 3.0" in (cards / "methods/geos.yaml").read_text()


def test_unknown_cards_are_refused_before_writing(tmp_path):
    check_cards({"--methods": ["geos"], "--network": []}, tmp_path / "none", SHIPPED)
    with pytest.raises(InputError, match="--methods geo: no such card; known are base-crf, base-net, bifseg"):
        check_cards({"--methods": ["geo"]}, tmp_path / "none", SHIPPED)
