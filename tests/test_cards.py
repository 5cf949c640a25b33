"""Every shipped card is valid; a bad one is one line with file, key and value."""

import json
from pathlib import Path

import pytest
import yaml

from bifseg.cards import (
    CohortCard,
    MethodCard,
    NetworkCard,
    ProtocolCard,
    RunCard,
    brought_weights,
    checked_run,
    read_card,
)
from bifseg.cli.schemas import CARDS, schema_of
from bifseg.errors import BadInput

ROOT = Path(__file__).parents[1]
KINDS = {"cohorts": CohortCard, "networks": NetworkCard, "methods": MethodCard, "protocols": ProtocolCard}
SHIPPED = [(kind, path) for kind in KINDS for path in sorted((ROOT / "config" / kind).glob("*.yaml"))]


@pytest.mark.parametrize(("kind", "path"), SHIPPED, ids=[p.stem for _, p in SHIPPED])
def test_shipped_cards_are_valid(kind, path):
    read_card(KINDS[kind], path)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_runs_name_shipped_cards(path):
    run = read_card(RunCard, path)
    for cohort, asked in run.cohorts.items():
        assert (ROOT / "config" / "cohorts" / f"{cohort}.yaml").exists()
        players = [player.partition("@")[::2] for players in asked.protocols.values() for player in players]
        methods, networks = zip(*players, strict=True)
        for kind, names in [("methods", methods), ("networks", networks), ("protocols", asked.protocols)]:
            for name in filter(None, names):
                assert (ROOT / "config" / kind / f"{name}.yaml").exists(), name


@pytest.mark.parametrize("name", CARDS)
def test_schemas_are_up_to_date(name):
    stored = json.loads((ROOT / "workflow" / "schemas" / f"{name}.schema.json").read_text())
    assert stored == schema_of(name), "run `bifseg schemas`"


GOOD = {"dimension": 3, "manifest": "m.tsv", "seen": ["a"]}
BAD = {
    "unknown key": (CohortCard, GOOD | {"seeen": ["a"]}, "seeen: Extra inputs are not permitted"),
    "wrong value": (CohortCard, GOOD | {"dimension": 4}, "dimension: Input should be 2 or 3 (is 4)"),
    "missing key": (CohortCard, {"dimension": 3, "manifest": "m.tsv"}, "seen: Field required"),
    "both sources": (CohortCard, GOOD | {"simulator": "tumour3d"}, "give either 'simulator' or 'manifest'"),
    "seen and unseen": (CohortCard, GOOD | {"unseen": ["a"]}, "['a'] cannot be both seen and unseen"),
    "slices of a volume": (CohortCard, GOOD | {"slices": "axial"}, "'slices: axial' is of a 2D cohort"),
    "slices of no plane": (
        CohortCard,
        GOOD | {"dimension": 2, "slices": "oblique"},
        "slices: Input should be 'auto'",
    ),
    "name with a path": (CohortCard, GOOD | {"seen": ["../a"]}, "seen.0: String should match"),
    "nested": (
        NetworkCard,
        {"architecture": "pnet", "training": {"iterations": 0}},
        "training.iterations: Input",
    ),
    "target": (ProtocolCard, {"target": 1.5}, "target: Input should be less than or equal to 1 (is 1.5)"),
}


@pytest.mark.parametrize(("kind", "content", "message"), BAD.values(), ids=BAD)
def test_bad_card_is_one_line(tmp_path, kind, content, message):
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(BadInput) as caught:
        read_card(kind, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2", "", "!!python/object/apply:os.system ['true']", "\x00"])
def test_what_is_no_card_is_one_line(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_card(CohortCard, path)
    assert "\n" not in str(caught.value)


def test_missing_card_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"none\.yaml: cannot be read"):
        read_card(CohortCard, tmp_path / "none.yaml")


@pytest.mark.parametrize("root", [None, "models", "../elsewhere", "{absolute}"])
def test_weights_lie_in_the_cards_folder_or_its_root(tmp_path, root):
    """`root` may be any folder, relative to the card or absolute; the card is found from anywhere."""
    card, root = tmp_path / "networks/mine.yaml", root and root.format(absolute=tmp_path / "far")
    where = card.parent / (root or "") / "a/net.ts"
    for folder in (card.parent, where.parent):
        folder.mkdir(parents=True, exist_ok=True)
    where.touch()
    found = brought_weights(NetworkCard(architecture="torchscript", weights="a/net.ts", root=root), card)
    assert found.samefile(where)
    assert brought_weights(NetworkCard(architecture="pnet"), card) is None


@pytest.mark.parametrize("weights", ["../net.ts", "a/../../net.ts", "{absolute}/net.ts"])
@pytest.mark.parametrize("root", [None, "models"])
def test_weights_do_not_climb_out_of_the_root(tmp_path, weights, root):
    (tmp_path / "networks/models").mkdir(parents=True)
    for name in ("net.ts", "networks/net.ts"):
        (tmp_path / name).touch()
    weights = weights.format(absolute=tmp_path)
    card = NetworkCard(architecture="torchscript", weights=weights, root=root)
    with pytest.raises(BadInput, match=r"mine\.yaml: weights: .* is not a file inside the root") as caught:
        brought_weights(card, tmp_path / "networks/mine.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "message"),
    [("net.ts", "no such weights file"), ("../cohorts/discs.yaml", "not a file inside")],
)
def test_run_with_weights_that_are_not_to_be_had_is_refused_before_any_job(tmp_path, weights, message):
    cards = {
        "cohorts/discs": {"dimension": 2, "simulator": "fetal2d", "seen": ["placenta"]},
        "networks/mine": {"architecture": "torchscript", "weights": weights},
        "methods/bifseg": {"method": "bifseg"},
        "protocols/own": {},
    }
    for name, content in cards.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
    run = {"run": "r", "cards": str(tmp_path), "cohorts": {"discs": {"protocols": {"own": ["bifseg@mine"]}}}}
    with pytest.raises(BadInput, match=rf"networks/mine\.yaml: weights: .*{message}"):
        checked_run(run)
