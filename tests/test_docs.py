"""The code in the docs runs as it stands."""

import ast
import json
import re
import shlex
from pathlib import Path
from textwrap import dedent

import click
import pytest
import torch
import typer
import yaml
from foreign_networks import SmallUNet

from bifseg.cards.cards import MethodCard, NetworkCard, ProtocolCard
from bifseg.cards.finetuning import FineTuning
from bifseg.cards.run import checked_run, external_weights
from bifseg.cli.main import app
from bifseg.networks.external.imported_network import ImportedSettings
from bifseg.networks.importing import import_network
from bifseg.networks.registry import ARCHITECTURES, SOURCES, build, restore
from bifseg.reports import tables
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shards import run_shard

ROOT = Path(__file__).parents[1]


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.S)


PAGES = [ROOT / "README.md", *sorted(ROOT.glob("[!.]*/README.md")), *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_code_named_on_a_page_exists(page):
    """Paths are those of the repository, or of the package."""
    named = re.findall(r"`((?:\w+/)+\w+\.py)[`:]", page.read_text())
    assert [
        path for path in named if not any((top / path).is_file() for top in (ROOT, ROOT / "bifseg"))
    ] == []


def test_every_table_of_a_run_is_on_the_page():
    """A table has a line of its own, or is one of the tests `KIND-tests`."""
    code = ast.parse((ROOT / "bifseg/reports/tables.py").read_text())
    calls = [
        ast.unparse(node.args[0])
        for node in ast.walk(code)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".table")
    ]
    kinds = {word.strip("f'").replace("{protocol}", "PROTOCOL") for word in calls} - {"kind", "{kind}-tests"}
    assert {"interactions", "gains-PROTOCOL"} <= kinds
    (section,) = re.findall(r"\n## Tables\n(.*?)\n#", (ROOT / "docs/results.md").read_text(), re.S)
    assert kinds | set(tables._QUESTIONS) <= set(re.findall(r"^\| `([\w-]+)` \|", section, re.M))


def test_plug_in_of_the_docs_plays(discs, tmp_path, monkeypatch):
    (source,) = blocks("docs/plugins.md", "python")
    (tmp_path / "my_methods.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    card, *_ = [MethodCard(**yaml.safe_load(text)) for text in blocks("docs/plugins.md", "yaml")]
    protocol = ProtocolCard(rounds=2, target=0.99)
    setup = JobSetup("docs", 1, discs, "own", protocol, tmp_path / "threshold.yaml", card)
    objects = list(discs.select(split="test"))
    assert run_shard(setup, setup.trials(objects), tmp_path / "out") == {"ok": len(objects)}


def test_plug_in_of_the_docs_is_short():
    (source,) = blocks("docs/plugins.md", "python")
    code = [
        line for line in source.splitlines() if line.strip() and not line.strip().startswith(('"""', "#"))
    ]
    assert len(code) <= 30


@pytest.fixture
def own_network(tmp_path, monkeypatch):
    """The script and the card of one section of docs/networks.md, the script run as it stands."""

    def run(section):
        script, card = (blocks("docs/networks.md", kind)[section] for kind in ("python", "yaml"))
        monkeypatch.chdir(tmp_path)
        exec(script, {"network": SmallUNet()})
        return NetworkCard(**yaml.safe_load(card))

    return run


def test_torchscript_of_the_docs_plays(discs, tmp_path, own_network):
    card = own_network(0)
    import_network(card, external_weights(card, tmp_path / "my-unet.yaml"), discs, tmp_path / "net")
    method, protocol = MethodCard(method="bifseg"), ProtocolCard(rounds=2, target=0.99)
    setup = JobSetup("docs", 1, discs, "own", protocol, Path("bifseg.yaml"), method, tmp_path / "net")
    objects = list(discs.select(split="test"))
    assert run_shard(setup, setup.trials(objects), tmp_path / "out") == {"ok": len(objects)}


def test_bundle_of_the_docs_is_accepted(tmp_path, own_network):
    pytest.importorskip("monai.networks.nets", reason="MONAI is not installed")
    card = own_network(1)
    weights = external_weights(card, tmp_path / "my-bundle.yaml")
    source = SOURCES[card.architecture]
    network = restore(card, source.read(weights))
    assert network.dimension == 3
    with torch.no_grad():
        assert network(torch.zeros(1, 1, 20, 33, 17)).shape == (1, 2, 20, 33, 17)


def test_other_cards_of_the_docs_are_valid():
    for text in blocks("docs/networks.md", "yaml"):
        card = NetworkCard(**yaml.safe_load(text))
        build(card) if card.architecture in ARCHITECTURES else ImportedSettings.of(card.settings)


def test_settings_of_the_docs_are_settings():
    cards = [yaml.safe_load(text) for text in blocks("docs/method.md", "yaml")]
    assert len(cards) == 2
    for card in cards:
        for dimension in (2, 3):
            FineTuning.defaults(dimension, **MethodCard(**card).settings)


@pytest.mark.parametrize("kind", ["config", "cohort", "network", "method", "protocol"])
def test_every_key_of_a_card_is_explained(kind):
    schema = json.loads((ROOT / f"workflow/schemas/{kind}.schema.json").read_text())
    (section,) = re.findall(
        rf"\n## (?:{kind}s/NAME|{kind})\.yaml\n(.*?)(?=\n## |\Z)",
        (ROOT / "config/README.md").read_text(),
        re.S,
    )
    explained = {
        key for row in re.findall(r"^\| (`.*?`) \|", section, re.M) for key in re.findall(r"`(\w+)`", row)
    }
    assert set(schema["properties"]) - explained == set()


def test_every_setting_of_fine_tuning_is_explained():
    (section,) = re.findall(
        r"\n## Settings: ours.*?\n(.*?)\n\n\S", (ROOT / "docs/method.md").read_text(), re.S
    )
    rows = re.findall(r"^\| (`.*?) \|", section, re.M)
    assert (
        set(FineTuning.model_fields) - {key for row in rows for key in re.findall(r"`(\w+)`", row)} == set()
    )


def test_the_run_of_the_readme_is_valid_and_plays_a_shipped_cohort(monkeypatch):
    monkeypatch.chdir(ROOT)
    (run,) = (yaml.safe_load(dedent(text)) for text in blocks("README.md", "yaml"))
    (cohort,) = checked_run(run)["cohorts"]
    assert f"bifseg cohort from {cohort} " in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md"))]
)
def test_links_of_the_docs_have_targets(page):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        if not target.startswith(("http", "mailto")):
            assert ((ROOT / page).parent / target).exists(), target


def commands():
    """(page, command) of each bifseg command in a code block of a page, continued lines joined."""
    for page in [*PAGES, *sorted((ROOT / "docs").glob("*/*.md"))]:
        for block in re.findall(r"```(?:bash|console|sh)\n(.*?)```", page.read_text(), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                if match := re.match(r"\s*(?:[A-Z_]+=\S+ )*(bifseg .*)", line):
                    yield pytest.param(match[1], id=f"{page.relative_to(ROOT)}: {match[1][:60]}")


@pytest.mark.parametrize("command", [*commands()])
def test_a_command_of_the_docs_has_the_options_that_it_uses(command):
    """Parsed as the command line does it, without running it."""
    words = shlex.split(command.partition(" >")[0].partition(" | ")[0].partition(" && ")[0], comments=True)[
        1:
    ]
    parser = typer.main.get_command(app)
    context = click.Context(parser)
    while hasattr(parser, "commands") and words and not words[0].startswith("-"):
        assert words[0] in parser.commands, words[0]
        parser = parser.commands[words.pop(0)]
        context = click.Context(parser, parent=context)
    options, arguments, _ = parser.make_parser(context).parse_args(list(words))
    assert set(options) <= {parameter.name for parameter in parser.params}
    assert not [word for word in arguments if word.startswith("--")]
