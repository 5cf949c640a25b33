import numpy as np
import pandas as pd
import pytest
from fake_run import scores

from bifseg.analysis.intervals import mean_interval, ratio_interval
from bifseg.analysis.robustness import levels_in, robustness
from bifseg.cards.entries import level_name


def session(name, method, level, dice, axis="box-shift", card="slip", **more):
    """An initial result and a last one; the rows of a protocol's level."""
    how = {"protocol": level_name(card, level), "disturbance": axis, "level": level}
    return [(name, method, "initial", 0.1, how), (name, method, "round-1", dice, how | more)]


def played(method, curves, **more):
    return [
        row
        for name, curve in curves.items()
        for level, dice in zip((0, 4, 8), curve, strict=True)
        for row in session(name, method, level, dice, **more)
    ]


FALLING = {"a": (0.9, 0.8, 0.5), "b": (0.7, 0.7, 0.4)}
LEVEL = {"a": (0.6, 0.6, 0.6), "b": (0.8, 0.8, 0.8)}


def test_by_hand():
    frame = robustness(scores(played("bifseg", FALLING)))
    (row,) = frame.to_dict("records")
    assert (row["protocol"], row["disturbance"], row["n"], row["failed"]) == ("slip", "box-shift", 2, 0)
    assert [row[f"level_{k}_mean"] for k in (0, 4, 8)] == pytest.approx([0.8, 0.75, 0.45])
    assert row["loss_mean"] == pytest.approx(-0.35)
    area = np.array([4 * 0.85 + 4 * 0.65, 4 * 0.7 + 4 * 0.55])
    assert row["relative_mean"] == pytest.approx(area.sum() / (8 * 1.6))
    assert not row["flat"]
    assert levels_in(frame) == [0, 4, 8]


def test_intervals_are_those_of_patients():
    (row,) = robustness(scores(played("bifseg", FALLING))).to_dict("records")
    loss = mean_interval([-0.4, -0.3], ["a", "b"])
    assert [row["loss_low"], row["loss_high"]] == pytest.approx([loss.low, loss.high])
    relative = ratio_interval([6.0, 5.0], [7.2, 5.6], ["a", "b"])
    assert [row["relative_low"], row["relative_high"]] == pytest.approx([relative.low, relative.high])


def test_a_line_is_flat_if_no_session_changes():
    frame = robustness(scores(played("bifseg", FALLING) + played("base-net", LEVEL))).set_index("method")
    assert frame["flat"].to_dict() == {"base-net": True, "bifseg": False}
    assert frame.loc["base-net", "relative_mean"] == 1
    assert frame.loc["base-net", "loss_mean"] == 0
    opposite = {"a": (0.6, 0.6, 0.5), "b": (0.8, 0.8, 0.9)}  # the mean is flat, the sessions are not
    assert not robustness(scores(played("base-net", opposite))).loc[0, "flat"]


def test_a_line_without_level_0_or_without_a_session_at_every_level_is_not_flat():
    """The caption named it as an entry whose result ignores the disturbance, or there was no caption at all."""
    alone = session("a", "bifseg", 4, 0.9) + session("a", "bifseg", 8, 0.9)
    assert robustness(scores(alone))["flat"].tolist() == [False]
    apart = session("a", "bifseg", 0, 0.9) + session("b", "bifseg", 4, 0.9)
    frame = robustness(scores(apart + played("base-net", LEVEL))).set_index("method")
    assert frame["flat"].to_dict() == {"base-net": True, "bifseg": False}


def test_a_failed_session_counts_and_one_without_a_level_does_not():
    lines = played("bifseg", FALLING) + session("c", "bifseg", 0, 0.9)
    lines += session("d", "bifseg", 0, 0.9) + session("d", "bifseg", 4, 0.9)
    lines += session("d", "bifseg", 8, 0.0, status="failed", error="no")
    (row,) = robustness(scores(lines)).to_dict("records")
    assert (row["n"], row["failed"]) == (3, 1)
    assert row["level_8_mean"] == pytest.approx((0.5 + 0.4 + 0.0) / 3)


def test_nothing_at_level_0_has_no_relative_area():
    (row,) = robustness(scores(played("bifseg", {"a": (0.0, 0.0, 0.0), "b": (0.0, 0.1, 0.0)}))).to_dict(
        "records"
    )
    assert np.isnan(row["relative_mean"])


def test_cards_are_apart_and_one_level_compares_nothing():
    lines = played("bifseg", FALLING) + played("bifseg", LEVEL, axis="image-blur", card="blur")
    frame = robustness(scores(lines + session("a", "bifseg", 0, 0.5, card="alone")))
    assert frame["protocol"].tolist() == ["blur", "slip"]
    assert frame["flat"].tolist() == [True, False]
    assert robustness(scores([])).empty
    assert robustness(pd.DataFrame()).empty
