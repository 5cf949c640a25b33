import matplotlib.pyplot as plt
import pytest
from fake_run import scores
from test_user_levels import PLAYED, PROTOCOLS, RULES

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.scores import write_scores
from bifseg.analysis.user_levels import by_user
from bifseg.core.files import write_json
from bifseg.reports.figures import read_figures, write_figures
from bifseg.reports.panels import entries
from bifseg.reports.tables import read_tables, write_tables
from bifseg.reports.user_figure import users_figure


def test_every_entry_s_means_and_limits_are_drawn():
    frame = scores(PLAYED)
    levels = by_user(frame, 0.9, RULES, PROTOCOLS)
    figure = users_figure(levels, entries(frame))
    dice, rounds = figure.axes
    assert [text.get_text() for text in dice.get_xticklabels()] == ["expert", "careless"]
    assert dice.lines[0].get_ydata().tolist() == pytest.approx([0.925, 0.7])
    assert rounds.lines[0].get_ydata().tolist() == pytest.approx([1.5, 3.0])
    (bars,) = dice.collections
    assert [list(part[:, 1]) for part in bars.get_segments()] == [
        pytest.approx([levels[f"final_{end}"].iloc[k] for end in ("low", "high")]) for k in (0, 1)
    ]
    plt.close(figure)


def test_a_target_that_is_not_known_leaves_its_panel_empty():
    frame = scores(PLAYED)
    figure = users_figure(by_user(frame, 0.95, RULES, PROTOCOLS), entries(frame))
    assert [len(bars.get_segments()) for axis in figure.axes for bars in axis.collections][:1] == [2]
    assert not any(v == v for v in figure.axes[1].lines[0].get_ydata())
    plt.close(figure)


@pytest.fixture
def run(tmp_path):
    write_scores(scores(PLAYED), tmp_path / "scores.parquet")
    write_json(tmp_path / "cohorts/c/cohort.json", {"simulated": True})
    for user, protocol in PROTOCOLS.items():
        card = {"rounds": 2, "target": 0.9, "user": user}
        write_json(tmp_path / "sessions/c" / protocol / "bifseg@pnet/protocol.json", card)
    return tmp_path


def test_a_run_with_several_users_has_the_figure_and_the_table(run):
    write_figures(run)
    assert "c-users" in [entry["name"] for entry in read_figures(run / "figures")]
    write_tables(run)
    (table,) = [table for table in read_tables(run / "tables") if table.name == "c-users"]
    assert table.frame["user"].tolist() == ["expert", "careless"]
    text = (run / "tables/c-users.md").read_text()
    assert "| User" in text
    assert "under own-scribbles, hasty" in text


def test_a_run_with_one_user_has_neither(run):
    card = {
        "rounds": 2,
        "target": 0.9,
        "user": "careless",
        "policy": "line/1",
    }  # differs in more than the user
    write_json(run / "sessions/c/hasty/bifseg@pnet/protocol.json", card)
    write_figures(run)
    write_tables(run)
    assert "c-users" not in [entry["name"] for entry in read_figures(run / "figures")]
    assert not (run / "tables/c-users.csv").exists()
    assert OWN_SCRIBBLES in (run / "tables/index.json").read_text()
