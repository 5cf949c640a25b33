import importlib
import subprocess
import sys
from inspect import signature
from pathlib import Path

import pytest

from bifseg.cards.capabilities import check_stated, entry_problem, is_pattern, resolve
from bifseg.cards.cards import MethodCard, ProtocolCard, read_card
from bifseg.cards.plays import Plays
from bifseg.core.errors import InputError
from bifseg.methods.registry import METHODS

BOX, BOTH = ["box"], ["box", "scribbles"]
ABLE = {
    "net": Plays(dimensions=[2, 3], network=True),
    "tool": Plays(dimensions=[2]),
    "late": Plays(dimensions=[2, 3], prompts=["scribbles"]),
}


OWN = ProtocolCard()
SHARED = ProtocolCard(scribbles_on="initial")


def resolved(*patterns, networks=("a", "b"), dimension=2, shared=False):
    return resolve(patterns, ABLE, networks, dimension, SHARED if shared else OWN)


def test_is_pattern():
    assert [is_pattern(entry) for entry in ("geos", "bifseg@pnet-demo")] == [False, False]
    assert all(is_pattern(entry) for entry in ("*", "geos*", "bifseg@*", "geo?", "[a-g]*"))


def test_patterns_by_hand():
    assert resolved("*") == ["late", "tool"]
    assert resolved("*@*") == ["net@a", "net@b"]
    assert resolved("*@b") == ["net@b"]
    assert resolved("t*") == ["tool"]
    assert resolved("*", dimension=3) == ["late"]
    assert resolved("*", shared=True) == ["tool"]


def test_each_entry_is_listed_once_in_order():
    assert resolved("tool", "*", "net@b", "*@*") == ["tool", "late", "net@b", "net@a"]


def test_patterns_are_case_sensitive():
    with pytest.raises(InputError, match="'T\\*' matches no method card"):
        resolved("T*")


def test_misfit_is_empty_for_a_method_that_can_play():
    assert entry_problem(ABLE["tool"], False, 2, SHARED) == ""
    assert entry_problem(ABLE["tool"], False, 3, SHARED) == "plays in 2D, the cohort is 3D"


SHIPPED = sorted((Path(__file__).parents[2] / "config/methods").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_cards_match_their_methods_capabilities(path):
    card = read_card(MethodCard, path)
    module, _, attribute = METHODS[card.method].partition(":")
    kind, plays = getattr(importlib.import_module(module), attribute), card.plays
    assert plays.network == ("network" in signature(kind).parameters)
    assert set(plays.prompts) == kind.prompts
    # Of a method with a network the dimension is the network's.
    assert set(plays.dimensions) == ({2, 3} if plays.network else kind.dimensions)


def test_every_registered_method_has_a_card():
    assert {read_card(MethodCard, path).method for path in SHIPPED} == METHODS.keys()


def test_capabilities_stated_on_a_card_are_checked():
    two, three, both = (frozenset(d) for d in ({2}, {3}, {2, 3}))
    prompts = frozenset(BOTH)
    check_stated(None, three, prompts)
    check_stated(Plays(dimensions=[2]), both, prompts)  # fewer than it could
    with pytest.raises(InputError, match=r"plays.dimensions: is \[2, 3\], the method works in \[2\]"):
        check_stated(Plays(dimensions=[2, 3]), two, prompts)
    with pytest.raises(InputError, match=r"plays.prompts: is \['box'\], the method takes"):
        check_stated(Plays(dimensions=[2], prompts=BOX), two, prompts)


def test_parsing_a_configuration_imports_no_method_and_no_torch():
    slow = "[m for m in sys.modules if m.startswith(('torch', 'bifseg.methods'))]"
    code = f"import sys, bifseg.cards.run; print({slow})"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
