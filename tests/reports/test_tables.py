import shutil
from functools import cache

import numpy as np
import pandas as pd
import pytest
from fake_run import run_of, scores

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.paired import compare
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.scores import write_scores
from bifseg.analysis.stages import adapted_rows, stage_rows
from bifseg.core.errors import InputError
from bifseg.core.files import write_json
from bifseg.reports.formats import Table, p_value, present, to_latex, to_markdown
from bifseg.reports.tables import read_tables, run_tables, table_metrics, write_tables

LINES = [
    ("a", "base-net", "initial", 0.8),
    ("b", "base-net", "initial", 0.6),
    ("a", "bifseg", "initial", 0.8),
    ("a", "bifseg", "unsupervised", 0.846),
    ("b", "bifseg", "initial", 0.6),
    ("b", "bifseg", "unsupervised", 0.7),
]
ROUNDS = [(*line, {"protocol": OWN_SCRIBBLES}) for line in LINES] + [
    ("a", "bifseg", "round-1", 0.95, {"protocol": OWN_SCRIBBLES, "n_strokes": 2}),
    ("b", "bifseg", "round-1", 0.75, {"protocol": OWN_SCRIBBLES, "n_strokes": 2}),
]

RULES = {OWN_SCRIBBLES: StoppingRule(10, 0.90)}


def write_rules(run):
    write_json(
        run / "sessions" / "c" / OWN_SCRIBBLES / "bifseg@pnet" / "protocol.json",
        {"rounds": 10, "target": 0.90},
    )


# Eight cases: bifseg gains about 5 points in each, base-crf has no mean gain.
MANY = [
    (f"{k}", method, step, 0.5 + 0.05 * k + gain, {"assd_mm": 1.0 + k - gain})
    for k in range(8)
    for method, step, gain in (
        ("base-net", "initial", 0.0),
        ("base-crf", "initial", 0.0),
        ("base-crf", "unsupervised", 0.01 * (-1) ** k),
        ("bifseg", "initial", 0.0),
        ("bifseg", "unsupervised", 0.05 + 0.01 * (-1) ** k),
    )
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


@cache
def of_rounds():
    """The tables of `ROUNDS`, for tests that only read them."""
    return by_name(run_tables(run_of(scores(ROUNDS), RULES)))


@cache
def of_cases(many):
    """The tables of the first cases of `MANY`."""
    lines = [line for line in MANY if int(line[0]) < many]
    return by_name(run_tables(run_of(scores(lines), RULES)))


def write_run(folder, lines):
    """A simulated cohort's scores, rules and tables."""
    write_scores(scores(lines), folder / "scores.parquet")
    write_json(folder / "cohorts" / "c" / "cohort.json", {"simulated": True})
    write_rules(folder)
    write_tables(folder, target=0.9)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of `LINES` and `ROUNDS`, to be read only."""
    return write_run(tmp_path_factory.mktemp("whole"), LINES + ROUNDS)


@pytest.fixture(scope="module")
def without_rounds(tmp_path_factory):
    """A run of `LINES`, to be read only."""
    return write_run(tmp_path_factory.mktemp("lines"), LINES)


def test_run_has_its_tables_in_reading_order(whole):
    kinds = ("initial", "unsupervised", "supervised", "tools")
    names = [table.name for table in read_tables(whole / "tables")]
    assert names == [f"c-{kind}{tests}" for kind in kinds for tests in ("", "-tests")] + [
        "c-interactions",
        "c-targets",
        "c-budgets",
    ]


def test_budgets_are_shown_with_intervals():
    table = of_rounds()["c-budgets"]
    table_shown = present(table.frame)
    columns = ["30 s", "60 s", "120 s", "1 prompt", "3 prompts", "5 prompts", "10 prompts", "Time (s)"]
    assert [name for name in table_shown if name in columns] == columns
    assert "counts as 120 s (Royston and Parmar 2013)" in table.caption


def test_a_star_marks_a_corrected_p_value_below_the_level():
    for patients, starred in ((6, False), (7, True)):  # two comparisons: 2 * 2 / 64 and 2 * 2 / 128
        tables = of_cases(patients)
        for kind in ("unsupervised", "supervised"):
            frame, tests = tables[f"c-{kind}"].frame, tables[f"c-{kind}-tests"].frame
            table = present(frame).set_index("Method")["Dice (%)"]
            assert table.str.endswith("*").to_dict() == {
                "base-net": False,
                "base-crf": False,
                "bifseg": starred,
            }
            dice = tests[tests["measure"] == "dice"].set_index("method")
            assert (dice["holm_p"] < 0.05).to_dict() == {"base-crf": False, "bifseg": starred}
            assert dice.loc["bifseg", "t_p"] < 0.001  # the paper's test over objects is in the CSV alone
            assert "differs from base-net: Wilcoxon" in tables[f"c-{kind}"].caption


def test_a_caption_names_entries_that_played_fewer_objects_of_a_structure():
    lines = [
        (name, method, "initial", 0.5, {"protocol": OWN_SCRIBBLES, "network": "", "structure": structure})
        for structure, method, names in (("lung", "x", "abc"), ("lung", "y", "ab"), ("brain", "x", "d"))
        for name in names
    ]
    rules = {OWN_SCRIBBLES: StoppingRule(4, 0.9)}
    tables = {table.name: table for table in run_tables(run_of(scores(lines), rules))}
    said = "a mean is over those that its entry played: y 2 of 3 (lung)."
    assert said in tables["c-tools"].caption
    assert said in tables["c-initial"].caption
    same = {table.name: table for table in run_tables(run_of(scores(lines[:3]), rules))}
    assert "same objects, and" not in same["c-tools"].caption


def test_too_few_patients_are_not_ranked():
    table = of_cases(6)["c-unsupervised"]  # three pairs: 3 * 2 / 64
    assert present(table.frame)["Rank"].tolist() == ["–"] * 3
    assert "lung: too few patients to rank" in table.caption
    table = of_cases(8)["c-unsupervised"]
    assert present(table.frame)["Rank"].tolist() == ["2 b", "2 b", "1 a"]
    assert "too few" not in table.caption


def test_the_tests_table_equals_compare():
    frame = of_cases(8)["c-supervised-tests"].frame
    rows = adapted_rows(stage_rows(scores(MANY), "supervised"), "supervised")
    for measure in ("dice", "assd_mm"):
        actual = frame[frame["measure"] == measure].reset_index(drop=True)
        expected = compare(rows, ("base-net", "pnet"), measure)
        pd.testing.assert_frame_equal(actual[expected.columns], expected)
    assert set(zip(frame["reference_method"], frame["reference_network"], strict=True)) == {
        ("base-net", "pnet")
    }


def test_tools_are_shown_by_final_results_and_compared_with_bifseg():
    own = {"protocol": OWN_SCRIBBLES}
    start = own | {"network": "", "volume_ml": 0.0, "user_s": 0.0}
    lines = list(ROUNDS)
    for name, dice in (("a", 0.95), ("b", 0.5)):
        lines += [(name, "geos", "initial", 0.0, start)]
        lines += [(name, "geos", "round-1", dice, own | {"network": "", "n_strokes": 4, "user_s": 20.0})]
    tables = by_name(run_tables(run_of(scores(lines), RULES)))
    frame = tables["c-tools"].frame.set_index("method")
    assert frame.index.tolist() == ["base-net", "bifseg", "geos"]
    assert frame.loc["geos", ["dice_mean", "round_mean", "n_strokes_mean", "user_s_mean"]].tolist() == (
        pytest.approx([0.725, 1.0, 4.0, 20.0])
    )
    assert frame["reached"].tolist() == [0, 1, 1]
    assert "differs from bifseg" in tables["c-tools"].caption
    tests = tables["c-tools-tests"].frame
    assert set(tests["measure"]) == {"dice", "assd_mm", "hd95_mm", "nsd", "n_prompts", "user_s"}
    time = tests[(tests["measure"] == "user_s") & (tests["method"] == "geos")].iloc[0]
    assert time["difference_mean"] == pytest.approx(20 - 7)
    for kind in ("initial", "unsupervised"):
        assert "geos" not in set(tables[f"c-{kind}"].frame["method"])


def test_the_reference_is_named_with_its_network_if_there_are_several():
    lines = [*MANY, *((f"{k}", "base-net", "initial", 0.4, {"network": "fcn"}) for k in range(8))]
    tables = by_name(run_tables(run_of(scores(lines), RULES)))
    assert present(tables["c-initial"].frame)["Method"].tolist() == ["base-net@fcn", "base-net@pnet"]
    assert present(tables["c-initial-tests"].frame)["Method"].tolist() == ["base-net@fcn"] * 4  # one a metric
    assert "differs from base-net@pnet" in tables["c-initial"].caption
    assert "Difference to base-net@pnet" in tables["c-initial-tests"].caption
    assert "Student's t with fewer than 5" in tables["c-initial-tests"].caption
    assert set(tables["c-unsupervised"].frame["network"]) == {"pnet"}


def test_without_the_reference_there_are_no_stars_and_the_tests_say_why():
    lines = [line for line in ROUNDS if line[1] == "base-net"]
    tables = by_name(run_tables(run_of(scores(lines), RULES)))
    assert len(tables["c-tools"].frame) == 1
    assert "differs from" not in tables["c-tools"].caption
    assert tables["c-tools-tests"].frame.empty
    assert "no sessions of bifseg beside another" in tables["c-tools-tests"].caption


def test_a_failed_session_is_in_its_table_and_in_its_tests():
    lines = [*LINES, ("c", "base-net", "initial", 0.5), ("c", "bifseg", "initial", 0.0, {"status": "failed"})]
    tables = by_name(run_tables(run_of(scores(lines), RULES)))
    assert tables["c-unsupervised"].frame["failed"].tolist() == [0, 1]
    assert tables["c-unsupervised-tests"].frame["failed"].tolist() == [1] * 4  # one a metric


def test_captions_say_simulated_for_simulated_cohorts_only():
    lines = [*LINES, *((*line, {"cohort": "real"}) for line in LINES)]
    for table in run_tables(run_of(scores(lines), RULES, simulated={"c"})):
        if len(table.frame):
            assert ("imulated" in table.caption) == table.name.startswith("c-")
            assert "2 objects of 2 cases" in table.caption


def test_each_cohort_has_its_tables():
    lines = [*LINES, ("z", "base-net", "initial", 0.1, {"cohort": "other"})]
    tables = by_name(run_tables(run_of(scores(lines), RULES)))
    assert tables["c-initial"].frame["n"].tolist() == [2]
    assert tables["other-initial"].frame["dice_mean"].tolist() == [0.1]


def test_replicates_have_a_table():
    lines = [(*line, {"replicate": k}) for line in LINES for k in (0, 1)]
    table = run_tables(run_of(scores(lines), RULES))[-1]
    assert table.name == "c-replicates"
    table_shown = present(table.frame)
    assert table_shown.columns.tolist()[2:] == [
        *("Method", "Protocol", "Measure", "Between replicates", "Between cases", "Replicates' share"),
        *("n", "objects", "cases", "failed"),
    ]
    dice = table_shown[
        (table_shown["Method"] == "bifseg") & (table_shown["Measure"] == "Dice (points)")
    ].iloc[0]
    assert dice["Between replicates"] == "0.0"
    assert dice["Between cases"] == "10.3"  # of 84.6 and 70.0
    assert dice["n"] == "4"
    assert "shared-scribbles" in to_markdown(table)


def test_rounds_are_not_counted_without_the_stopping_rules():
    with pytest.raises(InputError, match="own-scribbles"):
        run_tables(run_of(scores(ROUNDS)))
    assert run_tables(run_of(scores(LINES)))[-1].frame.empty


def test_targets_are_shown_side_by_side():
    table = present(of_rounds()["c-targets"].frame)
    assert table.columns.tolist()[2:] == ["Method", "Exposure", "80%", "85%", "90%", "95%", "n", "failed"]
    assert table["Method"].tolist() == ["base-net", "bifseg"]
    # a reaches the targets in rounds 0, 1 and 1; b never does in ten rounds
    assert table.iloc[1].tolist()[4:] == [
        *("5.5 [0.0, 11.0] (1)", *["6.0 [0.0, 11.0] (1)"] * 2),
        "–",
        "2",
        "0",
    ]


def test_tables_of_entries_say_what_their_models_saw_of_the_structure():
    lines = [(*line, {"exposure": "seen patient" if line[0] == "a" else "seen structure"}) for line in LINES]
    tables = by_name(run_tables(run_of(scores(lines), RULES)))
    marked = tables["c-initial"].frame
    assert set(marked["exposure"]) == {"seen patient, seen structure"}
    assert present(marked).columns.tolist()[2:4] == ["Method", "Exposure"]
    assert "exposure" not in tables["c-supervised-tests"].frame
    assert "seen patient, seen structure" in to_latex(tables["c-initial"])


def test_a_target_above_the_stopping_rule_has_dashes():
    tables = by_name(run_tables(run_of(scores(ROUNDS), RULES, target=0.95)))
    table = present(tables["c-interactions"].frame).iloc[1]
    assert table[["Reached", "Rounds", "Median rounds", "Median user time (s)"]].tolist() == ["–"] * 4
    assert table["Final Dice (%)"].startswith("85.0 ±")
    assert present(tables["c-tools"].frame)["Reached"].tolist() == ["–", "–"]
    assert r"80\%" in to_latex(tables["c-targets"])


def test_table_without_rows_says_why():
    tables = by_name(run_tables(run_of(scores(LINES), RULES)))
    assert tables["c-interactions"].frame.empty
    assert "own-scribbles" in tables["c-interactions"].caption
    assert "shared-scribbles" in of_rounds()["c-supervised"].caption


def test_the_caption_of_interactions_states_that_all_sessions_count_and_the_limit():
    caption = of_rounds()["c-interactions"].caption
    assert "Every session counts" in caption
    assert "one round more than the 10 of the protocol" in caption
    for reason in ("at a lower target", "strokes have no limit", "state no spacing"):
        assert reason in caption.split("A dash marks an unknown number: ")[1]
    assert "90%" in caption


def test_dice_is_presented_in_per_cent_with_its_spread():
    table = present(
        result_table(dice_mean=0.8461, dice_std=0.0321, assd_mm_mean=1.234, assd_mm_std=np.nan).frame
    )
    assert table.loc[0, ["Seen", "Structure", "Method"]].tolist() == ["unseen", "fetal lungs", "bifseg"]
    assert table.loc[0, "Dice (%)"] == "84.6 ± 3.2"
    assert table.loc[0, "ASSD (mm)"] == "1.23"
    assert table.loc[0, ["n", "failed"]].tolist() == ["3", "1"]


def paired_table(**columns):
    """A one-row table of tests."""
    raw = {"measure": "dice", "effect": 0.5, "t_p": 0.03, "wilcoxon_p": 0.0004, "holm_p": 0.2, "cases": 2}
    raw |= {"difference_mean": 0.01, "difference_low": 0.0, "difference_high": 0.02}
    return result_table(**raw | columns)


@pytest.mark.parametrize(
    ("measure", "mean", "low", "high", "text"),
    [
        ("dice", 0.021, 0.01, 0.033, "+2.1 [+1.0, +3.3]"),
        ("dice", -0.01, -0.02, 0, "−1.0 [−2.0, +0.0]"),
        ("dice", 0.01, np.nan, np.nan, "+1.0"),
        ("dice", np.nan, np.nan, np.nan, "–"),
        ("assd_mm", -1.25, -2, -0.5, "−1.25 [−2.00, −0.50]"),
        ("assd_mm", -np.inf, np.nan, np.nan, "−∞"),
        ("user_s", 3, 1, 5, "+3.0 [+1.0, +5.0]"),
    ],
)
def test_present_difference(measure, mean, low, high, text):
    table = paired_table(measure=measure, difference_mean=mean, difference_low=low, difference_high=high)
    assert present(table.frame).loc[0, "Difference"] == text


def test_present_tests():
    table = present(paired_table().frame)
    assert table.columns.tolist()[2:] == [
        *("Method", "Measure", "Difference", "Effect", "p (Wilcoxon)", "p (Holm)"),
        *("n", "cases", "failed"),
    ]
    assert table.loc[0, ["Measure", "Effect"]].tolist() == ["Dice (points)", "+0.50"]
    assert table.loc[0, ["p (Wilcoxon)", "p (Holm)"]].tolist() == ["<0.001", "0.2"]


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0, "<0.001"), (0.00099, "<0.001"), (0.001, "0.001"), (0.0304, "0.03"), (0.049, "0.049"), (0.0499, "0.0499"),
     (0.05, "0.05"), (0.0501, "0.0501"), (0.234, "0.23"), (1.0, "1"), (np.nan, "–")],
)  # fmt: skip
def test_p_values(p, text):
    assert p_value(p) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.049, "80.0 ± 1.0*"), (0.05, "80.0 ± 1.0"), (np.nan, "80.0 ± 1.0")]
)
def test_present_star(p, text):
    table = present(result_table(dice_mean=0.8, dice_std=0.01, dice_holm_p=p).frame)
    assert table.loc[0, "Dice (%)"] == text


def test_present_rank():
    frame = pd.concat([result_table(rank=r, group=g).frame for r, g in ((2.0, "ab"), (np.nan, "b"))])
    assert present(frame)["Rank"].tolist() == ["2 ab", "– b"]


@pytest.mark.parametrize(
    ("reached", "n", "text"),
    [
        (299, 300, "99.7%"),
        (1, 300, "0.3%"),
        (1, 9000, "0.1%"),
        (8999, 9000, "99.9%"),
        (9, 9, "100%"),
        (0, 9, "0%"),
    ],
)
def test_a_share_is_shown_as_0_or_100_only_if_it_is(reached, n, text):
    table = present(result_table(reached=float(reached)).frame.assign(n=n))
    assert table.loc[0, "Reached"] == f"{reached} of {n} ({text})"


@pytest.mark.parametrize(("median", "text"), [(2.5, "2.5"), (3.0, "3"), (np.inf, "> 10"), (np.nan, "–")])
def test_an_unreached_median_is_presented_as_above_the_limit(median, text):
    table = present(result_table(reached=1.0, round_median=median, round_limit=10).frame)
    assert table.loc[0, "Median rounds"] == text
    assert table.loc[0, "Reached"] == "1 of 3 (33%)"


@pytest.mark.parametrize(("median", "text"), [(12.34, "12.3"), (22.0, "22.0"), (np.inf, "never")])
def test_present_median_time(median, text):
    assert present(result_table(user_s_median=median).frame).loc[0, "Median user time (s)"] == text


@pytest.mark.parametrize(("low", "text"), [(1.0, "2.0 [1.0, 3.5]"), (np.nan, "2.0")])
def test_present_interval(low, text):
    table = present(result_table(round_restricted=2.0, round_low=low, round_high=3.5).frame)
    assert table.loc[0, "Rounds"] == text


@pytest.mark.parametrize(("mean", "text"), [(np.nan, "–"), (np.inf, "∞")])
def test_nan_and_infinity_are_presented(mean, text):
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
    assert r"10.0$^{*}$" in to_latex(result_table(dice_mean=0.5, dice_std=0.1, dice_holm_p=0.01))
    assert r"\emph{fetal lungs (unseen)}" in text
    assert r"Dice (\%)" in text
    for rule in ("toprule", "midrule", "bottomrule"):
        assert rf"\{rule}" in text
    columns = text.split(r"\begin{tabular}{")[1].split("}")[0]
    assert columns == "lrrr"


def test_written_tables_are_read_back(whole):
    written = run_tables(run_of(scores(LINES + ROUNDS), RULES, simulated={"c"}))
    read = read_tables(whole / "tables")
    assert [table.name for table in read] == [table.name for table in written]
    for one, read_table in zip(written, read, strict=True):
        assert one.caption == read_table.caption
        pd.testing.assert_frame_equal(one.frame, read_table.frame)
        suffixes = {path.suffix for path in (whole / "tables").glob(f"{one.name}.*")}
        assert suffixes == ({".csv", ".md", ".tex"} if len(one.frame) else set())


@pytest.mark.parametrize("name", ["nan", "none", "NA", "007"])
def test_method_names_are_read_as_text(tmp_path, name):
    """By default pandas reads some of these names as missing values and others as numbers."""
    write_scores(
        scores([("a", name, "initial", 0.8), ("b", name, "initial", 0.6)]), tmp_path / "scores.parquet"
    )
    write_tables(tmp_path)
    frames = {table.name: table.frame for table in read_tables(tmp_path / "tables")}
    assert frames["c-initial"]["method"].tolist() == [name]


@pytest.mark.parametrize("keep", [1, 2])
def test_a_truncated_table_is_refused(without_rounds, tmp_path, keep):
    """The remaining whole lines would still be a valid table."""
    shutil.copytree(without_rounds / "tables", tmp_path / "tables")
    path = tmp_path / "tables/c-unsupervised.csv"
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) > keep
    path.write_text("".join(lines[:keep]))
    with pytest.raises(InputError, match=r"c-unsupervised.csv: cut off or changed"):
        read_tables(tmp_path / "tables")
    path.unlink()
    with pytest.raises(InputError, match=r"c-unsupervised.csv: is missing"):
        read_tables(tmp_path / "tables")


def test_csv_holds_numbers_not_text(without_rounds):
    folder = without_rounds / "tables"
    frame = pd.read_csv(folder / "c-unsupervised.csv")
    assert frame["dice_mean"].tolist() == pytest.approx([0.7, 0.773])
    assert not (folder / "c-interactions.csv").exists()
    assert read_tables(folder)[-1].frame.empty


def test_equal_scores_give_equal_files(whole, tmp_path):
    write_run(tmp_path, LINES + ROUNDS)
    for path in sorted((whole / "tables").iterdir()):
        assert path.read_bytes() == (tmp_path / "tables" / path.name).read_bytes()


def test_tables_of_images_without_spacing_use_pixels():
    frame = scores(MANY)
    assert table_metrics(frame)[:2] == ("dice", "assd_mm")
    in_pixels = frame.assign(stroke_mm=np.nan, assd_mm=np.nan, hd95_mm=np.nan, nsd_2mm=np.nan, nsd=np.nan)
    assert table_metrics(in_pixels) == ("dice", "assd_px")
