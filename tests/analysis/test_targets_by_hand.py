"""The table of interaction counts at four targets, from scores to CSV, Markdown and LaTeX, computed by hand.

Four rounds, all played (`target: null`). Session a reaches every target; b reaches 0.85 once and falls back; in c the
robot is satisfied after one round; d fails in round 2.
"""

import numpy as np
import pandas as pd
import pytest
from fake_run import scores
from scipy import stats

from bifseg.analysis.scores import write_scores
from bifseg.core.files import write_json
from bifseg.reports.tables import write_tables

PROTOCOL = "own-scribbles-all-rounds"
DICE = {
    "a": (0.70, 0.82, 0.91, 0.96, 0.97),
    "b": (0.50, 0.60, 0.86, 0.80, 0.84),
    "c": (0.81, 0.83),
    "d": (0.40, 0.88, 0.00),
}
COST = {0.80: (1, 2, 0, 1), 0.85: (2, 2, 5, 1), 0.90: (2, 5, 5, 5), 0.95: (3, 5, 5, 5)}  # never: 4 + 1
NOF = {0.80: 0, 0.85: 1, 0.90: 3, 0.95: 3}
AREAS = (3.525 / 4, 2.93 / 4, 3.31 / 4, 1.08 / 4)


def exact_interval(values, most):
    """Student's 95% limits of the mean of four patients, cut to what is possible."""
    return np.clip(stats.ttest_1samp(values, 0).confidence_interval(), 0, most)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    lines = [
        (
            name,
            "geos",
            f"round-{k}" if k else "initial",
            dice,
            {"status": "failed"} if (name, k) == ("d", 2) else {},
        )
        for name, session in DICE.items()
        for k, dice in enumerate(session)
    ]
    write_scores(scores(lines, protocol=PROTOCOL, network=""), run / "scores.parquet")
    write_json(run / "sessions/c" / PROTOCOL / "geos/protocol.json", {"rounds": 4, "target": None})
    write_tables(run)
    return run / "tables"


def test_rounds_to_every_target_and_sessions_that_never_reach_it(tables):
    frame = pd.read_csv(tables / "c-targets.csv").set_index("target")
    assert frame["never"].to_dict() == NOF
    assert frame["round_limit"].tolist() == [4] * 4
    assert frame["failed"].tolist() == [1] * 4
    for target, rounds in COST.items():
        assert frame.loc[target, "round_restricted"] == pytest.approx(np.mean(rounds))
        limits = frame.loc[target, ["round_low", "round_high"]].tolist()
        assert limits == pytest.approx(exact_interval(rounds, 5), abs=1e-9)


def test_interactions_to_one_target(tables):
    row = pd.read_csv(tables / "c-interactions.csv").iloc[0]
    assert (row["n"], row["failed"], row["reached"], row["never"]) == (4, 1, 1, 3)
    assert row["reached_share"] == 0.25
    assert row["initial_mean"] == pytest.approx((0.70 + 0.50 + 0.81 + 0.40) / 4)
    assert row["initial_std"] == pytest.approx(np.std([0.70, 0.50, 0.81, 0.40], ddof=1))
    assert row["final_mean"] == pytest.approx((0.97 + 0.84 + 0.83 + 0.00) / 4)
    assert row["area_mean"] == pytest.approx(np.mean(AREAS))
    assert [row["area_low"], row["area_high"]] == pytest.approx(exact_interval(AREAS, 1))
    assert row["round_median"] == np.inf


def test_markdown_table(tables):
    text = (tables / "c-targets.md").read_text()
    cells = [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")]
    low, high = exact_interval(COST[0.85], 5)
    assert cells[2] == "geos"
    assert cells[3] == "unseen"
    assert cells[4].startswith("1.0 [")
    assert cells[5] == f"2.5 [{low:.1f}, {high:.1f}] (1)"
    assert cells[6].startswith("4.2 [")
    assert cells[7].endswith("] (3)")
    assert cells[8:] == ["4", "1"]
    assert f"Under {PROTOCOL}" in text
    assert "NoF@4" in text


def test_latex_table(tables):
    text = (tables / "c-targets.tex").read_text()
    assert r"Method & Exposure & 80\% & 85\% & 90\% & 95\% & n & failed \\" in text
    (row,) = [line for line in text.splitlines() if line.startswith("geos & ")]
    assert row.count("&") == 7
    assert row.endswith(r"(3) & 4 & 1 \\")
