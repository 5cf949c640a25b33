"""The benchmarks' scripts, on small sizes; the libraries that they compare with need not be installed."""

import importlib
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bifseg.analysis.rules import StoppingRule

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch):
    """A function that imports a script."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == BENCHMARKS:
            del sys.modules[name]


def test_every_script_can_be_imported(benchmarks):
    for script in sorted(BENCHMARKS.glob("*.py")):
        runpy.run_path(str(script), run_name="imported")


def test_ratios_refer_to_the_reference(benchmarks, capsys):
    timing = benchmarks("timing")
    table = timing.Table("short")
    ratios = table.add("sums", {"long": lambda: sum(range(400_000)), "short": lambda: sum(range(40_000))})
    table.print()
    assert ratios["short"] == 1
    assert 3 < ratios["long"] < 30
    assert f"x{ratios['long']:.3g} |" in capsys.readouterr().out


def test_a_missing_library_is_named(benchmarks, capsys):
    assert benchmarks("rivals").rival("no-such-library", "no_such_library") is None
    assert "no-such-library is left out" in capsys.readouterr().out


def test_requirements_name_exact_versions():
    lines = (BENCHMARKS / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("kind", ["clear", "doubtful"])
@pytest.mark.parametrize("shape", [(20, 24), (12, 14, 16)])
def test_label_updates_have_equal_energy(benchmarks, shape, kind):
    script = benchmarks("label_update")
    problem = script.Problem(shape, True, kind)
    ours = problem.update()(problem.probability, problem.scribbles)
    assert problem.energy(script.of_pymaxflow(problem)) == pytest.approx(problem.energy(ours), rel=1e-9)


def test_the_plain_session_equals_ours(benchmarks):
    script = benchmarks("session")
    game = script.game_on((40, 40), 12)
    trained = script.fitted(lambda: script.PNet(16, instance_norm=True), 32, game)
    plain, ours = (
        script.session(game, trained, kind) for kind in (script.PlainNetwork, script.ImageSpecificNetwork)
    )
    assert [step.name for step in plain.steps] == [step.name for step in ours.steps]
    assert np.mean(plain.steps[-1].mask != ours.steps[-1].mask) < 0.005


def test_simpleitk_agrees_with_our_scores(benchmarks):
    script = benchmarks("scoring")
    rng = np.random.default_rng(0)
    result, truth = (rng.random((8, 9, 10)) < 0.3 for _ in range(2))
    ours = script.by_bifseg(script.built_in())(result, truth, (3.0, 1.0, 1.0))
    assert script.by_simpleitk(result, truth, (3.0, 1.0, 1.0)) == pytest.approx(ours, rel=1e-6)


def test_the_table_of_tools_settings_by_hand(benchmarks):
    """Prompts until the target first holds; a session that misses it costs what the tables charge: 1 + 2 x (2 + 1)."""
    steps = {  # n_prompts and dice of each round
        ("a", "1", "geos-1"): [(3, 0.95)],
        ("a", "2", "geos-1"): [(3, 0.5), (5, 0.9), (7, 0.8)],
        ("b", "3", "geos-1"): [(3, 0.92)],
        ("a", "1", "geos-2"): [(3, 0.95)],
        ("a", "2", "geos-2"): [(3, 0.5), (5, 0.7)],
        ("b", "3", "geos-2"): [(3, 0.2), (5, 0.99)],
    }
    same = {"protocol": "own-scribbles", "network": "", "seen": True, "structure": "core", "status": "ok"}
    same |= {
        "replicate": 0,
        "training_seed": 0,
        "volume_ml": 1.0,
        "box_slices": 1,
        "box_mm": 9.0,
        "user_s": 1.0,
    }
    rows = [
        {"cohort": cohort, "patient": f"p{name}", "object": name, "method": method, **same}
        | {"round": k, "n_prompts": n, "n_strokes": n, "dice": dice, "step": f"round-{k}"}
        for (cohort, name, method), results in steps.items()
        for k, (n, dice) in enumerate(results)
    ]
    rows.append(rows[0] | {"seen": False, "object": "unseen", "n_prompts": 99})
    table = benchmarks("choose_tools").table(pd.DataFrame(rows), StoppingRule(rounds=2, target=0.9))
    assert table[["a", "b", "mean"]].to_numpy().tolist() == [[4, 3, 3.5], [5, 5, 5]]
    assert table["difference"].tolist() == [0, 1.5]
    assert table.loc["geos-2", ["low", "high"]].tolist() == [1, 2]
