import numpy as np
import pandas as pd
import pytest
from fake_run import scores

from bifseg.scoring import write_scores
from bifseg.store import write_json
from bifseg.summaries import OWN
from bifseg.tables import Table, present, read_tables, run_tables, to_latex, to_markdown, write_tables

LINES = [
    ("a", "base-net", "initial", 0.8),
    ("b", "base-net", "initial", 0.6),
    ("a", "bifseg", "initial", 0.8),
    ("a", "bifseg", "unsupervised", 0.846),
    ("b", "bifseg", "initial", 0.6),
    ("b", "bifseg", "unsupervised", 0.7),
]
ROUNDS = [(*line, {"protocol": OWN}) for line in LINES] + [
    ("a", "bifseg", "round-1", 0.95, {"protocol": OWN, "n_strokes": 2}),
    ("b", "bifseg", "round-1", 0.75, {"protocol": OWN, "n_strokes": 2}),
]


def result_table(**columns):
    """A one-row table."""
    raw = {
        "seen": False,
        "structure": "fetal_lungs",
        "method": "bifseg",
        "network": "pnet",
        "n": 3,
        "failed": 1,
    }
    return Table("t", "Title", "Caption.", pd.DataFrame([raw | columns]))


def by_name(tables):
    return {table.name: table for table in tables}


def test_run_has_its_tables_in_reading_order():
    names = [table.name for table in run_tables(scores(LINES + ROUNDS), [])]
    assert names == ["c-initial", "c-unsupervised", "c-supervised", "c-gains", "c-interactions"]


def test_captions_say_simulated_where_it_holds():
    lines = [*LINES, *((*line, {"cohort": "real"}) for line in LINES)]
    for table in run_tables(scores(lines), {"c"}):
        if len(table.frame):
            assert ("imulated" in table.caption) == table.name.startswith("c-")
            assert "2 objects of 2 cases" in table.caption


def test_tables_of_cohorts_are_apart():
    lines = [*LINES, ("z", "base-net", "initial", 0.1, {"cohort": "other"})]
    tables = by_name(run_tables(scores(lines), []))
    assert tables["c-initial"].frame["n"].tolist() == [2]
    assert tables["other-initial"].frame["dice_mean"].tolist() == [0.1]


def test_table_without_rows_says_why():
    tables = by_name(run_tables(scores(LINES), []))
    assert tables["c-interactions"].frame.empty
    assert "own-scribbles" in tables["c-interactions"].caption
    assert "shared-scribbles" in by_name(run_tables(scores(ROUNDS), []))["c-supervised"].caption


def test_effort_caption_says_whose_mean_it_is():
    caption = by_name(run_tables(scores(ROUNDS), []))["c-interactions"].caption
    assert "only those" in caption
    assert "90%" in caption


def test_present_shows_per_cent_and_spread():
    shown = present(
        result_table(dice_mean=0.8461, dice_std=0.0321, assd_mm_mean=1.234, assd_mm_std=np.nan).frame
    )
    assert shown.loc[0, ["Seen", "Structure", "Method"]].tolist() == ["unseen", "fetal lungs", "bifseg"]
    assert shown.loc[0, "Dice (%)"] == "84.6 ± 3.2"
    assert shown.loc[0, "ASSD (mm)"] == "1.23"
    assert shown.loc[0, ["n", "failed"]].tolist() == ["3", "1"]


@pytest.mark.parametrize(
    ("mean", "low", "high", "text"),
    [
        (0.021, 0.01, 0.033, "+2.1 [+1.0, +3.3]"),
        (-0.01, -0.02, 0, "−1.0 [−2.0, +0.0]"),
        (0.01, np.nan, np.nan, "+1.0"),
    ],
)
def test_present_gain(mean, low, high, text):
    shown = present(result_table(gain_mean=mean, gain_low=low, gain_high=high).frame)
    assert shown.loc[0, "Gain (Dice points)"] == text


@pytest.mark.parametrize(("median", "text"), [(2.5, "2.5"), (3.0, "3"), (np.inf, "> 10")])
def test_present_median_that_was_never_reached(median, text):
    shown = present(result_table(reached=1, round_median=median, rounds_played=10).frame)
    assert shown.loc[0, "Median rounds"] == text
    assert shown.loc[0, "Reached"] == "1 of 3 (33%)"


@pytest.mark.parametrize(("mean", "text"), [(np.nan, "–"), (np.inf, "∞")])
def test_present_numbers_that_are_none(mean, text):
    assert present(result_table(assd_mm_mean=mean, assd_mm_std=np.nan).frame).loc[0, "ASSD (mm)"] == text


def test_markdown_is_a_pipe_table_that_keeps_its_columns():
    lines = to_markdown(result_table(method="a|b", dice_mean=0.5, dice_std=0.1)).splitlines()
    assert lines[0] == "**Title.** Caption."
    assert lines[-1].replace("\\|", "").count("|") == lines[2].count("|")
    assert "50.0 ± 10.0" in lines[-1]


def test_latex_escapes_and_keeps_booktabs():
    table = Table(
        "t", "A & B", "50% of #1_x.", result_table(method="m_1&2", dice_mean=0.5, dice_std=0.1).frame
    )
    text = to_latex(table)
    assert r"\caption{A \& B. 50\% of \#1\_x.}" in text
    assert r"m\_1\&2 & 50.0 $\pm$ 10.0 & 3 & 1 \\" in text
    assert r"\emph{fetal lungs (unseen)}" in text
    assert r"Dice (\%)" in text
    for rule in ("toprule", "midrule", "bottomrule"):
        assert rf"\{rule}" in text
    columns = text.split(r"\begin{tabular}{")[1].split("}")[0]
    assert columns == "lrrr"


def test_written_tables_are_read_back(tmp_path):
    write_scores(scores(LINES + ROUNDS), tmp_path / "scores.parquet")
    write_json(tmp_path / "cohorts" / "c" / "cohort.json", {"simulated": True})
    write_tables(tmp_path, target=0.9)
    made, read = run_tables(scores(LINES + ROUNDS), {"c"}), read_tables(tmp_path / "tables")
    assert [table.name for table in read] == [table.name for table in made]
    for one, other in zip(made, read, strict=True):
        assert one.caption == other.caption
        pd.testing.assert_frame_equal(one.frame, other.frame)
        assert {p.suffix for p in (tmp_path / "tables").glob(f"{one.name}.*")} == {".csv", ".md", ".tex"}


def test_csv_holds_numbers_not_text(tmp_path):
    write_scores(scores(LINES), tmp_path / "scores.parquet")
    write_tables(tmp_path)
    frame = pd.read_csv(tmp_path / "tables" / "c-unsupervised.csv")
    assert frame["dice_mean"].tolist() == pytest.approx([0.7, 0.773])
    assert not (tmp_path / "tables" / "c-interactions.csv").exists()
    assert read_tables(tmp_path / "tables")[-1].frame.empty


def test_equal_scores_give_equal_files(tmp_path):
    for place in ("one", "two"):
        write_scores(scores(LINES + ROUNDS), tmp_path / place / "scores.parquet")
        write_tables(tmp_path / place)
    files = sorted(path.name for path in (tmp_path / "one" / "tables").iterdir())
    for name in files:
        assert (tmp_path / "one/tables" / name).read_bytes() == (tmp_path / "two/tables" / name).read_bytes()
