import json
import re
import shutil

import pandas as pd
import pytest
from fake_run import fake_cohort, fake_run
from html_reader import Reader

from bifseg.analysis.names import SESSION
from bifseg.analysis.scores import read_scores, write_scores
from bifseg.core.errors import InputError
from bifseg.core.files import read_record, write_record
from bifseg.reports.report import confinement_line, shift_lines, write_report
from bifseg.reports.tables import write_tables


@pytest.fixture(scope="module")
def run(reported):
    return reported


@pytest.fixture
def changed(run, tmp_path):
    """A copy of the run, to be changed; its sessions are those of the run."""
    place = shutil.copytree(run, tmp_path / run.name, ignore=shutil.ignore_patterns("sessions"))
    (place / "sessions").symlink_to(run / "sessions")
    return place


@pytest.fixture(scope="module")
def html(run):
    return (run / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Reader(html)


def test_report_needs_no_other_file(html, page):
    assert page.links
    assert all(link.startswith(("data:image/", "data:text/csv;", "#")) for link in page.links)
    assert not re.search(r"@import|url\(|<script[^>]* src|<link", html)
    assert "default-src 'none'; img-src data:;" in html, "a browser refuses whatever else is loaded"


def test_the_summary_names_numbers_and_failures(run):
    lines = (run / "summary.txt").read_text().splitlines()
    assert lines[0].endswith("(fake2d, simulated images):") or lines[0].endswith("(fake2d):")
    assert any("Dice at the end" in line for line in lines)
    assert lines[-1].endswith("sessions failed: `bifseg status` says why, `bifseg retry` tries again")


def test_links_of_the_page_have_targets(page):
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids


def packed(html):
    """The data of the session browser."""
    return json.loads(
        re.search(r'<script type="application/json" id="pack">(.*?)</script>', html, re.S).group(1)
    )


def test_the_browser_holds_every_session_of_the_scores(run, html):
    (cohort,) = packed(html)["cohorts"]
    scores = read_scores(run / "scores.parquet")
    assert len(cohort["sessions"]) == cohort["all"] == len(scores.drop_duplicates(SESSION))
    assert sum(len(session["steps"]) for session in cohort["sessions"]) == len(scores)
    assert {cohort["objects"][session["o"]]["name"] for session in cohort["sessions"]} == set(
        scores["object"]
    )


def test_rows_link_to_sessions_of_the_browser(html):
    (cohort,) = packed(html)["cohorts"]
    packed_sessions = {(session["entry"], session["protocol"]) for session in cohort["sessions"]}
    pairs = re.findall(r'data-entry="([^"]*)"[^>]*|data-protocol="([^"]*)"', html)
    assert pairs
    rows = [
        dict(re.findall(r'data-(\w+)="([^"]*)"', row))
        for row in re.findall(r"<tr[^>]* data-entry[^>]*>", html)
    ]
    entries = {entry for entry, _ in packed_sessions}
    assert all((row["entry"], row["protocol"]) in packed_sessions or not row["protocol"] for row in rows)
    assert {row["entry"] for row in rows} == entries


@pytest.mark.parametrize("folder", ["tables", "figures"])
def test_a_replaced_index_is_one_line(changed, folder):
    path = changed / folder / "index.json"
    text = path.read_text()
    write_record(path, {"schema": 2})
    with pytest.raises(InputError, match=f"{folder}/index.json: lacks the key"):
        write_report(changed)
    path.write_text(text.replace("Dice", "Dike", 1))
    with pytest.raises(InputError, match=f"{folder}/index.json: changed since it was written"):
        write_report(changed)


def test_a_report_written_again_is_the_same_with_the_latex_of_the_checked_tables(changed, html):
    path = next((changed / "tables").glob("*.tex"))
    path.write_bytes(b"\xff" + path.read_bytes())
    write_report(changed)
    assert (changed / "report.html").read_text() == html


def test_report_says_that_the_cohort_is_simulated(html):
    assert "Simulated data." in html
    assert 'class="badge simulated"' in html


def test_report_of_real_images_does_not_say_simulated(changed):
    path = changed / "cohorts/fake2d/cohort.json"
    write_record(path, read_record(path) | {"simulated": False})
    write_report(changed)
    assert "Simulated data." not in (changed / "report.html").read_text()


def test_failures_are_listed_with_their_reasons_escaped(html):
    assert "round-1: OutOfMemoryError: no memory &lt;left&gt; &amp; none to come" in html
    assert "2 without a normal end" in html  # one under either protocol


def test_the_checklist_counts_failures_of_disturbed_sessions_as_the_head_of_the_report_does(changed):
    frame = read_scores(changed / "scores.parquet")
    failed = frame[frame["status"] == "failed"]
    disturbed = failed.head(1).assign(protocol="slips.level-4", disturbance="slip", level=4)
    write_scores(pd.concat([frame, disturbed]), changed / "scores.parquet")
    write_report(changed)
    html = (changed / "report.html").read_text(encoding="utf-8")
    count, sessions = len(failed) + 1, len(frame.drop_duplicates(SESSION)) + 1
    assert f"{count} without a normal end" in html
    assert f"{count} of {sessions} sessions failed" in html


def test_numbers_of_the_tables_are_in_the_report(run, html):
    for kind in ("initial", "unsupervised", "supervised", "tools", "interactions"):
        table = (run / f"tables/fake2d-{kind}.md").read_text()
        numbers = re.findall(r"\d+\.\d+ ± \d+\.\d+\*?", table)
        assert numbers
        plain = re.sub("</?(b|small)>", "", html)  # the best are bold, deviations small
        assert all(f"<td>{number}</td>" in plain for number in numbers)


def test_rounds_to_targets_are_in_the_report(run, html):
    table = (run / "tables/fake2d-targets.md").read_text()
    cells = re.findall(r"\d+\.\d \[\d+\.\d, \d+\.\d\] \(\d+\)", table)
    assert len(cells) == 2 * 5 * 4  # structures, entries, targets
    assert all(f"<td>{cell}</td>" in re.sub("</?small>", "", html) for cell in cells)


def test_statistical_tests_are_folded_below_their_table(html):
    titles = re.findall(r"<h3>([^<]*)</h3>|<summary>([^<]*)</summary>", html)
    folded = titles[titles.index(("Initial results", "")) :]
    assert folded[1:5] == [
        ("Without scribbles", ""),
        ("", "Without scribbles: tests"),
        ("With the same scribbles", ""),
        ("", "With the same scribbles: tests"),
    ]
    details = re.findall(r"<details><summary>[^<]*: tests</summary>(.*?)</details>", html, re.DOTALL)
    assert len(details) == 4 - 1  # nothing is compared with the only base net's initial result
    for part in details:
        assert "<th>p (Holm)</th>" in part
        assert '<td class="text">Dice (points)</td>' in part


def test_claims_and_the_forgetting_line_are_in_the_report(run, html):
    page = (run / "tables/claims.md").read_text()
    verdicts = re.findall(r"\*\*(holds|does not hold|not enough data)\*\*", page)
    assert len(verdicts) == 4
    assert re.findall(r'<td class="text">(holds|does not hold|not enough data)</td>', html) == verdicts
    assert re.search(r"Unchanged networks: no check of the sessions\S+ jobs exists", html)


def test_the_headline_is_the_mean_difference_of_the_tests(run, html):
    tests = pd.read_csv(run / "tables/fake2d-supervised-tests.csv")
    bifseg = tests[(tests["method"] == "bifseg") & (tests["measure"] == "dice") & tests["seen"]]
    gain = f"{100 * bifseg['difference_mean'].iloc[0]:+.1f}".replace("-", "−")
    assert f"with the same scribbles by {gain} points on seen structures" in html


def test_tools_that_start_from_scribbles_are_in_the_table_of_tools_only(run):
    tables = {path.stem for path in (run / "tables").glob("fake2d-*.md") if "geos" in path.read_text()}
    assert tables == {
        f"fake2d-{kind}" for kind in ("tools", "tools-tests", "interactions", "targets", "budgets")
    }


def report_without_figures(folder, date=None):
    """The report of a run for tests that look at no figure: drawing them takes longest."""
    write_tables(folder)
    write_record(folder / "figures/index.json", {"figures": []})
    write_report(folder, date)
    return (folder / "report.html").read_text()


def test_the_headline_is_about_the_network_of_most_methods(tmp_path):
    cohort = fake_cohort(tmp_path / "cohorts" / "fake-2d", patients=2)  # names of cohorts may hold dashes
    fake_run(tmp_path, [cohort], networks=("apart", "pnet"), rounds=1)
    frame = read_scores(tmp_path / "scores.parquet")
    frame = frame[(frame["network"] == "pnet") | frame["method"].isin(["base-net", "bifseg"])]
    write_scores(frame, tmp_path / "scores.parquet")
    html = report_without_figures(tmp_path)
    tests = pd.read_csv(tmp_path / "tables/fake-2d-unsupervised-tests.csv")
    assert set(tests["reference_network"]) == {"pnet"}
    bifseg = tests[
        (tests["method"] == "bifseg") & (tests["network"] == "pnet") & (tests["measure"] == "dice")
    ]
    gain = f"{100 * bifseg[bifseg['seen']]['difference_mean'].iloc[0]:+.1f}".replace("-", "−")
    assert f"without scribbles by {gain} points on seen structures" in html
    assert "bifseg@apart" in html


def test_headline_sentences(html):
    assert re.search(
        r"bifseg changes mean Dice without scribbles by [+−]\d+\.\d points on seen structures", html
    )
    assert "1 failed session counts as zero" in html
    assert re.search(r"it reached a Dice of 90% in \d of 4 sessions on seen structures \(median", html)


def test_report_shows_networks_provenance_and_edge_cases(html):
    assert "485,122 parameters" in html
    assert "abc123" in html
    assert "2026-01-02" in html
    assert "empty result" in html


def test_a_run_without_bifseg_and_a_given_date(run, tmp_path):
    frame = read_scores(run / "scores.parquet")
    write_scores(frame[frame["method"].isin(["base-net", "bifseg-w"])], tmp_path / "scores.parquet")
    for name in ("cohorts", "sessions"):
        (tmp_path / name).symlink_to(run / name)
    html = report_without_figures(tmp_path, date="1999-12-31")
    assert "no failures" in html
    assert "1999-12-31" in html


def reduced(run, folder, methods):
    """The report of a run in which only some methods played."""
    frame = read_scores(run / "scores.parquet")
    write_scores(frame[frame["method"].isin(methods)], folder / "scores.parquet")
    for name in ("cohorts", "sessions"):
        (folder / name).symlink_to(run / name)
    return report_without_figures(folder)


def test_the_first_screen_ranks_every_entry_with_intervals(html, page):
    head, body = re.search(r"<thead>(.*?)</thead>(.*?)</table>", html, re.S).groups()
    headers = re.findall(r"<th[^>]*>([^<]*)</th>", head)
    assert headers[:2] == ["Rank", "Entry"]
    assert {"Initial Dice (%)", "Final Dice (%)", "Rounds to 90%", "Reached 90% (%)", "n", "failed"} <= set(
        headers
    )
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.S)]
    assert len(rows) == 5, "the paper's four and a tool"
    assert {row.strip("|").split("|")[0] for row in rows} == {"–"}, "four patients are too few to rank"
    assert "too few patients to rank" in html
    assert all("[" in row for row in rows), "a structure that was seen in training ranks with the others"
    assert re.search(r'<p class="lead">\S+ is first: ', html)


def test_a_method_that_starts_from_scribbles_has_a_dash_as_initial_result(html):
    (row,) = re.findall(
        r"<tr[^>]*><td class=\"text\">[^<]*</td><td class=\"text\"><a[^>]*>geos</a></td>(.*?)</tr>",
        html,
        re.S,
    )
    assert row.count("<td>–</td>") == 1


def test_the_best_value_is_bold_and_bifseg_is_not_marked_as_the_user_s(html):
    assert "<b>" in html
    assert not re.search(r'<tr class="front"', html), "all methods of this run are bifseg's own"


def test_a_run_without_the_paper_s_methods_does_not_mention_them(run, tmp_path):
    html = reduced(run, tmp_path, ["geos"])
    for word in (
        "base net",
        "base-net",
        "claim",
        "Replication",
        "Fine-tuning",
        "Forgetting",
        "not enough data",
    ):
        assert word not in html, word
    assert "geos:" in html


def test_a_method_of_the_user_is_marked(run, tmp_path):
    frame = read_scores(run / "scores.parquet")
    frame.loc[frame["method"] == "base-crf", "method"] = "my-model"
    write_scores(frame, tmp_path / "scores.parquet")
    (tmp_path / "cohorts").symlink_to(run / "cohorts")
    shutil.copytree(run / "sessions", tmp_path / "sessions")
    for place in tmp_path.glob("sessions/*/*/base-crf@*"):
        place.rename(place.with_name(place.name.replace("base-crf", "my-model")))
    html = report_without_figures(tmp_path)
    marked = re.findall(
        r'<tr class="front"[^>]*>.*?<td class="text"><a[^>]*>(\S+)</a> <span',
        html,
    )
    assert marked == ["my-model@pnet"]


def test_report_says_how_far_the_played_policy_is_from_people(run, html):
    scores, policy = read_scores(run / "scores.parquet"), "centre-line/1"
    assert f"How far the strokes of {policy} are from people" in html
    assert "is unknown (<code>shift" in html or "is unknown (`shift`" in html
    row = {"policy": policy, "window": "box", "set": "all", "label": "both", "measure": "all"}
    row |= {"n_images": 12, "n_people": 3, "ratio": 1.87, "low": 1.6, "high": 2.3}
    (line,) = shift_lines(scores.assign(policy=policy), pd.DataFrame([row]))
    assert "drawn in the robot's box, are 1.9 [1.6, 2.3] times" in line
    assert shift_lines(scores.assign(policy="recorded"), None) == []


def test_report_states_the_confinement_of_methods(run):
    scores = read_scores(run / "scores.parquet")
    own = scores["method"] == scores["method"].iloc[0]
    line = confinement_line(scores.assign(confinement=own.map({True: "none", False: "landlock-7+seccomp"})))
    assert line.startswith("Methods kept from the truth by landlock-7+seccomp: ")
    assert f"; not kept from the truth by the kernel: {scores['method'].iloc[0]}" in line
    assert confinement_line(scores[:0]) == ""
