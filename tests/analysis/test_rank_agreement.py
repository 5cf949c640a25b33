import numpy as np
import pandas as pd
import pytest

from bifseg.analysis.rank_agreement import mean_dice, rank_agreement
from bifseg.core.errors import InputError

METHODS = ["a", "b", "c", "d"]


def scores(quality, n_images=12, noise=0.0):
    """Dice by source: a list of each method's mean; sources that begin with p are persons."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {
                "group": "CT",
                "image": f"i{image}",
                "source": source,
                "person": source.startswith("p"),
                "draw": 0,
                "method": method,
                "dice": mean + noise * rng.standard_normal(),
            }
            for image in range(n_images)
            for source, means in quality.items()
            for method, mean in zip(METHODS, means, strict=True)
        ]
    )


UP, DOWN = [0.5, 0.6, 0.7, 0.8], [0.8, 0.7, 0.6, 0.5]


def test_equal_and_reversed_ranks():
    table = rank_agreement(scores({"robot": UP, "other": DOWN, "p1": UP, "p2": UP})).set_index("source")
    assert table.kendall.to_dict() == pytest.approx({"robot": 1, "other": -1, "p1": 1, "p2": 1})
    assert table.spearman["other"] == pytest.approx(-1)
    assert table.same_best.to_dict() == {"robot": 1.0, "other": 0.0, "p1": 1.0, "p2": 1.0}
    assert (table.kendall_low["robot"], table.kendall_high["robot"]) == (1.0, 1.0)


def test_noise_widens_the_interval():
    table = rank_agreement(scores({"robot": UP, "p1": UP, "p2": UP}, noise=0.3)).set_index("source")
    assert table.kendall_low["robot"] < 0.9 < table.kendall_high["robot"]


def test_one_person_has_no_other_and_one_image_no_interval():
    table = rank_agreement(scores({"robot": UP, "p1": UP}, n_images=1))
    assert list(table.source) == ["robot"]
    assert table.kendall[0] == pytest.approx(1)
    assert np.isnan(table.kendall_low[0])


def test_an_image_on_which_a_person_did_not_draw_does_not_count_for_this_person():
    rows = scores({"robot": UP, "p1": UP, "p2": UP})
    rows = rows[~((rows.source == "p2") & (rows.image == "i3"))]
    table = rank_agreement(rows).set_index("source")
    assert table.n_images.to_dict() == {"robot": 12, "p1": 11, "p2": 11}


def test_means_with_the_best_first():
    table = mean_dice(scores({"robot": DOWN, "p1": UP, "p2": [0.4, 0.5, 0.6, 0.7]}))
    assert list(table.index) == ["d", "c", "b", "a"]
    assert table.people.to_list() == pytest.approx([0.75, 0.65, 0.55, 0.45])


def test_ties_of_all_methods_have_no_correlation():
    table = rank_agreement(scores({"robot": [0.5] * 4, "p1": UP, "p2": UP})).set_index("source")
    assert np.isnan(table.kendall["robot"])


def test_two_methods_are_too_few():
    rows = scores({"robot": UP, "p1": UP})
    with pytest.raises(InputError, match="2 methods; a rank correlation needs at least 3"):
        rank_agreement(rows[rows.method.isin(["a", "b"])])
