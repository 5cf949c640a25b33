"""Every shipped card is valid; a bad one is one line with file, key and value."""

import json
from pathlib import Path

import pytest
import yaml

from bifseg.cards import CohortCard, MethodCard, NetworkCard, ProtocolCard, RunCard, read_card
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
