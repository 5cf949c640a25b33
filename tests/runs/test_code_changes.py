"""Which entries of a finished run are played again after a change of code."""

import ast
import re
import shutil
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import bifseg
from bifseg.cards.cards import MethodCard, NetworkCard, ProtocolCard
from bifseg.methods.registry import build
from bifseg.networks.trained import TrainedNetwork
from bifseg.runs import fingerprints
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shards import missing, run_shard
from bifseg.runs.source_code import Reference, SourceCode
from bifseg.sessions.game import play

PACKAGE = Path(bifseg.__file__).parent
PLUG_IN = """
from bifseg.methods.contract import Box, Image, Mask, Scribbles
from changed_helper import middle

class Middle:
    dimensions, prompts = frozenset({2}), frozenset({"box", "scribbles"})

    def start(self, image: Image, box: Box) -> Mask:
        self.result = middle(image.grid.shape, box)
        return self.result

    def refine(self, scribbles: Scribbles) -> Mask:
        return self.result
"""
HELPER = """
import numpy as np

def middle(shape, box):
    result = np.zeros(shape, bool)
    result[box.slices] = True
    return result
"""


@pytest.fixture(scope="module")
def finished(discs, discs_network, tmp_path_factory):
    """The setup of each entry by its name, and the folder that holds a session of each."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "changed_plug_in.py").write_text(PLUG_IN)
    (folder / "changed_helper.py").write_text(HELPER)
    strokes, clicks = ProtocolCard(rounds=1), ProtocolCard(rounds=1, policy="centre-click/1", box="tight/1")
    entries = {
        "geos": ("geos", strokes, None),
        "geos with clicks": ("geos", clicks, None),
        "plug-in": ("changed_plug_in:Middle", strokes, None),
        "bifseg": ("bifseg", strokes, discs_network),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder))
        setups = {
            name: JobSetup(
                "run", 1, discs, "own", rules, folder / "m.yaml", MethodCard(method=method), network
            )
            for name, (method, rules, network) in entries.items()
        }
        for name, setup in setups.items():
            assert run_shard(setup, trials(setup), folder / name) == {"ok": 1}
        yield setups, folder


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package, which is fingerprinted in its place."""
    folder = tmp_path / "bifseg"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprints, "_bifseg", cache(lambda: SourceCode(folder)))
    return folder


def trials(setup):
    return setup.trials(setup.cohort.select(split="test", seen=True)[:1])


def replayed(finished):
    """The entries whose stored sessions would be played again."""
    setups, folder = finished
    return {name for name, setup in setups.items() if missing(replace(setup), trials(setup), folder / name)}


def change(folder, name):
    """Give a top-level function or class of the package, found by its name, another syntax."""
    begins = re.compile(rf"^(class|def) {name}\b", re.MULTILINE)
    (file,) = (file for file in folder.rglob("*.py") if begins.search(file.read_text()))
    tree = ast.parse(file.read_text())
    (definition,) = (node for node in tree.body if getattr(node, "name", "") == name)
    definition.body.append(ast.parse("changed = 1").body[0])
    file.write_text(ast.unparse(ast.fix_missing_locations(tree)))
    fingerprints._bifseg.cache_clear()


def test_comments_docstrings_and_layout_replay_nothing(finished, copy):
    for file in copy.rglob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and node.value.value is not ...
            ):
                node.value.value = "Another docstring."
        file.write_text(f"# a comment\n{ast.unparse(tree)}\n")
    assert replayed(finished) == set()


def test_moved_and_renamed_files_replay_nothing(finished, copy):
    moves = {
        "methods/tools/geos": "methods/graphs/gamma",
        "methods/process/host": "methods/home",
        "robot/policies/centre_line": "robot/middle",
        "networks/architectures/pnet": "networks/flat",
        "core/geometry": "core/boxes",
    }
    for old, new in moves.items():
        (copy / f"{old}.py").rename(copy / f"{new}.py")
    for file in copy.rglob("*.py"):
        text = file.read_text()
        for old, new in moves.items():
            text = text.replace(f"bifseg.{old.replace('/', '.')}", f"bifseg.{new.replace('/', '.')}")
        file.write_text(text)
    assert replayed(finished) == set()


CHANGES = {
    "GeoS": {"geos", "geos with clicks"},
    "GeoSSettings": {"geos", "geos with clicks"},
    "GrowCut": set(),
    "LabelUpdate": {"geos", "geos with clicks", "bifseg"},
    "CentreLineParams": {"geos", "plug-in", "bifseg"},
    "CentreClick": {"geos with clicks"},
    "Econet": set(),
    "MarginBox": {"geos", "plug-in", "bifseg"},
    "TightBox": {"geos with clicks"},
    "why_stuck": {"geos", "geos with clicks", "plug-in", "bifseg"},
    "PNet": {"bifseg"},
    "UNet": set(),
    "TrainedNetwork": {"bifseg"},
    "RunCard": set(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_code_change_replays_the_entries_that_use_the_code(finished, copy, name):
    change(copy, name)
    assert replayed(finished) == CHANGES[name]


def test_a_new_policy_replays_nothing(finished, copy):
    file = copy / "robot/policies/registry.py"
    file.write_text(
        file.read_text().replace('"line/1": LineStrokes,', '"line/1": LineStrokes, "line/2": LineStrokes,')
    )
    assert "line/2" in file.read_text()
    assert replayed(finished) == set()


def test_a_changed_metric_replays_nothing_but_rescores(finished, copy):
    before = fingerprints.scoring_code()
    change(copy, "share_within")
    assert replayed(finished) == set()
    assert fingerprints.scoring_code() != before


def test_a_changed_helper_of_a_plug_in_replays_that_plug_in_alone(finished, copy):
    helper = finished[1] / "changed_helper.py"
    helper.write_text(f"# a comment\n{HELPER}")
    assert replayed(finished) == set()
    helper.write_text(HELPER.replace("= True", "= 1 > 0"))
    assert replayed(finished) == {"plug-in"}
    helper.write_text(HELPER)


TRAINED = NetworkCard(architecture="pnet")
BROUGHT = NetworkCard(architecture="torchscript", weights=Path("net.ts"))
RETRAINS = {
    "Trainer": {TRAINED.architecture},
    "augment": {TRAINED.architecture},
    "Sampler": {TRAINED.architecture},
    "validation_dice": {TRAINED.architecture},
    "draw_box": {TRAINED.architecture},
    "PNet": {TRAINED.architecture},
    "import_network": {BROUGHT.architecture},
    "Crop": {TRAINED.architecture, BROUGHT.architecture},
    "UNet": set(),
    "FineTuning": set(),
    "LabelUpdate": set(),
    "write_json": set(),
    "play": set(),
}


@pytest.mark.parametrize("name", RETRAINS)
def test_a_code_change_retrains_the_networks_that_use_the_code(copy, name):
    before = {card.architecture: fingerprints.training_code(card) for card in (TRAINED, BROUGHT)}
    change(copy, name)
    after = {card.architecture: fingerprints.training_code(card) for card in (TRAINED, BROUGHT)}
    assert {name for name in before if before[name] != after[name]} == RETRAINS[name]


def test_comments_retrain_nothing(copy):
    before = fingerprints.training_code(TRAINED)
    for file in (copy / "networks").rglob("*.py"):
        file.write_text(f"# a comment\n{file.read_text()}\n# another\n")
    fingerprints._bifseg.cache_clear()
    assert fingerprints.training_code(TRAINED) == before


@pytest.mark.parametrize("entry", ["geos with clicks", "bifseg"])
def test_the_fingerprint_covers_all_code_that_a_session_executes(finished, entry):
    """A profiler lists the definitions of bifseg that a session executes; each must be in the fingerprint."""
    setup = finished[0][entry]
    network = TrainedNetwork.load(setup.network / "weights.pt") if setup.network else None
    method = build(setup.card, network)
    play(setup.user(trials(setup)[0]), method)  # imports what is imported late
    executed = set()

    def watch(frame, event, _):
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname
        if event == "call" and module.startswith("bifseg.") and not name.startswith(("<", "__create_fn__")):
            executed.add(Reference(module, name.partition(".")[0]))

    sys.setprofile(watch)
    try:
        session = play(setup.user(trials(setup)[0]), method)
    finally:
        sys.setprofile(None)
    assert (session.status, len(executed) > 30) == ("ok", True)
    architecture = "pnet" if network else ""
    counted = fingerprints.entry_definitions(setup.card.method, setup.protocol, architecture)
    assert executed - set(counted) == set()
