import pandas as pd
import pytest
from fake_run import run_of, scores
from test_paper_claims import RULES, full_run, holding, tool

from bifseg.analysis.paper_claims import claims
from bifseg.analysis.words import with_words
from bifseg.core.errors import InputError
from bifseg.core.files import write_json, write_text
from bifseg.reports.paper_claims_page import (
    Check,
    forgetting_line,
    present_claim,
    read_checks,
    read_claims,
    write_claims,
)


def check(job="c/shared/bifseg@pnet/forgetting-0", equal=True, objects=("a", "b")):
    return Check(job, "pnet", objects, equal)


def played(*protocols):
    """Scores of one session under each."""
    return scores([("a", "bifseg", "initial", 0.5, {"protocol": name}) for name in protocols])


def put(run, place, before, after, objects=("a", "b")):
    record = {"network": "pnet", "objects": objects, "before": before, "after": after}
    write_json(run / "sessions" / place / "forgetting-0.json", record)


def page_of(frame, simulated, checks, folder):
    """The page as it is written."""
    run = run_of(frame, RULES, simulated=simulated)
    write_claims(claims(run), run, checks, folder)
    return (folder / "claims.md").read_text()


def test_page_shows_data_verdicts_and_rows(tmp_path):
    page = page_of(full_run(), {"c"}, [], tmp_path)
    assert "Cohorts: c (simulated)." in page
    assert "Simulated cohort c, test split: 8 objects of 8 cases. " in page
    assert " Main network: pnet." in page
    assert page.count("| **holds** ") == 4
    assert page.count("**Claim ") == 4
    assert "A failed session counts with the worst score." in page
    assert page.endswith("\n\nUnchanged networks: no check of the sessions' jobs exists.\n")


def test_real_cohort_is_not_called_simulated(tmp_path):
    assert "imulated" not in page_of(full_run(), [], [], tmp_path)


def test_rows_are_in_points_and_seconds():
    table = present_claim(holding()[3])
    table = table[table["Compared with"] == "grabcut"].reset_index(drop=True)
    assert table["Measure"].tolist() == ["Rounds", "Prompts", "User time (s)", "Dice (%)"]
    assert table["Method's"].tolist() == ["1.0 ± 0.0", "3.0 ± 0.0", "13.5 ± 2.4", "92.5 ± 0.3"]
    assert table["Difference"][0].startswith("−4.5 [−")
    assert table["Difference"][3] == "+1.0 [+1.0, +1.0]"
    assert table["Comparison"].tolist() == ["holds"] * 4


def test_networks_are_named_if_several_are_compared():
    table = present_claim(holding()[0])
    assert table[["Method", "Compared with"]].to_numpy().tolist() == [["base-net@pnet", "base-net@unet"]]


def test_a_failed_verdict_has_its_reason():
    table = present_claim(
        claims(run_of(full_run(grabcut=tool("grabcut", [0.9] * 8, [1] * 8, [9] * 8)), RULES))[3]
    )
    table = table[table["Compared with"] == "grabcut"]
    assert table["Verdict"].tolist() == [
        "does not hold (no difference shown)",
        "does not hold (no difference shown)",
        "does not hold (the opposite)",
        "holds",
    ]
    table = present_claim(claims(run_of(full_run(other=[]), RULES))[0])
    assert table["Verdict"].tolist() == ["not enough data (no sessions to pair)"]
    assert table[["Other's", "Difference", "p (Holm)"]].to_numpy().tolist() == [["–", "–", "–"]]


def test_tables_keep_their_columns(tmp_path):
    frame = full_run()
    frame["structure"] = "a|b"
    rows = [line for line in page_of(frame, [], [], tmp_path).splitlines() if "a\\|b" in line]
    assert {line.replace("\\|", "").count("|") for line in rows} == {15, 16}


def test_page_is_the_same_for_the_same_scores(tmp_path):
    frame = full_run()
    shuffled = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    assert page_of(frame, {"c"}, [check()], tmp_path) == page_of(shuffled, {"c"}, [check()], tmp_path)


def test_run_without_scores_has_a_page(tmp_path):
    assert "Cohorts: none." in page_of(scores([]), [], [], tmp_path)


def test_the_written_csv_has_a_row_for_each_comparison(tmp_path):
    page_of(full_run(), {"c"}, [], tmp_path)
    frame = pd.read_csv(tmp_path / "claims.csv")
    assert frame["claim"].tolist() == [1] + [2] * 2 + [3] * 6 + [4] * 8
    assert list(frame)[:4] == ["cohort", "claim", "seen", "structure"]
    assert frame["difference_mean"][0] == pytest.approx(0.02)


def test_written_claims_are_read_back(tmp_path):
    run = run_of(full_run(other=[]), RULES)
    written = claims(run)
    write_claims(written, run, [], tmp_path)
    for one, read in zip(written, read_claims(tmp_path), strict=True):
        assert (one.cohort, one.number, one.statement, one.rule, one.verdict) == (
            *(read.cohort, read.number, read.statement, read.rule, read.verdict),
        )
        assert [one.count(seen) for seen in (True, False)] == [read.count(seen) for seen in (True, False)]
        pd.testing.assert_frame_equal(
            with_words(one.rows.reset_index(drop=True)), read.rows.reset_index(drop=True), check_dtype=False
        )


def test_truncated_claims_are_refused(tmp_path):
    page_of(full_run(), [], [], tmp_path)
    lines = (tmp_path / "claims.csv").read_text().splitlines(keepends=True)
    (tmp_path / "claims.csv").write_text("".join(lines[:3]))
    with pytest.raises(InputError, match=r"claims\.csv: cut off or changed"):
        read_claims(tmp_path)


def test_claims_of_empty_scores_have_no_rows(tmp_path):
    page_of(scores([]), [], [], tmp_path)
    assert len(pd.read_csv(tmp_path / "claims.csv")) == 0


def test_forgetting_checks_compare_to_the_last_bit(tmp_path):
    put(tmp_path, "c/shared/bifseg@pnet", [0.1, 0.3], [0.1, 0.3])
    put(tmp_path, "c/own/bifseg@pnet", [0.1, 0.3], [0.1, 0.1 + 0.2])
    put(tmp_path, "c/earlier/bifseg@pnet", [0.1, 0.3], [0.1, 0.3])
    checks = read_checks(tmp_path, played("shared", "own"))
    assert [(c.job, c.equal) for c in checks] == [
        ("c/own/bifseg@pnet/forgetting-0", False),
        ("c/shared/bifseg@pnet/forgetting-0", True),
    ]
    assert (checks[0].network, checks[0].objects) == ("pnet", ("a", "b"))


def test_a_forgetting_check_without_objects_is_not_equal(tmp_path):
    put(tmp_path, "c/shared/bifseg@pnet", [], [], objects=[])
    assert not read_checks(tmp_path, played("shared"))[0].equal


@pytest.mark.parametrize("text", ["{", "[]", '{"objects": ["a"]}'])
def test_a_file_that_is_not_a_forgetting_check_is_refused(tmp_path, text):
    write_text(tmp_path / "sessions/c/shared/bifseg@pnet/forgetting-0.json", text)
    with pytest.raises(InputError, match=r"forgetting-0\.json: not a forgetting check"):
        read_checks(tmp_path, played("shared"))


def test_line_counts_networks_and_objects_by_cohort():
    jobs = [check(), check("c/own/bifseg@pnet/forgetting-0"), check("d/own/bifseg@pnet/forgetting-0")]
    assert forgetting_line(jobs) == (
        "Unchanged networks: in 3 checks of 2 networks, Dice on 4 validation objects before and after the sessions is "
        "equal in all."
    )


def test_line_says_that_weights_were_compared_by_their_hash():
    line = forgetting_line([check(objects=())])
    assert line.startswith(
        "Unchanged networks: in 1 check of 1 network, the hash of all weights before and after the "
    )
    assert line.endswith("sessions is equal in all.")
    assert "all weights or Dice on 2 validation objects" in forgetting_line([check(objects=()), check()])


def test_line_names_the_job_that_differs():
    line = forgetting_line([check(), check("c/own/x/forgetting-1", equal=False)])
    assert line.endswith("not shown to be equal in c/own/x/forgetting-1.")


def test_the_line_without_forgetting_checks():
    assert forgetting_line([]) == "Unchanged networks: no check of the sessions' jobs exists."
