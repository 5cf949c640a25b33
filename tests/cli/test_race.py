"""`bifseg race` before any session."""

import pytest
import yaml
from command_line import bifseg
from project import ROOT

from bifseg.cli.race import _kept, _looks, _settings


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, two = ({"protocols": {"own-scribbles": ["geos"]}} for _ in range(2))
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"run": "r", "cohorts": {"one": one, "two": two}}))
    return path


def test_interim_looks_grow_up_to_all_patients():
    assert _looks(30) == [10, 12, 15, 19, 24, 30]
    assert _looks(10) == [10]


def test_a_race_that_fails_leaves_the_configuration_of_the_run(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("the run")

    def stopped_race():
        with _kept(path):
            path.write_text("the race")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped_race()
    assert path.read_text() == "the run"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["geos", "growcut"], "--cohort is missing: name one of the run's cohorts: one, two"),
        (["geos", "geos"], "geos: both methods of the race are the same; name two"),
        (["geos", "growcut", "--cohort", "three"], "--cohort three: name one of the run's cohorts: one, two"),
    ],
)
def test_an_ambiguous_cohort_or_opponent_is_refused(config, words, message, capsys):
    assert bifseg("race", config, *words) == 2
    assert message in capsys.readouterr().err


def test_a_missing_configuration_is_refused(tmp_path, capsys):
    assert bifseg("race", tmp_path / "none.yaml", "geos", "growcut") == 2
    assert "no such configuration" in capsys.readouterr().err


@pytest.fixture
def disturbed(tmp_path):
    """A configuration whose protocol is played at the levels of a disturbance."""
    played = {"networks": [], "protocols": {"stroke-cross": ["grabcut", "grabcut-opencv"]}}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"run": "r", "cards": f"{ROOT}/config", "cohorts": {"fetal2d": played}}))
    return path


def test_a_race_at_all_levels_of_a_disturbance_is_refused(disturbed, capsys):
    assert bifseg("race", disturbed, "grabcut", "grabcut-opencv", "--protocol", "stroke-cross") == 2
    error_text = capsys.readouterr().err
    assert "--protocol stroke-cross: its card has levels of a disturbance" in error_text
    assert "such as stroke-cross.level-2" in error_text


def test_a_race_at_one_level_plays_that_level_alone(disturbed):
    entries = ["grabcut", "grabcut-opencv"]
    _, settings = _settings(disturbed, "", "stroke-cross.level-8", entries)
    assert settings["cohorts"]["fetal2d"]["protocols"] == {"stroke-cross.level-8": entries}
