import pandas as pd
from fake_run import scores

from bifseg.analysis.words import with_categories, with_words

FRAME = scores([("b", "bifseg", "initial", 0.5), ("a", "geos", "round-1", 0.9, {"network": ""})])


def test_words_become_ordered_categories_and_come_back():
    frame = with_categories(FRAME)
    assert frame["object"].cat.categories.tolist() == ["a", "b"]
    assert frame["object"].min() == "a"
    assert frame["dice"].equals(FRAME["dice"])
    pd.testing.assert_frame_equal(with_words(frame), FRAME)


def test_scores_without_rows_stay_empty():
    assert with_words(with_categories(FRAME[:0])).empty
