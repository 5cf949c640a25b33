"""Every shipped card is valid; a bad one is one line with file, key and value."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from bifseg.cards.cards import CohortCard, MethodCard, NetworkCard, ProtocolCard, read_card
from bifseg.cards.run import checked_run, external_weights
from bifseg.cli.schemas import CARDS, schema_of
from bifseg.core.errors import InputError

ROOT = Path(__file__).parents[2]
KINDS = {"cohorts": CohortCard, "networks": NetworkCard, "methods": MethodCard, "protocols": ProtocolCard}
SHIPPED = [(kind, path) for kind in KINDS for path in sorted((ROOT / "config" / kind).glob("*.yaml"))]


@pytest.mark.parametrize(("kind", "path"), SHIPPED, ids=[p.stem for _, p in SHIPPED])
def test_shipped_cards_are_valid(kind, path):
    read_card(KINDS[kind], path)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_runs_name_shipped_cards(path):
    checked_run(yaml.safe_load(path.read_text()) | {"cards": str(ROOT / "config")})


@pytest.mark.parametrize("name", CARDS)
def test_schemas_are_up_to_date(name):
    stored = json.loads((ROOT / "workflow" / "schemas" / f"{name}.schema.json").read_text())
    assert stored == schema_of(name), "run `bifseg schemas`"


GOOD = {"dimension": 3, "manifest": "m.tsv", "seen": ["a"]}
BAD = {
    "unknown key": (CohortCard, GOOD | {"seeen": ["a"]}, "seeen: unknown key; correct its name or remove it"),
    "wrong value": (CohortCard, GOOD | {"dimension": 4}, "dimension: Input should be 2 or 3 (is 4)"),
    "missing key": (CohortCard, {"dimension": 3, "manifest": "m.tsv"}, "seen: is missing; add it"),
    "both sources": (CohortCard, GOOD | {"simulator": "tumour3d"}, "give either 'simulator' or 'manifest'"),
    "seen and unseen": (CohortCard, GOOD | {"unseen": ["a"]}, "['a'] cannot be both seen and unseen"),
    "slices of a volume": (CohortCard, GOOD | {"slices": "axial"}, "'slices: axial' needs a 2D cohort"),
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
    with pytest.raises(InputError) as caught:
        read_card(kind, path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2", "", "!!python/object/apply:os.system ['true']", "\x00"])
def test_a_file_that_is_not_a_card_is_one_line(tmp_path, text):
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_card(CohortCard, path)
    assert "\n" not in str(caught.value)


def test_a_missing_card_is_named_with_the_known_ones(tmp_path):
    with pytest.raises(
        InputError, match=r"geo\.yaml: cannot be read: No such file .*; known are base-crf, .* geos, gr"
    ):
        read_card(MethodCard, ROOT / "config/methods/geo.yaml")
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read"):
        read_card(CohortCard, tmp_path / "none.yaml")


@pytest.mark.parametrize("root", [None, "models", "../elsewhere", "{absolute}"])
def test_weights_are_relative_to_the_card_or_its_root(tmp_path, root):
    """`root` may be any folder, relative to the card or absolute; the card is found from anywhere."""
    card, root = tmp_path / "networks/mine.yaml", root and root.format(absolute=tmp_path / "far")
    weights_path = card.parent / (root or "") / "a/net.ts"
    for folder in (card.parent, weights_path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    weights_path.touch()
    path = external_weights(NetworkCard(architecture="torchscript", weights="a/net.ts", root=root), card)
    assert path.samefile(weights_path)
    assert external_weights(NetworkCard(architecture="pnet"), card) is None


@pytest.mark.parametrize("weights", ["../net.ts", "a/../../net.ts", "{absolute}/net.ts"])
@pytest.mark.parametrize("root", [None, "models"])
def test_weights_outside_the_root_are_refused(tmp_path, weights, root):
    (tmp_path / "networks/models").mkdir(parents=True)
    for name in ("net.ts", "networks/net.ts"):
        (tmp_path / name).touch()
    weights = weights.format(absolute=tmp_path)
    card = NetworkCard(architecture="torchscript", weights=weights, root=root)
    with pytest.raises(InputError, match=r"mine\.yaml: weights: .* is not a file inside the root") as caught:
        external_weights(card, tmp_path / "networks/mine.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "message"),
    [("net.ts", "no such weights file"), ("../cohorts/discs.yaml", "not a file inside")],
)
def test_missing_weights_are_refused_before_any_job(tmp_path, weights, message):
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
    with pytest.raises(InputError, match=rf"networks/mine\.yaml: weights: .*{message}"):
        checked_run(run)


def test_a_brace_in_the_folder_of_results_is_refused_before_any_job():
    """Snakemake would take it for a wildcard; blanks, quotes and `&` work, as tests/workflow/test_evaluate.py shows."""
    with pytest.raises(InputError, match=r"configuration: results: .*braces .*\(is 'my \{results\}'\)"):
        checked_run({"run": "r", "cohorts": {"c": {"protocols": {}}}, "results": "my {results}"})


@pytest.mark.parametrize("name", ["a$(touch X)b", "a b", "a;b", "-a", "x" * 101])
def test_a_card_whose_name_could_be_a_command_is_refused(cards, name):
    (cards / f"methods/{name}.yaml").write_text("method: geos\nplays: {dimensions: [2]}\n")
    for entry in ("*", name):
        run = {
            "run": "r",
            "cards": str(cards),
            "cohorts": {"fetal2d": {"protocols": {"own-scribbles": [entry]}}},
        }
        with pytest.raises(InputError, match=r"cannot name a card|should match pattern"):
            checked_run(run)


# Entries of a configuration


@pytest.fixture
def cards(tmp_path):
    """A copy of the shipped cards, to which tests add."""
    for kind in KINDS:
        shutil.copytree(ROOT / "config" / kind, tmp_path / kind)
    return tmp_path


def entries(cards, wanted, cohort="fetal2d", protocol="own-scribbles", network="pnet-demo"):
    """The entries of a configuration that asks for `wanted` under one protocol."""
    content = {"networks": [network], "protocols": {protocol: wanted}}
    checked = checked_run({"run": "r", "cards": str(cards), "cohorts": {cohort: content}})
    return checked["cohorts"][cohort]["protocols"][protocol]


@pytest.mark.parametrize("wanted", ["bifseg@pnet-demo", "bifseg@*", "bifseg@pnet-demo.seed-3"])
def test_entries_play_with_the_network_of_every_training_seed(cards, wanted):
    path = cards / "networks/pnet-demo.yaml"
    path.write_text(f"{path.read_text()}seeds: 3\n")
    names = ["bifseg@pnet-demo", "bifseg@pnet-demo.seed-2", "bifseg@pnet-demo.seed-3"]
    assert entries(cards, [wanted, "geos"]) == [*(names if "seed" not in wanted else names[2:]), "geos"]
    content = {"networks": ["pnet-demo"], "protocols": {"own-scribbles": [wanted]}}
    checked = checked_run({"run": "r", "cards": str(cards), "cohorts": {"fetal2d": content}})
    assert checked["cohorts"]["fetal2d"]["networks"] == [name.partition("@")[2] for name in names]
    assert checked_run(checked) == checked, "a stored configuration is one to run again"


def test_an_unknown_training_seed_is_refused(cards):
    with pytest.raises(InputError, match=r"pnet-demo\.seed-2: .*seeds: is 1; write at least 2"):
        entries(cards, ["bifseg@pnet-demo.seed-2"])


def test_external_weights_have_no_training_seeds():
    with pytest.raises(ValidationError, match="not trained here; remove 'seeds'"):
        NetworkCard(architecture="torchscript", weights="net.ts", seeds=2)


def test_a_pattern_matches_a_card_added_to_the_folder(cards):
    before = entries(cards, ["*", "*@*"])
    (cards / "methods/geos-sharp.yaml").write_text(
        "method: geos\nplays: {dimensions: [2], prompts: [scribbles]}\n"
    )
    (cards / "methods/.geos-draft.yaml").write_text("half")  # hidden: an editor's
    after = entries(cards, ["*", "*@*"])
    assert set(after) - set(before) == {"geos-sharp"}
    assert set(before) - set(after) == set()


def test_a_pattern_skips_methods_that_cannot_play(cards):
    flat, deep = (
        set(entries(cards, ["*", "*@*"], cohort, network=network))
        for cohort, network in (("fetal2d", "pnet-demo"), ("tumour3d", "pcnet-demo"))
    )
    assert {"slic-seg", "grabcut-opencv"} <= flat  # 2D
    assert not {"slic-seg", "grabcut-opencv"} & deep
    shared = set(entries(cards, ["*", "*@*"], protocol="shared-scribbles"))
    assert {"grabcut", "bifseg@pnet-demo"} <= shared
    assert not {"geos", "growcut", "random-walks", "slic-seg"} & shared  # they start from scribbles


@pytest.mark.parametrize("wanted", ["bifseg@pcnet-small", "*@*", "bifseg@mine"])
def test_a_network_of_another_dimension_stops_before_any_job(cards, wanted):
    (cards / "net.ts").touch()
    card = {"architecture": "torchscript", "weights": "net.ts", "root": "..", "settings": {"dimension": 3}}
    (cards / "networks/mine.yaml").write_text(yaml.safe_dump(card))
    network = wanted.partition("@")[2].replace("*", "pcnet-small")
    with pytest.raises(InputError, match=f"configuration: cohorts.fetal2d: {network} is 3D, the cohort 2D"):
        entries(cards, [wanted], network=network)


def test_a_network_whose_channels_the_cohort_lacks_stops_before_any_job(cards):
    path = cards / "networks/two.yaml"
    path.write_text(yaml.safe_dump({"architecture": "pnet", "channels": ["t2", "flair"]}))
    with pytest.raises(
        InputError, match=r"cohorts\.fetal2d: two needs the channels flair, t2; .* lists none: add"
    ):
        entries(cards, ["bifseg@two"], network="two")
    cohort = yaml.safe_load((cards / "cohorts/fetal2d.yaml").read_text())
    (cards / "cohorts/fetal2d.yaml").write_text(yaml.safe_dump(cohort | {"channels": ["flair", "t2", "t1"]}))
    assert entries(cards, ["bifseg@two"], network="two") == ["bifseg@two"]


def test_a_configuration_without_patterns_is_unchanged(cards):
    wanted = ["geos", "bifseg@pnet-demo", "base-net@pnet-demo"]
    assert entries(cards, wanted) == wanted


@pytest.mark.parametrize(
    ("wanted", "protocol", "message"),
    [
        (["bifseg"], "own-scribbles", "bifseg needs a network; write it as METHOD@NETWORK"),
        (["geos@pnet-demo"], "own-scribbles", "geos@pnet-demo takes no network"),
        (["geos"], "shared-scribbles", "geos starts from scribbles and has no initial result"),
        (["nobody*"], "own-scribbles", "'nobody*' matches no method card"),
        (["*@unet"], "own-scribbles", "'*@unet' matches no network; the cohort has"),
    ],
)
def test_entries_that_cannot_play_stop_before_any_job(cards, wanted, protocol, message):
    with pytest.raises(InputError) as caught:
        entries(cards, wanted, protocol=protocol)
    assert str(caught.value).startswith(f"configuration: cohorts.fetal2d.protocols.{protocol}: {message}")
    assert "\n" not in str(caught.value)


def test_a_plug_in_needs_plays_only_under_a_pattern(cards):
    card = cards / "methods/mine.yaml"
    card.write_text("method: my_methods:Mine\n")
    assert entries(cards, ["mine"]) == ["mine"]
    with pytest.raises(InputError, match=r"'\*' matches mine too, whose card does not say where"):
        entries(cards, ["*"])
    card.write_text("method: my_methods:Mine\nplays: {dimensions: [3]}\n")
    assert "mine" not in entries(cards, ["*"])
    assert "mine" in entries(cards, ["*"], cohort="tumour3d", network="pcnet-demo")
    card.write_text("method: my_methods:Mine\nplays: {dimensions: [2], network: true}\n")
    assert "mine@pnet-demo" in entries(cards, ["*@*"])
