import matplotlib.pyplot as plt
import pandas as pd
import pytest
from fake_run import run_of, scores
from matplotlib.colors import to_hex
from test_user_levels import PLAYED, PROTOCOLS, RULES

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.user_levels import by_user
from bifseg.reports.drawings import (
    dice_against_rounds,
    dice_boxes,
    network_boxes,
    reached_against_rounds,
    training_curves,
    users_figure,
)
from bifseg.reports.panels import entries

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


def second_network(lines):
    """The base net's lines again, for a second network whose Dice is 0.1 lower."""
    return [
        (name, method, step, dice - 0.1, extra | {"network": "unet"})
        for name, method, step, dice, extra in lines
        if method == "base-net"
    ]


def test_a_method_s_colour_does_not_depend_on_other_entries():
    alone = entries(scores([("a", "bifseg", "initial", 0.5)]))
    among_others = entries(
        scores([("a", name, "initial", 0.5) for name in ("bifseg", "aa", "zz", "base-net")])
    )
    assert alone[0].colour == next(p.colour for p in among_others if p.method == "bifseg")
    assert len({p.colour for p in among_others}) == len(among_others)
    assert [p.method for p in among_others] == ["base-net", "bifseg", "aa", "zz"]


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


def test_boxes_figure_has_a_point_for_every_session():
    frame = scores(LINES)
    figure = dice_boxes(frame, run_of(frame).cohorts[0].stages, entries(frame))
    for axis in figure.axes:
        points = [y for line in axis.lines if line.get_markersize() == 2.4 for y in line.get_ydata()]
        assert sorted(points) == pytest.approx(sorted([0.5, 0.6] * 4 + [0.6, 0.7] + [0.8, 0.9]))
    plt.close(figure)


def test_networks_figure_compares_the_initial_results_of_several_networks():
    frame = scores(LINES + second_network(LINES))
    nets = [entry for entry in entries(frame) if entry.method == "base-net"]
    figure = network_boxes(frame, nets)
    for axis in figure.axes:
        assert [label.get_text() for label in axis.get_xticklabels()] == ["pnet", "unet"]
        points = [y for line in axis.lines if line.get_markersize() == 2.4 for y in line.get_ydata()]
        assert points == pytest.approx([0.5, 0.6, 0.4, 0.5])
    plt.close(figure)


def test_training_curve_marks_the_best_validation():
    curve = pd.DataFrame(
        {"iteration": [0, 1, 2], "train_loss": [3, 2, 1], "validation_dice": [0.1, 0.9, None]}
    )
    figure = training_curves({"pnet": curve})
    marked_points = [line.get_xydata().tolist() for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert marked_points == [[[1, 0.9]]]
    plt.close(figure)


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


def test_an_unknown_round_count_leaves_its_panel_empty():
    frame = scores(PLAYED)
    figure = users_figure(by_user(frame, 0.95, RULES, PROTOCOLS), entries(frame))
    assert [len(bars.get_segments()) for axis in figure.axes for bars in axis.collections][:1] == [2]
    assert not any(v == v for v in figure.axes[1].lines[0].get_ydata())
    plt.close(figure)
