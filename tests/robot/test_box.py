import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifseg.cards.cards import ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box
from bifseg.core.seeds import generator
from bifseg.robot.box import BOXES, JitteredBox, JitteredParams, box_kind, draw_box


def _truth(shape, lower, upper):
    truth = np.zeros(shape, bool)
    truth[Box(lower, upper).slices] = True
    return truth


def test_margin_zero_is_the_tight_box():
    truth = _truth((9, 9), (2, 3), (5, 8))
    assert draw_box(truth, 0, generator(0)) == Box((2, 3), (5, 8))


def test_sides_are_drawn_axis_by_axis_lower_before_upper():
    truth = _truth((60, 60, 60), (20, 21, 22), (30, 31, 32))
    a, b, c, d, e, f = (int(generator_draw) for generator_draw in generator(3, "box").integers(0, 11, 6))
    assert draw_box(truth, 10, generator(3, "box")) == Box((20 - a, 21 - c, 22 - e), (30 + b, 31 + d, 32 + f))


def test_every_margin_of_every_side_is_equally_likely():
    truth = _truth((40, 40), (15, 15), (25, 25))
    rng = generator(0, "uniform")
    boxes = [draw_box(truth, 3, rng) for _ in range(2000)]
    margins = np.array([[15 - b.lower[0], b.upper[0] - 25, 15 - b.lower[1], b.upper[1] - 25] for b in boxes])
    for side in margins.T:
        assert np.bincount(side, minlength=4) / 2000 == pytest.approx([0.25] * 4, abs=0.04)
    assert np.abs(np.corrcoef(margins.T) - np.eye(4)).max() < 0.1


@given(lower=st.tuples(*[st.integers(0, 7)] * 3), margin=st.integers(0, 10), seed=st.integers(0, 99))
def test_holds_the_object_and_stays_in_the_image(lower, margin, seed):
    upper = tuple(v + 1 for v in lower)
    truth = _truth((8, 8, 8), lower, upper)
    box = draw_box(truth, margin, generator(seed))
    assert truth[box.slices].sum() == truth.sum()
    for tight, drawn in ((lower, box.lower), (upper, box.upper)):
        assert all(0 <= v <= 8 and abs(v - t) <= margin for t, v in zip(tight, drawn, strict=True))


def test_refuses_an_empty_truth_and_a_negative_margin():
    with pytest.raises(ValueError, match="empty"):
        draw_box(np.zeros((4, 4), bool), 3, generator(0))
    with pytest.raises(ValueError, match="high"):
        draw_box(np.ones((4, 4), bool), -1, generator(0))


OBJECT = _truth((40, 120, 120), (15, 50, 50), (25, 70, 90))
THICK = (5.0, 1.0, 1.0)


def _sides(name, n=300, spacing=THICK):
    """(n, 3, 2) mm by which each side lies outside the tight box."""
    kind, tight = box_kind(name), Box.around(OBJECT)
    boxes = [kind.draw(OBJECT, spacing, 10, generator(k)) for k in range(n)]
    out = [np.subtract([tight.lower, b.upper], [b.lower, tight.upper]).T for b in boxes]
    return np.array(out) * np.array(spacing)[:, np.newaxis]


@pytest.mark.parametrize("name", BOXES)
def test_every_kind_bears_its_name_and_gives_the_same_for_the_same_seed(name):
    kind = box_kind(name)
    assert f"{kind.name}/{kind.version}" == name
    once, again = (kind.draw(OBJECT, THICK, 10, generator(1)) for _ in range(2))
    assert once == again
    with pytest.raises(ValueError, match="empty"):
        kind.draw(np.zeros((4, 4), bool), (1.0, 1.0), 3, generator(0))


def test_margin_is_draw_box_whatever_the_spacing_and_is_seeded_as_ever():
    drawn = box_kind("margin/1").draw(OBJECT, THICK, 7, generator(3))
    assert drawn == draw_box(OBJECT, 7, generator(3))
    assert box_kind("margin/1").seed == "box/1"
    assert len({kind.seed for kind in BOXES.values()}) == len(BOXES)


def test_the_tight_box_encloses_the_object_exactly():
    assert not _sides("tight/1", 5).any()


def test_loose_is_further_out_in_mm():
    out = _sides("loose/1")
    assert out[:, 1:].min() == 10
    assert out[:, 1:].max() == 30
    assert out[:, 1:].mean() == pytest.approx(20, abs=1)
    assert set(np.unique(out[:, 0])) == {10, 15, 20, 25, 30}  # whole slices


def test_jittered_goes_both_ways_by_a_share_of_the_extent_and_is_capped_in_mm():
    out = _sides("jittered/1", 600)
    assert out.min() == -10
    assert out.max() == 10
    assert out[:, 1].std() == pytest.approx(2, abs=0.2)  # 20 mm across
    assert out[:, 2].std() == pytest.approx(4, abs=0.3)  # 40 mm
    assert abs(out[:, 1:].mean()) < 0.2


@pytest.mark.parametrize("extent", [1, 2, 3, 4])
def test_no_side_of_a_jittered_box_crosses_the_middle(extent):
    truth = _truth((20, 20), (8, 8), (8 + extent, 8 + extent))
    wild = JitteredBox(JitteredParams(sigma_share=5.0, most_mm=100.0))
    boxes = [wild.draw(truth, (1.0, 1.0), 0, generator(seed)) for seed in range(200)]
    # the middle voxel, or one of the two middle ones
    assert max(box.lower[0] for box in boxes) == 8 + (extent - 1) // 2
    assert min(box.upper[0] for box in boxes) == 8 + extent - (extent - 1) // 2


@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    corner=st.tuples(*[st.integers(0, 4)] * 3),
    seed=st.integers(0, 99),
)
def test_every_kind_is_a_box_within_the_image(shape, corner, seed):
    truth = _truth((10, 10, 10), corner, tuple(a + b for a, b in zip(corner, shape, strict=True)))
    for name in BOXES:
        box = box_kind(name).draw(truth, (0.5, 1.0, 4.0), 3, generator(seed))
        assert all(0 <= a < b <= 10 for a, b in zip(box.lower, box.upper, strict=True))


def test_an_unknown_box_lists_the_known():
    with pytest.raises(
        InputError, match="unknown box 'wide/1'; known are margin/1, tight/1, jittered/1, loose/1"
    ):
        box_kind("wide/1")


def test_the_default_protocol_names_a_known_box():
    assert ProtocolCard().box in BOXES
