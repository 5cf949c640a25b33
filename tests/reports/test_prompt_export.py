"""A run's prompts in the JSON contract of IS_Validate: its required keys, and points that lie where the user drew."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from bifseg.analysis.scores import read_scores
from bifseg.cards.cards import ProtocolCard
from bifseg.cli.main import app
from bifseg.core.geometry import Grid, Image
from bifseg.reports.prompt_export import session_prompts
from bifseg.sessions.archive import Archive
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity
from bifseg.sessions.users import SimulatedUser

SPATIAL = {"point", "scribble", "lasso", "bounding_box", "other"}


@pytest.fixture(scope="module")
def exported(runs, tmp_path_factory):
    """The files of a fake run by their path."""
    out = tmp_path_factory.mktemp("prompts")
    result = CliRunner().invoke(app, ["export", str(runs[0]), "--out", str(out)])
    assert result.exit_code == 0, result.output
    return {path.relative_to(out): json.loads(path.read_text()) for path in out.rglob("*.json")}


def test_a_file_for_every_session_of_the_scores(exported, runs):
    scores = read_scores(runs[0] / "scores.parquet")
    keys = ["cohort", "protocol", "method", "network", "object", "replicate"]
    assert len(exported) == len(scores[keys].drop_duplicates()) > 1
    for path, content in exported.items():
        archive = Archive(runs[0] / "sessions" / path.parent)
        assert session_prompts(archive.load(path.stem)) == content


def test_requests_have_the_required_keys(exported):
    for content in exported.values():
        for request in content["requests"]:
            assert request["segmentation_task_type"] == "semantic"
            codes = set(request["semantic_id_dictionary"].values())
            assert codes == {0, 1}
            for prompt in request["prompts"]:
                assert prompt["type"] == "spatial"
                assert prompt["subtype"] in SPATIAL
                assert prompt["semantic_id_key"]["semantic_id"] in codes
                assert len(prompt["prompt"]["coordinates"]) > 0


class Empty:
    """A method whose results are empty."""

    dimensions = frozenset({3})
    prompts = frozenset({"box", "points", "scribbles"})

    def start(self, image, box):
        return np.zeros(image.grid.shape, bool)

    def refine(self, scribbles):
        return np.zeros(scribbles.shape, bool)


SHAPE, TURNED = (8, 20, 24), ((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0))
GRID = Grid(SHAPE, (3.0, 1.0, 0.5), (10.0, -20.0, 30.0), TURNED)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[2:6, 4:15, 5:20] = True


@pytest.mark.parametrize("prompt_kind", ["scribbles", "points"])
def test_prompts_have_the_world_coordinates_of_the_strokes(prompt_kind):
    rules = {"policy": "centre-click/1"} if prompt_kind == "points" else {}
    card = ProtocolCard(correct=prompt_kind, rounds=2, target=None, box="tight/1", **rules)
    user = SimulatedUser(Image(np.zeros(SHAPE, np.float32), GRID), TRUTH, card)
    session = play(user, Empty(), identity=Identity(structure="organ", case="one"))
    requests = session_prompts(session)["requests"]
    assert [request["aux"]["step"] for request in requests] == ["initial", "round-1", "round-2"]
    [box] = requests[0]["prompts"]
    corners = GRID.to_index(np.array(box["prompt"]["coordinates"])).round().astype(int)
    assert corners.tolist() == [[2, 4, 5], [5, 14, 19]]
    assert box["subtype"] == "bounding_box"
    [prompt] = requests[1]["prompts"]
    assert prompt["subtype"] == prompt_kind.removesuffix("s")
    assert prompt["semantic_id_key"] == {"semantic_id": 1, "instance_id": 1}
    index = GRID.to_index(np.array(prompt["prompt"]["coordinates"]))
    assert TRUTH[tuple(index.round().astype(int).T)].all()
    np.testing.assert_allclose(index, session.steps[1].strokes[0].path, atol=1e-3)
    assert prompt["aux"]["coordinates"].startswith("mm, x y z")


def test_images_without_spacing_have_pixels_and_sessions_without_a_box_no_box():
    shape = (20, 24)
    grid = replace(Grid.plain(shape), in_mm=False)
    truth = np.zeros(shape, bool)
    truth[5:15, 6:20] = True
    card = ProtocolCard(begin="nothing", rounds=1, target=None, window="image")
    user = SimulatedUser(Image(np.zeros(shape, np.float32), grid), truth, card)
    first, second = session_prompts(play(user, Empty()))["requests"]
    assert first["prompts"] == []
    assert {prompt["aux"]["coordinates"][:6] for prompt in second["prompts"]} == {"pixels"}
