import numpy as np
import pytest
from drawn_by_people import BALL, OBLIQUE, TRUTH, scribbled

from bifseg.robot.people.pages import Page
from bifseg.robot.people.pooled import ALL_LABELS, ALL_MEASURES
from bifseg.robot.people.robot_drawings import PolicyParameters
from bifseg.robot.people.shift import OVERLAP, drawing_values, image_shifts
from bifseg.robot.policies.centre_line import CentreLine

PARAMETERS = PolicyParameters(draws=2)


def page(*rows, name="a"):
    return Page(name, "CT", TRUTH, (1.0, 1.0), {f"p{k}": scribbled(r) for k, r in enumerate(rows)}, None)


def value(rows, column, label="foreground", measure="total_mm"):
    return rows.loc[(rows.label == label) & (rows.measure == measure), column].to_numpy()


def test_people_who_draw_alike_have_no_spread_and_the_robot_is_measured():
    rows = image_shifts([page(12, 12)], "centre-line/1", CentreLine(), PARAMETERS)
    assert value(rows, "spread") == [0.0]
    assert value(rows, "spread", measure=OVERLAP) == [0.0]
    assert value(rows, "people", measure=OVERLAP) == [1.0]
    assert value(rows, "people") == [11.0]  # 14 pixels without the round ends of the skeleton
    assert (value(rows, "shift") > 0).all()
    assert set(rows.policy) == {"centre-line/1"}


def test_the_distance_is_of_logarithms_and_that_outside_is_plain():
    long, short = scribbled(18), scribbled(18)
    short[:, 24:31][short[:, 24:31] == 1] = 0
    both = Page("a", "CT", TRUTH, (1.0, 1.0), {"long": long, "short": short}, None)
    rows = image_shifts([both], "x", CentreLine(), PARAMETERS)
    assert value(rows, "spread") == pytest.approx(np.log((1 + 11) / (1 + 4)))
    assert value(rows, "spread", measure="outside") == [0.0]
    assert value(rows, "spread", measure=OVERLAP) == pytest.approx(1 - 2 * 21 / 63)


def test_the_coverage_is_in_percent_and_a_label_that_one_side_lacks_does_not_overlap():
    rows = image_shifts([page(8, 16)], "x", CentreLine(), PARAMETERS)
    people = [float(drawing_values(scribbled(r), TRUTH, (1.0, 1.0)).coverage["foreground"]) for r in (8, 16)]
    apart = abs(np.log((1 + 100 * people[0]) / (1 + 100 * people[1])))
    assert value(rows, "spread", measure="coverage") == pytest.approx(apart)
    nothing = np.where(scribbled(12) == 2, 2, 0).astype(np.uint8)
    rows = image_shifts(
        [Page("a", "CT", TRUTH, (1.0, 1.0), {"p": nothing}, None)], "x", CentreLine(), PARAMETERS
    )
    assert value(rows, "shift", measure=OVERLAP) == [1.0]


def test_one_person_has_no_spread():
    rows = image_shifts([page(12)], "x", CentreLine(), PARAMETERS)
    assert np.isnan(value(rows, "spread")).all()
    assert np.isfinite(value(rows, "shift")).all()


def test_images_without_strokes_are_left_out():
    rows = image_shifts([page(name="none"), page(12, 16)], "x", CentreLine(), PARAMETERS)
    assert set(rows.image) == {"a"}


def test_the_pooled_row_is_in_standard_deviations_of_people():
    rows = image_shifts([page(9, 12), page(10, 16, name="b")], "x", CentreLine(), PARAMETERS)
    pooled = rows[(rows.label == ALL_LABELS) & (rows.measure == ALL_MEASURES)]
    assert list(pooled.image) == ["a", "b"]
    assert (pooled["shift"] > pooled["spread"]).all()


def test_the_length_is_relative_to_the_object():
    flat = drawing_values(scribbled(12), TRUTH, (1.0, 1.0)).loc["foreground"]
    assert flat.relative_length == pytest.approx(flat.total_mm / 22, rel=0.03)  # a disc of 11 mm
    drawn = np.zeros(OBLIQUE.shape, np.uint8)
    drawn[3, 15, 8:24] = 1
    solid = drawing_values(drawn, BALL, OBLIQUE.spacing).loc["foreground"]
    assert solid.total_mm == pytest.approx(15 * 0.8)
    assert solid.relative_length == pytest.approx(12 / 14, rel=0.05)


def test_a_policy_draws_in_a_volume():
    drawn = np.zeros(OBLIQUE.shape, np.uint8)
    drawn[3, 15, 8:24] = 1
    volume = Page("v", "3D", BALL, OBLIQUE.spacing, {"p": drawn}, None)
    rows = image_shifts([volume], "x", CentreLine(), PARAMETERS)
    assert (value(rows, "robot") > 3).all()
