import shutil
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest
from fake_run import scores
from PIL import Image as Picture
from test_drawings import LINES, second_network
from test_user_levels import PLAYED, PROTOCOLS

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.scores import write_scores
from bifseg.core.errors import InputError
from bifseg.core.files import file_hash, write_json, write_text
from bifseg.reports import figures, panels
from bifseg.reports.figure_index import read_figures
from bifseg.reports.figures import write_figures
from bifseg.reports.tables import read_tables, write_tables


def write_rules(run, target=0.9, entry="bifseg@pnet"):
    write_json(
        run / "sessions" / "c" / OWN_SCRIBBLES / entry / "protocol.json",
        {"rounds": 2, "target": target},
    )


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A run with its figures, to be read only."""
    run = tmp_path_factory.mktemp("drawn")
    write_scores(scores(LINES), run / "scores.parquet")
    write_rules(run)
    write_json(run / "cohorts/c/cohort.json", {"simulated": True})
    header = "iteration,train_loss,validation_dice\n"
    write_text(run / "networks/c/pnet/curve.csv", header + "0,0.7,0.2\n100,0.4,0.8\n200,0.3,0.7\n")
    write_text(run / "networks/c/brought/curve.csv", header)
    for curve in run.glob("networks/c/*/curve.csv"):
        write_json(curve.with_name("card.json"), {"curve_sha256": file_hash(curve)})
    write_figures(run)
    return run


@pytest.fixture
def run(drawn, tmp_path):
    """A copy of `drawn`, to be changed."""
    return shutil.copytree(drawn, tmp_path / "run")


@pytest.fixture
def empty_files(monkeypatch):
    """Figures are made, and their files stay empty: enough where a test looks at which figures there are."""

    def save(figure, stem):
        stem.with_name(f"{stem.name}.svg").touch()
        plt.close(figure)

    monkeypatch.setattr(figures, "_save", save)


@pytest.mark.usefixtures("empty_files")
def test_reached_figure_is_left_out_for_a_target_above_the_stopping_rule(run):
    write_figures(run, target=0.95)
    assert "c-reached" not in [entry["name"] for entry in read_figures(run / "figures")]


@pytest.mark.usefixtures("empty_files")
@pytest.mark.parametrize("others", [["grabcut"], []])
def test_the_legend_of_dice_names_only_what_is_drawn(tmp_path, monkeypatch, others):
    """A tool that starts from scribbles has no result before them, and none with shared ones."""
    named = []
    monkeypatch.setattr(panels.Figure, "legend", lambda figure, handles, labels, **_: named.append(labels))
    nothing = {"volume_ml": 0.0, "user_s": 0.0, "n_prompts": 0}
    lines = [
        (
            "lung-a",
            method,
            step,
            dice,
            {"protocol": OWN_SCRIBBLES, "network": "", **(nothing if starts_empty else {})},
        )
        for method, first in [("slic-seg", 0.0), *((other, 0.4) for other in others)]
        for step, dice in (("initial", first), ("round-1", 0.8))
        for starts_empty in [dice == 0]
    ]
    write_scores(scores(lines), tmp_path / "scores.parquet")
    for method in ("slic-seg", *others):
        write_rules(tmp_path, entry=method)
    write_figures(tmp_path)
    names = [entry["name"] for entry in read_figures(tmp_path / "figures")]
    assert dict(zip(names, named, strict=True)).get("c-dice", []) == others


@pytest.mark.usefixtures("empty_files")
def test_several_networks_have_a_figure_of_their_initial_results(tmp_path):
    frame = scores(LINES + second_network(LINES))
    write_scores(frame, tmp_path / "scores.parquet")
    write_rules(tmp_path)
    write_figures(tmp_path)
    names = [entry["name"] for entry in read_figures(tmp_path / "figures")]
    assert names == ["c-networks", "c-dice", "c-rounds", "c-reached"]


def test_figures_are_written_with_captions_and_an_index(drawn):
    index = read_figures(drawn / "figures")
    assert [entry["name"] for entry in index] == ["c-dice", "c-rounds", "c-reached", "c-training"]
    for entry in index:
        assert "imulated" in entry["caption"]
        ElementTree.parse(drawn / "figures" / f"{entry['name']}.svg")
        with Picture.open(drawn / "figures" / f"{entry['name']}.png") as picture:
            assert min(picture.size) > 200
    assert "forward" in index[1]["caption"]


def test_equal_scores_give_equal_bytes(run):
    first = {path.name: path.read_bytes() for path in (run / "figures").iterdir()}
    write_figures(run)
    assert first == {path.name: path.read_bytes() for path in (run / "figures").iterdir()}
    assert not any(b"<dc:date>" in content for content in first.values())


@pytest.mark.usefixtures("empty_files")
def test_without_own_scribbles_there_is_no_rounds_figure(tmp_path):
    write_scores(
        scores([line for line in LINES if line[4]["protocol"] != OWN_SCRIBBLES]), tmp_path / "scores.parquet"
    )
    write_figures(tmp_path)
    assert [entry["name"] for entry in read_figures(tmp_path / "figures")] == ["c-dice"]


@pytest.mark.usefixtures("empty_files")
@pytest.mark.parametrize("cut", ["figures/c-dice.svg", "networks/c/pnet/curve.csv"])
def test_a_truncated_figure_or_curve_is_refused(run, cut):
    path = run / cut
    path.write_text(path.read_text()[:-20])
    with pytest.raises(InputError, match=f"{path.name}: cut off or changed"):
        (read_figures(run / "figures"), write_figures(run))


@pytest.fixture
def run_of_users(tmp_path):
    write_scores(scores(PLAYED), tmp_path / "scores.parquet")
    write_json(tmp_path / "cohorts/c/cohort.json", {"simulated": True})
    for user, protocol in PROTOCOLS.items():
        card = {"rounds": 2, "target": 0.9, "user": user}
        write_json(tmp_path / "sessions/c" / protocol / "bifseg@pnet/protocol.json", card)
    return tmp_path


@pytest.mark.usefixtures("empty_files")
def test_a_run_with_several_users_has_a_figure_and_a_table_of_users(run_of_users):
    write_figures(run_of_users)
    assert "c-users" in [entry["name"] for entry in read_figures(run_of_users / "figures")]
    write_tables(run_of_users)
    (table,) = [table for table in read_tables(run_of_users / "tables") if table.name == "c-users"]
    assert table.frame["user"].tolist() == ["expert", "careless"]
    text = (run_of_users / "tables/c-users.md").read_text()
    assert "| User" in text
    assert "under own-scribbles, hasty" in text


@pytest.mark.usefixtures("empty_files")
def test_a_run_with_one_user_has_no_figure_or_table_of_users(run_of_users):
    card = {
        "rounds": 2,
        "target": 0.9,
        "user": "careless",
        "policy": "line/1",
    }  # differs in more than the user
    write_json(run_of_users / "sessions/c/hasty/bifseg@pnet/protocol.json", card)
    write_figures(run_of_users)
    write_tables(run_of_users)
    assert "c-users" not in [entry["name"] for entry in read_figures(run_of_users / "figures")]
    assert not (run_of_users / "tables/c-users.csv").exists()
    assert OWN_SCRIBBLES in (run_of_users / "tables/index.json").read_text()
