import numpy as np
import pandas as pd
import pytest

from bifseg.analysis.user_shift import read_shift, shift_line, shift_table
from bifseg.core.errors import InputError
from bifseg.robot.people.pooled import ALL_LABELS, ALL_MEASURES


def rows(shifts, spreads, groups=None, policy="a/1"):
    n = len(shifts)
    return pd.DataFrame(
        {
            "policy": policy,
            "window": "image",
            "group": groups or ["CT"] * n,
            "image": [f"i{k}" for k in range(n)],
            "label": ALL_LABELS,
            "measure": ALL_MEASURES,
            "n_people": 3,
            "people": np.nan,
            "robot": np.nan,
            "shift": shifts,
            "spread": spreads,
        }
    )


def test_the_ratio_of_means_with_an_interval_over_images():
    rng = np.random.default_rng(0)
    spreads = rng.uniform(0.5, 1.5, 20)
    table = shift_table(rows(2 * spreads + rng.normal(0, 0.1, 20), spreads))
    all_images = table[table.set == "all"].iloc[0]
    assert all_images.ratio == pytest.approx(2, abs=0.1)
    assert 1.8 < all_images.low < all_images.ratio < all_images.high < 2.2
    assert (all_images.n_images, all_images.n_people) == (20, 3)


def test_images_that_one_person_drew_on_do_not_count():
    row = shift_table(rows([2.0, 2.0, 8.0], [1.0, 1.0, np.nan])).iloc[0]
    assert (row["n_images"], row["shift"], row["spread"], row["ratio"]) == (2, 2.0, 1.0, 2.0)
    assert "2 images" in shift_line("a/1", shift_table(rows([2.0, 2.0, 8.0], [1.0, 1.0, np.nan])))


def test_each_set_has_its_rows_and_one_image_has_no_interval():
    table = shift_table(rows([2.0, 2.0, 6.0], [1.0, 1.0, 2.0], ["CT", "CT", "MR"]))
    by_set = table.set_index("set")
    assert by_set.ratio.to_dict() == {"all": 2.5, "CT": 2.0, "MR": 3.0}
    assert np.isnan(by_set.loc["MR", "low"])


def test_without_spread_there_is_no_ratio():
    table = shift_table(rows([1.0, 2.0], [np.nan, np.nan]))
    assert table.ratio.isna().all()
    assert "unknown: the shift file has no ratio" in shift_line("a/1", table)


def test_the_line_of_a_report():
    table = shift_table(rows([2.0] * 8, [1.0] * 8))
    line = shift_line("a/1", table)
    assert line.startswith("User shift of a/1: its first strokes, drawn on the whole image, are 2.0")
    assert line.endswith("(3 people, 8 images).")
    assert "unknown" in shift_line("b/1", table)
    assert "unknown (`shift` in the configuration)" in shift_line("a/1", None)


def test_a_file_comes_back_or_is_refused(tmp_path):
    table = shift_table(rows([2.0] * 8, [1.0] * 8))
    table.to_csv(tmp_path / "s.csv", index=False)
    assert shift_line("a/1", read_shift(tmp_path / "s.csv")) == shift_line("a/1", table)
    table.drop(columns="low").to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(InputError, match="lacks the column low"):
        read_shift(tmp_path / "s.csv")
    with pytest.raises(InputError, match="not readable"):
        read_shift(tmp_path / "none.csv")
