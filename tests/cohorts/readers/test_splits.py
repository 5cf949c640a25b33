import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bifseg.cohorts.readers.splits import draw_splits, sizes

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
PATIENTS = [f"p{k}" for k in range(20)]


def draw(patients, seed=1, shares=SHARES, **given_splits):
    return draw_splits({**dict.fromkeys(patients, ""), **given_splits}, shares, seed)


@pytest.mark.parametrize(
    ("n", "shares", "expected"),
    [
        (10, (0.7, 0.1, 0.2), [7, 1, 2]),
        (274, (0.7, 0.1, 0.2), [192, 27, 55]),  # 191.8, 27.4, 54.8
        (3, (0.7, 0.1, 0.2), [1, 1, 1]),
        (4, (0.7, 0.1, 0.2), [2, 1, 1]),
        (2, (0.7, 0.1, 0.2), [1, 0, 1]),  # 1.4, 0.2, 0.4: without a test patient nothing can be evaluated
        (1, (0.7, 0.1, 0.2), [1, 0, 0]),
        (0, (0.7, 0.1, 0.2), [0, 0, 0]),
        (10, (230, 19, 25), [8, 1, 1]),  # shares need not add up to 1
    ],
)
def test_sizes_by_hand(n, shares, expected):
    assert sizes(n, shares) == expected


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 300), st.lists(st.floats(0.01, 1), min_size=1, max_size=3))
def test_sizes_add_up_and_stay_near_their_shares(n, shares):
    counts = sizes(n, shares)
    assert sum(counts) == n
    assert n < len(shares) or min(counts) >= 1
    for size, share in zip(counts, shares, strict=True):
        assert abs(size - n * share / sum(shares)) < len(shares)


def test_the_same_seed_draws_the_same_splits_in_any_order():
    assert draw(PATIENTS) == draw(list(reversed(PATIENTS)))
    assert draw(PATIENTS) != draw(PATIENTS, seed=2)


def test_the_numbers_follow_the_shares():
    splits = list(draw(PATIENTS).values())
    assert [splits.count(name) for name in SHARES] == [14, 2, 4]


def test_one_more_patient_changes_few_splits():
    before, after = draw(PATIENTS), draw([*PATIENTS, "new"])
    assert sum(before[p] != after[p] for p in PATIENTS) <= 2


def test_patients_with_a_given_split_count_towards_its_share():
    splits = draw(PATIENTS, x="test", y="test")
    assert (splits["x"], splits["y"]) == ("test", "test")
    assert sorted(splits[p] for p in PATIENTS) == ["train"] * 18 + ["validation"] * 2  # of 17.5 and 2.5


def test_other_patients_are_drawn_into_all_given_splits():
    splits = draw(PATIENTS, x="test", y="train", z="validation")
    assert {splits[p] for p in PATIENTS} == set(SHARES)


def test_a_split_with_share_zero_stays_empty():
    assert set(draw(PATIENTS, shares={"train": 0, "validation": 0, "test": 1}).values()) == {"test"}
