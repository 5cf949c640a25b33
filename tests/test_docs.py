"""The code in the docs runs as it stands."""

import re
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from bifseg.cards import CohortCard, MethodCard, ProtocolCard, RunCard
from bifseg.finetuning import FineTuning
from bifseg.shards import Lineup, run_shard

ROOT = Path(__file__).parents[1]


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.S)


def test_plug_in_of_the_docs_plays(discs, tmp_path, monkeypatch):
    (source,) = blocks("docs/plugins.md", "python")
    (tmp_path / "my_methods.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (card,) = (MethodCard(**yaml.safe_load(text)) for text in blocks("docs/plugins.md", "yaml"))
    protocol = ProtocolCard(rounds=2, target=0.99)
    lineup = Lineup("docs", 1, discs, "own", protocol, tmp_path / "threshold.yaml", card)
    objects = list(discs.select(split="test"))
    assert run_shard(lineup, lineup.tasks(objects), tmp_path / "out") == {"ok": len(objects)}


def test_plug_in_of_the_docs_is_short():
    (source,) = blocks("docs/plugins.md", "python")
    code = [
        line for line in source.splitlines() if line.strip() and not line.strip().startswith(('"""', "#"))
    ]
    assert len(code) <= 30


def test_settings_of_the_docs_are_settings():
    (text,) = blocks("docs/method.md", "yaml")
    FineTuning.defaults(3, **yaml.safe_load(text)["settings"])


def test_cards_of_the_readme_are_valid():
    cohort, run = (yaml.safe_load(dedent(text)) for text in blocks("README.md", "yaml"))
    CohortCard(**cohort)
    assert RunCard(**run).cohorts["brats"].networks == ["pcnet"]


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md"))]
)
def test_links_of_the_docs_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        if not target.startswith(("http", "mailto")):
            assert ((ROOT / page).parent / target).exists(), target
