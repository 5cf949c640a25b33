from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from fake_run import run_of, scores
from matplotlib.colors import to_hex
from PIL import Image as Picture

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.scores import write_scores
from bifseg.core.errors import InputError
from bifseg.core.files import file_hash, write_json, write_text
from bifseg.reports.figures import (
    dice_against_rounds,
    dice_boxes,
    entries,
    network_boxes,
    reached_against_rounds,
    read_figures,
    training_curves,
    write_figures,
)

LINES = [
    (
        name,
        method,
        step,
        dice + more,
        {"protocol": protocol, "structure": structure, "seen": structure == "brain"},
    )
    for structure in ("lung", "brain")
    for name, more in ((f"{structure}-a", 0.0), (f"{structure}-b", 0.1))
    for protocol in ("shared-scribbles", OWN_SCRIBBLES)
    for method in ("base-net", "bifseg")
    for step, dice in (("initial", 0.5), ("unsupervised", 0.6), ("round-1", 0.8))
    if method == "bifseg" or step == "initial"
]


def write_rules(run, target=0.9):
    write_json(
        run / "sessions" / "c" / OWN_SCRIBBLES / "bifseg@pnet" / "protocol.json",
        {"rounds": 2, "target": target},
    )


@pytest.fixture
def run(tmp_path):
    write_scores(scores(LINES), tmp_path / "scores.parquet")
    write_rules(tmp_path)
    write_json(tmp_path / "cohorts/c/cohort.json", {"simulated": True})
    header = "iteration,train_loss,validation_dice\n"
    write_text(tmp_path / "networks/c/pnet/curve.csv", header + "0,0.7,0.2\n100,0.4,0.8\n200,0.3,0.7\n")
    write_text(tmp_path / "networks/c/brought/curve.csv", header)
    for curve in tmp_path.glob("networks/c/*/curve.csv"):
        write_json(curve.with_name("card.json"), {"curve_sha256": file_hash(curve)})
    return tmp_path


def test_a_method_has_one_colour_whatever_else_was_run():
    alone = entries(scores([("a", "bifseg", "initial", 0.5)]))
    among = entries(scores([("a", name, "initial", 0.5) for name in ("bifseg", "aa", "zz", "base-net")]))
    assert alone[0].colour == next(p.colour for p in among if p.method == "bifseg")
    assert len({p.colour for p in among}) == len(among)
    assert [p.method for p in among] == ["base-net", "bifseg", "aa", "zz"]


def test_networks_share_the_method_s_colour_and_differ_in_dashes():
    pair = entries(scores([("a", "m", "initial", 0.5, {"network": n}) for n in ("pnet", "unet")]))
    assert [p.label for p in pair] == ["m@pnet", "m@unet"]
    assert pair[0].colour == pair[1].colour
    assert pair[0].dash != pair[1].dash


def test_rounds_figure_shows_the_means_per_structure():
    frame = scores(LINES)
    figure = dice_against_rounds(frame, entries(frame), 2)
    assert [axis.get_title(loc="left") or axis.get_title() for axis in figure.axes] == [
        "brain (seen)",
        "lung (unseen)",
    ]
    curves = {to_hex(line.get_color()): list(line.get_ydata()) for line in figure.axes[0].lines}
    base, tuned = entries(frame)
    assert curves[base.colour] == pytest.approx([0.55] * 3)
    assert curves[tuned.colour.lower()] == pytest.approx([0.65, 0.85, 0.85])
    plt.close(figure)


def test_reached_figure_steps_up_to_the_share():
    frame = scores(LINES)
    figure = reached_against_rounds(frame, entries(frame), 0.85, StoppingRule(2, None))
    base, tuned = entries(frame)
    for axis in figure.axes:
        curves = {to_hex(line.get_color()): list(line.get_ydata()) for line in axis.lines}
        assert curves == {base.colour: [0, 0, 0], tuned.colour.lower(): [0, 0.5, 0.5]}
        assert {line.get_drawstyle() for line in axis.lines} == {"steps-post"}
    plt.close(figure)


def test_reached_figure_is_left_out_for_a_target_that_was_not_played_for(run):
    write_figures(run, target=0.95)
    assert "c-reached" not in [entry["name"] for entry in read_figures(run / "figures")]


def test_boxes_figure_has_a_point_for_every_session():
    frame = scores(LINES)
    figure = dice_boxes(frame, run_of(frame).cohorts[0].stages, entries(frame))
    for axis in figure.axes:
        points = [y for line in axis.lines if line.get_markersize() == 2.4 for y in line.get_ydata()]
        assert sorted(points) == pytest.approx(sorted([0.5, 0.6] * 4 + [0.6, 0.7] + [0.8, 0.9]))
    plt.close(figure)


def test_networks_figure_compares_the_initial_results_of_several_networks(tmp_path):
    more = [
        (name, "base-net", "initial", dice - 0.1, extra | {"network": "unet"})
        for name, method, step, dice, extra in LINES
        if method == "base-net"
    ]
    frame = scores(LINES + more)
    nets = [entry for entry in entries(frame) if entry.method == "base-net"]
    figure = network_boxes(frame, nets)
    for axis in figure.axes:
        assert [label.get_text() for label in axis.get_xticklabels()] == ["pnet", "unet"]
        points = [y for line in axis.lines if line.get_markersize() == 2.4 for y in line.get_ydata()]
        assert points == pytest.approx([0.5, 0.6, 0.4, 0.5])
    plt.close(figure)
    write_scores(frame, tmp_path / "scores.parquet")
    write_rules(tmp_path)
    write_figures(tmp_path)
    names = [entry["name"] for entry in read_figures(tmp_path / "figures")]
    assert names == ["c-networks", "c-dice", "c-rounds", "c-reached"]


def test_training_curve_marks_the_best_validation():
    curve = pd.DataFrame(
        {"iteration": [0, 1, 2], "train_loss": [3, 2, 1], "validation_dice": [0.1, 0.9, None]}
    )
    figure = training_curves({"pnet": curve})
    marks = [line.get_xydata().tolist() for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert marks == [[[1, 0.9]]]
    plt.close(figure)


def test_figures_are_written_and_told_about(run):
    write_figures(run)
    index = read_figures(run / "figures")
    assert [entry["name"] for entry in index] == ["c-dice", "c-rounds", "c-reached", "c-training"]
    for entry in index:
        assert "imulated" in entry["caption"]
        ElementTree.parse(run / "figures" / f"{entry['name']}.svg")
        with Picture.open(run / "figures" / f"{entry['name']}.png") as picture:
            assert min(picture.size) > 200
    assert "forward" in index[1]["caption"]


def test_equal_scores_give_equal_bytes(run):
    write_figures(run)
    first = {path.name: path.read_bytes() for path in (run / "figures").iterdir()}
    write_figures(run)
    assert first == {path.name: path.read_bytes() for path in (run / "figures").iterdir()}
    assert not any(b"<dc:date>" in content for content in first.values())


def test_without_own_scribbles_there_is_no_rounds_figure(tmp_path):
    write_scores(
        scores([line for line in LINES if line[4]["protocol"] != OWN_SCRIBBLES]), tmp_path / "scores.parquet"
    )
    write_figures(tmp_path)
    assert [entry["name"] for entry in read_figures(tmp_path / "figures")] == ["c-dice"]


@pytest.mark.parametrize("cut", ["figures/c-dice.svg", "networks/c/pnet/curve.csv"])
def test_what_was_cut_off_is_not_shown(run, cut):
    write_figures(run)
    path = run / cut
    path.write_text(path.read_text()[:-20])
    with pytest.raises(InputError, match=f"{path.name}: cut off or changed"):
        (read_figures(run / "figures"), write_figures(run))
