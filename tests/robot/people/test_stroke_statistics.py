"""Statistics of scribbles on label maps with known answers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifseg.robot.people.stroke_statistics import (
    EVERYWHERE,
    PEOPLE,
    STATISTICS,
    compare,
    leave_one_out,
    mean_distance,
    measure,
)

TRUTH = np.zeros((20, 20), bool)
TRUTH[4:11, 3:17] = True  # 7 x 14 voxels, its middle row is 7
DOT_MM = 2 / np.sqrt(np.pi)  # the diameter of a disc of 1 mm2


def measured(scribbles, truth=TRUTH, spacing=(1.0, 1.0)):
    return measure(scribbles, truth, spacing).set_index("label")


def drawn(**labels):
    """A map of scribbles from index expressions: foreground=..., background=..."""
    scribbles = np.zeros(TRUTH.shape, np.uint8)
    for value, name in ((1, "foreground"), (2, "background")):
        for where in labels.get(name, []):
            scribbles[where] = value
    return scribbles


def test_a_straight_line_in_the_middle():
    row = measured(drawn(foreground=[np.s_[7, 5:15]])).loc["foreground"]
    assert row.strokes == 1
    assert row.total_mm == row.stroke_mm == 9  # ten voxels, nine steps
    assert row.thickness_mm == pytest.approx(1.0203, abs=1e-4)  # 9 w + pi w^2 / 4 = 10
    assert row.coverage == pytest.approx(10 / 98)
    assert row.border_mm == 4  # rows 4 to 6, then background
    assert row.outside == 0


def test_a_label_that_crosses_the_border_both_ways():
    row = measured(drawn(foreground=[np.s_[0:8, 10]], background=[np.s_[9:13, 5]]))
    assert row.outside.to_dict() == {"foreground": 4 / 8, "background": 2 / 4}
    assert row.coverage.to_dict() == {"foreground": 4 / 98, "background": 2 / (400 - 98)}
    assert row.border_mm["foreground"] == np.median([4, 3, 2, 1, 1, 2, 3, 4])
    assert row.border_mm["background"] == np.median([2, 1, 1, 2])


def test_strokes_that_touch_at_a_corner_are_one():
    row = measured(drawn(foreground=[np.s_[5, 5], np.s_[6, 6], np.s_[9, 12:15]])).loc["foreground"]
    assert row.strokes == 2
    assert row.total_mm == pytest.approx(np.sqrt(2) + 2)
    assert row.stroke_mm == pytest.approx((np.sqrt(2) + 2) / 2)


def test_dots_have_the_thickness_of_their_disc_and_no_length():
    row = measured(drawn(foreground=[np.s_[5, 5], np.s_[9, 9]])).loc["foreground"]
    assert (row.strokes, row.total_mm, row.stroke_mm) == (2, 0, 0)
    assert row.thickness_mm == pytest.approx(DOT_MM)


def test_spacing_reaches_every_length():
    scribbles = drawn(foreground=[np.s_[5:10, 8]])
    row = measured(scribbles, spacing=(3.0, 0.5)).loc["foreground"]
    assert row.total_mm == 12  # along the rows' axis
    assert row.border_mm == np.median(
        [3, 3, 3, 3, 3]
    )  # five rows of 3 mm, of columns of 0.5 mm 6 to the side
    across = measured(drawn(foreground=[np.s_[7, 6:11]]), spacing=(3.0, 0.5)).loc["foreground"]
    assert across.total_mm == 2
    assert across.border_mm == np.median([2, 2.5, 3, 3.5, 4])


def test_nothing_drawn():
    rows = measured(drawn())
    assert (rows[["strokes", "total_mm", "coverage"]] == 0).all(axis=None)
    assert rows[["stroke_mm", "thickness_mm", "border_mm", "outside"]].isna().all(axis=None)


@given(st.integers(1, 4), st.floats(0, np.pi), st.floats(30, 60))
def test_a_brush_is_measured_on_what_it_paints(radius, angle, length):
    """Any straight stroke of a round brush: steps are up to 8 % longer, and a skeleton ends about there."""
    middle, step = np.array([50, 50]), np.array([np.cos(angle), np.sin(angle)])
    offset = np.moveaxis(np.indices((100, 100)), 0, -1) - middle
    along = np.clip(offset @ step, -length / 2, length / 2)
    painted = np.linalg.norm(offset - along[..., None] * step, axis=-1) <= radius
    truth = np.zeros((100, 100), bool)
    truth[:, :90] = True
    row = measured(painted.astype(np.uint8), truth).loc["foreground"]
    assert row.strokes == 1
    assert length - radius - 3 <= row.total_mm <= 1.09 * length + radius + 3
    assert 0.9 * 2 * radius - 0.5 <= row.thickness_mm <= 2 * radius + 1.5  # on an axis, 2 r + 1 voxels


@pytest.mark.parametrize("truth", [np.zeros((20, 20), bool), np.ones((20, 20), bool)])
def test_a_truth_without_border_is_refused(truth):
    with pytest.raises(ValueError, match="no border"):
        measure(drawn(), truth, (1.0, 1.0))


def test_scribbles_and_truth_are_one_image():
    with pytest.raises(ValueError, match="not one image"):
        measure(drawn()[:10], TRUTH, (1.0, 1.0))


def test_strokes_in_the_slices_of_a_volume_are_measured_as_in_an_image():
    flat = drawn(foreground=np.s_[7, 4:16], background=np.s_[15:17, 3:12])
    truth, scribbles = np.repeat(TRUTH[np.newaxis], 9, axis=0), np.zeros((9, 20, 20), np.uint8)
    scribbles[3] = scribbles[6] = flat
    alone, twice = measured(flat, spacing=(1.0, 0.8)), measured(scribbles, truth, (5.0, 1.0, 0.8))
    for column, times in {
        "strokes": 2,
        "total_mm": 2,
        "stroke_mm": 1,
        "thickness_mm": 1,
        "border_mm": 1,
    }.items():
        assert twice[column].to_list() == pytest.approx((times * alone[column]).to_list())
    assert twice.loc["foreground", "coverage"] == pytest.approx(alone.loc["foreground", "coverage"] * 2 / 9)


def drawings(who, person, values, group="g"):
    """Foreground drawings of which every statistic has these values."""
    return pd.DataFrame(
        [
            {"label": "foreground", **dict.fromkeys(STATISTICS, value)}
            | {"group": group, "who": who, "person": person}
            for value in values
        ]
    )


def test_comparison_by_hand():
    frame = pd.concat(
        [
            drawings("ann", True, [1, 3]),
            drawings("bob", True, [5, 7]),
            drawings("robot/1", False, [4, np.nan]),
        ]
    )
    rows = compare(frame).query("group == 'all' and statistic == 'outside'").set_index("who")
    assert list(rows.index) == ["ann", "bob", PEOPLE, "robot/1"]
    assert rows.n.tolist() == [2, 2, 4, 1]
    assert rows.loc[PEOPLE, ["q25", "median", "q75"]].tolist() == [2.5, 4, 5.5]
    assert rows.distance[["ann", "bob", "robot/1"]].tolist() == [4, 4, 2]  # the mean of 3, 1, 1 and 3 is 2
    assert np.isnan(rows.distance[PEOPLE])
    assert rows.normalised["robot/1"] == pytest.approx(2 / np.sqrt(5))  # of 1, 3, 5, 7


def test_groups_are_compared_apart_and_together():
    frame = pd.concat(
        [
            drawings("ann", True, [0, 2], "a"),
            drawings("ann", True, [10, 12], "b"),
            drawings("robot/1", False, [1], "a"),
            drawings("robot/1", False, [1], "b"),
        ]
    )
    far = mean_distance(compare(frame))
    assert far["a", "robot/1"] == pytest.approx(1)  # 1 from both, of a standard deviation of 1
    assert far["b", "robot/1"] == pytest.approx(10)
    assert far[EVERYWHERE, "robot/1"] == pytest.approx((1 + 1 + 9 + 11) / 4 / np.std([0, 2, 10, 12]))
    assert np.isnan(far[EVERYWHERE, "ann"])  # nobody to compare with


def test_people_who_do_not_vary_give_no_scale():
    frame = pd.concat([drawings("ann", True, [2, 2]), drawings("robot/1", False, [3])])
    rows = compare(frame).query("group == 'all' and who == 'robot/1'")
    assert (rows.distance == 1).all()
    assert rows.normalised.isna().all()


def test_leaving_one_person_out_by_hand():
    people = pd.concat(
        [drawings("ann", True, [0, 2]), drawings("bob", True, [0, 2]), drawings("cy", True, [8, 10])]
    )
    tried = {"low": drawings("low", False, [1, 1]), "high": drawings("high", False, [9, 9])}
    fit = leave_one_out(people, tried, default="high").set_index("held_out")
    assert fit.chosen.to_dict() == {"ann": "low", "bob": "low", "cy": "low", "": "low"}
    assert fit.fitted_chosen["cy"] == pytest.approx(1)  # 1 from 0 and from 2, of a standard deviation of 1
    assert fit.fitted_default["cy"] == pytest.approx(8)
    assert fit.held_out_chosen["cy"] == pytest.approx(8)  # cy's drawings lie 7 and 9 from the low one
    assert fit.held_out_default["cy"] == pytest.approx(1)
    assert fit.held_out_chosen["ann"] == pytest.approx(1)
    assert np.isnan(fit.held_out_chosen[""])
