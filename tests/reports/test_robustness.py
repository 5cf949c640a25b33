"""Levels of disturbance in a run's tables and figures, and apart from its headlines."""

import pandas as pd
import pytest
from fake_run import scores

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.protocol_roles import ProtocolRoles
from bifseg.analysis.robustness import robustness
from bifseg.analysis.run_scores import RunScores
from bifseg.cards.cards import ProtocolCard
from bifseg.cards.entries import level_name
from bifseg.reports.drawings import curves_figure
from bifseg.reports.formats import present
from bifseg.reports.panels import entries
from bifseg.reports.report import _kind, table_protocol
from bifseg.reports.robustness import flat_lines, robustness_title
from bifseg.reports.tables import run_tables

DICE = {"base-net": (0.6, 0.6, 0.6), "bifseg": (0.9, 0.8, 0.5)}


def lines(axis="box-shift", card="slip"):
    return [
        (
            name,
            method,
            step,
            value,
            {"protocol": level_name(card, level), "disturbance": axis, "level": level},
        )
        for name in "ab"
        for method, curve in DICE.items()
        for level, dice in zip((0, 4, 8), curve, strict=True)
        for step, value in (("initial", dice), ("round-1", dice))
    ]


def run_with(*more, **cards):
    rows = scores([*lines(), *more])
    plain = ProtocolCard(rounds=1, target=None)
    protocols = {
        level_name("slip", level): ProtocolCard(
            rounds=1, target=None, disturb={"axis": "box-shift", "levels": [level]}
        )
        for level in (0, 4, 8)
    } | dict.fromkeys(cards, plain)
    return RunScores(
        rows[rows["level"] == 0],
        {name.replace("_", "-"): card.model_dump(mode="json") for name, card in protocols.items()},
        disturbed=rows[rows["disturbance"] != ""],
    )


PLAIN = [
    (name, method, step, 0.7, {"protocol": OWN_SCRIBBLES})
    for name in "ab"
    for method in DICE
    for step in ("initial", "round-1")
]


def test_the_table_shows_levels_loss_and_area_and_its_caption_names_flat_lines():
    table = next(table for table in run_tables(run_with()) if table.name == "c-robustness")
    assert table.title == "How much worse with a careless user"
    table_shown = present(table.frame).set_index("Method")
    assert table_shown["Protocol"].tolist() == ["slip", "slip"]
    assert table_shown.loc["bifseg", "Level 4 (%)"].startswith("80.0")
    assert table_shown.loc["bifseg", "Loss (points)"].startswith("−40.0")
    assert table_shown.loc["base-net", "Relative area (%)"].startswith("100.0")
    assert "base-net@pnet shows a flat line under slip" in table.caption
    assert "no session's Dice changes by more than 0.1 points" in table.caption


def test_the_caption_says_if_no_line_is_flat():
    frame = robustness(run_with().disturbed)
    assert flat_lines(frame[frame["method"] == "bifseg"]).startswith("No line is flat")


@pytest.mark.parametrize(
    ("axes", "title"),
    [
        (["stroke-shift"], "careless user"),
        (["image-blur"], "worse image"),
        (["box-grow", "image-blur"], "careless user or a worse image"),
    ],
)
def test_the_title_says_what_was_disturbed(axes, title):
    assert robustness_title(pd.DataFrame({"disturbance": axes})) == f"How much worse with a {title}"


def test_headlines_hold_undisturbed_rows_alone():
    run = run_with(*PLAIN, own_scribbles={})
    assert run.roles.own == run.roles.widest == OWN_SCRIBBLES
    for table in run_tables(run):
        if "dice_mean" in table.frame and table.name != "c-robustness":
            assert table.frame["dice_mean"].min() >= 0.6
            assert not table.frame["dice_mean"].isin([0.5, 0.8]).any()
    assert len(run.every_row) == len(lines()) + len(PLAIN)


def test_level_0_is_the_main_protocol_where_there_is_no_other():
    run = run_with()
    assert run.roles.own == "slip"
    final = run.cohorts[0].final.set_index(["method", "object"])["dice"]
    assert final["bifseg"].tolist() == [0.9, 0.9]


def test_the_figure_has_a_panel_for_each_protocol_and_structure():
    rows = scores(lines() + lines("image-blur", "blur"))
    figure = curves_figure(robustness(rows), entries(rows))
    assert [axis.get_ylabel() for axis in figure.axes] == ["Dice, blur", "Dice, slip"]
    for axis in figure.axes:
        curves = {tuple(line.get_xdata()): None for line in axis.lines}
        assert list(curves) == [(0, 4, 8)]
        for line, curve in zip(axis.lines, DICE.values(), strict=True):
            assert line.get_ydata() == pytest.approx(curve)


def test_the_report_finds_a_cohorts_tables_whatever_dashes_names_have():
    cohorts = ["a", "a-b"]
    names = ["a-robustness", "a-gains-correct-existing", "a-b-dice", "a-b-tools-tests"]
    assert [_kind(name, "a", cohorts) for name in names] == ["robustness", "gains-correct-existing", "", ""]
    assert [_kind(name, "a-b", cohorts) for name in names] == ["", "", "dice", "tools-tests"]


def test_a_row_opens_the_sessions_of_its_table_s_protocol():
    roles = ProtocolRoles("own", "wide", {}, "shared")
    kinds = {"gains-correct-existing": "correct-existing", "tools-tests": "own", "targets": "wide"}
    kinds |= {"supervised-tests": "shared", "initial": "", "users": "", "budgets": "own"}
    assert {kind: table_protocol(kind, roles) for kind in kinds} == kinds
