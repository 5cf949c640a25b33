"""Finished runs from Python, on a run of true files and made-up results."""

import shutil

import numpy as np
import pytest
from fake_run import fake_cohort, fake_run

import bifseg as bs
from bifseg.analysis.paired import compare as compare_rows
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.stages import final_rows, results
from bifseg.core.files import read_record, write_record


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    run = tmp_path_factory.mktemp("results") / "fake"
    fake_run(run, [fake_cohort(run / "cohorts" / "fake2d")], rounds=3, tools=("geos",))
    return run


@pytest.fixture(scope="module")
def scores(folder):
    return bs.read_scores(folder)


def test_scores_are_read_from_the_folder_or_the_file(folder, scores):
    assert scores.equals(bs.read_scores(folder / "scores.parquet"))
    assert scores.equals(bs.read_run(str(folder)).scores)


def test_a_folder_without_scores_is_refused(tmp_path):
    with pytest.raises(bs.InputError, match="no such scores"):
        bs.read_run(tmp_path)


def test_scores_as_csv_are_refused_with_what_to_name(folder):
    path = folder / "protocols.csv"
    path.write_text("run\n")
    with pytest.raises(bs.InputError, match=r"csv: not a table of scores; name RESULTS/RUN"):
        bs.read_scores(path)


def test_a_measure_that_holds_no_numbers_and_an_entry_against_itself_are_refused(scores):
    with pytest.raises(bs.InputError, match="measure: 'structure' holds no numbers; name a metric"):
        bs.rank(scores, "structure")
    with pytest.raises(bs.InputError, match="entry and reference: both are 'geos'; name two entries"):
        bs.compare(scores, "geos", reference="geos")


@pytest.mark.parametrize("read", [bs.read_run, bs.read_scores])
def test_a_missing_folder_is_named_as_it_was_given(tmp_path, read):
    with pytest.raises(bs.InputError) as refused:
        read(tmp_path / "nowhere")
    assert (
        str(refused.value) == f"{tmp_path}/nowhere: no such folder; name RESULTS/RUN, or its scores.parquet"
    )


def test_a_session_of_a_row_scores_as_the_row(folder, scores):
    row = scores[(scores["method"] == "bifseg") & (scores["step"] == "round-1")].iloc[0]
    session = bs.read_run(folder).session(row)
    again = session.scores().set_index("step").loc["round-1"]
    same = (
        "dice",
        "assd_mm",
        "hd95_mm",
        "nsd",
        "n_strokes",
        "user_s",
        "object",
        "protocol",
        "patient",
        "exposure",
    )
    for column in same:
        assert again[column] == row[column]
    assert session.show(1).axes


@pytest.mark.parametrize(
    ("given", "tolerance"), [(0.5, 0.5), ({"fake_disc": 0.5}, 0.5), ({"fake_square": 0.5}, 2.0)]
)
def test_nsd_uses_the_card_s_tolerance(folder, scores, tmp_path, given, tolerance):
    copy = tmp_path / "run"
    shutil.copytree(folder, copy)
    path = copy / "cohorts" / "fake2d" / "cohort.json"
    about = read_record(path)
    about["card"]["nsd_tolerance_mm"] = given
    write_record(path, about)
    row = scores[(scores["structure"] == "fake_disc") & (scores["method"] == "base-net")].iloc[0]
    session = bs.read_run(copy).session(row)
    truth, grid = session.truth, session.image.grid
    expected = bs.score(session.result(0), truth, grid.spacing, tolerance_mm=tolerance)["nsd"]
    assert session.tolerance_mm == tolerance
    assert session.scores()["nsd"].iloc[0] == expected


def test_rank_is_best_first_by_the_metrics_direction(scores):
    for measure, ascending in (("dice", False), ("assd_mm", True), ("user_s", True)):
        ranked = bs.rank(scores, measure)
        for _, group in ranked.groupby(["cohort", "structure"]):
            assert group["rank"].is_monotonic_increasing
            means = group[f"{measure}_mean"]
            assert means.is_monotonic_increasing if ascending else means.is_monotonic_decreasing


def test_compare_is_the_paired_comparison_of_the_tables(scores):
    comparison = bs.compare(scores, "bifseg@pnet", reference="base-net@pnet")
    table = compare_rows(final_rows(scores), ("base-net", "pnet"))
    table = table[table["method"] == "bifseg"].reset_index(drop=True)
    assert comparison["cohort"].tolist() == ["fake2d", "fake2d"]
    for column in ("n", "patients", "failed", "difference_mean", "difference_low", "wilcoxon_p"):
        np.testing.assert_array_equal(comparison[column], table[column])


def test_a_failed_session_is_charged_as_in_the_tables(folder, scores):
    one = (scores["protocol"] == "own-scribbles") & (scores["method"] == "geos") & (scores["round"] == 1)
    failing = scores.assign(status=scores["status"].mask(one, "failed"))
    failing = failing[~((scores["method"] == "geos") & (scores["round"] > 1))]
    cohort = RunScores(failing, bs.read_run(folder).scores.attrs["protocols"]).cohorts[0]
    for measure in ("n_prompts", "user_s"):
        wanted = results(cohort.final, [measure]).set_index(["structure", "method"])
        ranked = bs.rank(failing, measure).set_index(["structure", "method"])
        np.testing.assert_array_equal(ranked[f"{measure}_mean"], wanted.loc[ranked.index, f"{measure}_mean"])
        against = compare_rows(cohort.final, ("base-net", "pnet"), measure)
        compared = bs.compare(failing, "geos", "base-net@pnet", measure)
        np.testing.assert_array_equal(
            compared["difference_mean"], against.loc[against["method"] == "geos", "difference_mean"]
        )
    assert wanted.loc[("fake_disc", "geos"), "failed"]


def test_effort_without_stopping_rules_is_refused(scores):
    bare = scores.copy()
    bare.attrs.clear()
    for evaluate in (bs.rank, lambda s, measure: bs.compare(s, "bifseg@pnet", "base-net@pnet", measure)):
        with pytest.raises(bs.InputError, match="n_prompts needs the rules of own-scribbles"):
            evaluate(bare, "n_prompts")
        assert len(evaluate(bare, "dice"))


def test_a_target_above_the_stopping_rule_gives_nan(scores):
    stops = bs.Protocol(rounds=3, target=0.8)
    assert bs.interactions_to_target(scores, 0.9, rules=stops)["reached"].isna().all()
    assert bs.interactions_to_target(scores, 0.9)["reached"].notna().all()


def test_without_stopping_rules_rounds_are_not_counted(scores):
    bare = scores.copy()
    bare.attrs.clear()
    with pytest.raises(bs.InputError, match=r"pass rules=bifseg.Protocol"):
        bs.interactions_to_target(bare, 0.9)
    assert len(bs.interactions_to_target(bare, 0.9, rules=bs.Protocol(rounds=3, target=None)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: bs.rank(s, "beauty"), "no column 'beauty'"),
        (lambda s: bs.rank(s, protocol="mine"), "no 'mine'; they have own-scribbles, shared-scribbles"),
        (lambda s: bs.compare(s, "bifseg", "base-net@pnet"), "no 'bifseg'; they have .*bifseg@pnet"),
        (lambda s: bs.interactions_to_target(s, 0.9, rules={"rounds": 3}), r"rules: \{'rounds': 3\}; pass"),
        (lambda s: bs.interactions_to_target(s, 90), "target: 90; give a Dice above 0 and up to 1"),
        (lambda s: bs.rank(s.assign(run=["a", *["b"] * (len(s) - 1)])), "of 2 runs"),
    ],
)
def test_mismatched_arguments_are_refused(scores, call, words):
    with pytest.raises(bs.InputError, match=words):
        call(scores)
