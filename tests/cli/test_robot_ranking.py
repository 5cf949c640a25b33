import json

import pandas as pd
import pytest
from drawn_by_people import flat_tree
from typer.testing import CliRunner

from bifseg.cli.robot import app
from bifseg.core.errors import InputError


def run(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.fixture
def recordings(tmp_path):
    run("record", flat_tree(tmp_path), "--out", tmp_path / "r.json")
    return tmp_path / "r.json"


METHODS = "random-walks,geos,grabcut-opencv"


def test_methods_by_people_and_policies(recordings, tmp_path):
    run("ranking", recordings, "--out", tmp_path / "o", "--methods", METHODS, "--policies", "centre-line/1")
    scores = pd.read_csv(tmp_path / "o" / "scores.csv")
    assert len(scores) == 3 * 3 * 3  # images, sources, methods
    assert scores.dice.between(0.3, 1).all()
    agreement = pd.read_csv(tmp_path / "o" / "agreement.csv")
    assert list(agreement.source) == ["centre-line/1", "person 1", "person 2"]
    page = (tmp_path / "o" / "ranking.md").read_text()
    assert "| strokes of" in page
    assert "| geos" in page


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ("geos,growcut", "needs at least 3 methods"),
        ("geos,growcut,bifseg", "bifseg needs a network"),
        ("geos,growcut,none", "unknown 'none'"),
    ],
)
def test_methods_are_checked_before_anything_is_played(recordings, tmp_path, methods, message):
    with pytest.raises(InputError, match=message):
        run("ranking", recordings, "--out", tmp_path / "o", "--methods", methods)
    assert not (tmp_path / "o").exists()


def test_recordings_without_an_image_are_refused(recordings, tmp_path):
    record = json.loads(recordings.read_text())
    record["images"][0]["image"] = None
    recordings.write_text(json.dumps(record))
    with pytest.raises(InputError, match="CT/a: the recordings name no image"):
        run("ranking", recordings, "--out", tmp_path / "o", "--methods", METHODS)


def test_a_method_that_fails_scores_zero(recordings, tmp_path, monkeypatch):
    def fail(self, scribbles):
        raise RuntimeError("broken")

    monkeypatch.setattr("bifseg.methods.tools.geos.GeoS.refine", fail)
    run("ranking", recordings, "--out", tmp_path / "o", "--methods", METHODS, "--policies", "centre-line/1")
    scores = pd.read_csv(tmp_path / "o" / "scores.csv")
    assert (scores[scores.method == "geos"].dice == 0).all()
    assert (scores[scores.method != "geos"].dice > 0).all()
