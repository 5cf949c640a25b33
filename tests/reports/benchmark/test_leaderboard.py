import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from html_reader import Reader

from bifseg.cards.entries import entry_name
from bifseg.core.errors import InputError
from bifseg.reports.benchmark.columns import COLUMNS
from bifseg.reports.benchmark.entry_pages import entry_file
from bifseg.reports.benchmark.history import append_run
from bifseg.reports.benchmark.journal import append, read
from bifseg.reports.benchmark.leaderboard import _by_structure, _rank_intervals, write_leaderboard

PAGE, FOLDER = "leaderboard.html", "leaderboard-entries"


@pytest.fixture(scope="module")
def history(runs, tmp_path_factory):
    """Two runs; in the second `bifseg` is worse. One of its sessions fails in both."""
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    for run in runs:
        append_run(run, path, 0.9)
    return path


@pytest.fixture(scope="module")
def html(history):
    write_leaderboard(history, history.with_name(PAGE))
    return history.with_name(PAGE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Reader(html)


def test_page_needs_no_other_file_but_those_of_its_entries(history, html, page):
    pages = {link for link in page.links if link.startswith(f"{FOLDER}/")}
    assert all(
        history.with_name(PAGE).with_name(FOLDER).joinpath(Path(name).name).is_file() for name in pages
    )
    rest = set(page.links) - pages
    assert rest
    assert all(link.startswith(("data:image/svg+xml;base64,", "data:text/csv;", "#")) for link in rest)
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert "<script src" not in html
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@import" not in html


def test_entries_of_few_patients_have_no_rank(html, page):
    heads = [row for row in page.rows if row[:2] == ["Rank", "Entry"]]
    assert len(heads) == 2  # two protocols
    rows = [row for row in page.rows if row[1:2] == ["bifseg@pnet"] and row[0] == "–"]
    assert rows
    assert {row[0] for row in rows} == {"–"}  # four patients
    assert "too few patients to rank" in html
    assert heads[0][3] == "Prompts to 90%"  # own-scribbles: what the place is by
    assert heads[1][3] == "Dice (%)"


def test_newest_run_is_shown(page):
    newest = {row[-1] for row in page.rows if row[1:2] == ["bifseg@pnet"] and row[0] == "–"}
    assert newest == {"2026-01-02 [abc123]"}


def test_failed_sessions_are_marked_and_explained(html, page):
    assert '<a href="#failures">sessions have failed</a>' in html
    assert '<td class="failure">1 of 4</td>' in html
    assert "<td>1 of 4</td>" in html
    reasons = [row for row in page.rows if "no memory <left>" in row[-1]]
    assert len(reasons) == 4  # two runs, two protocols
    assert "A red cross marks a run with failed sessions" in html


def test_simulated_cohorts_are_labelled(html):
    assert "<b>Simulated data.</b> The images of fake2d were made by a simulator." in html
    assert html.count(">simulated</span>") >= 3  # the cohort and its protocols
    assert html.count("Simulated images.") == html.count('<figure class="plate">')


def test_curves_of_dice_rounds_and_speed(html, page):
    assert sum(link.startswith("data:image/svg+xml") for link in page.links) == 5  # shared has no rounds
    for title in ("Dice over time", "Rounds over time", "Speed over time"):
        assert title in html


def test_every_entry_links_to_its_history(html, page):
    link = f'<a href="{FOLDER}/bifseg@pnet.html">bifseg@pnet</a>'
    assert html.count(link) == 5  # two protocols and structures, and the list of entries
    assert html.count("-entries/") == len(re.findall(r'href="[^"]*-entries/[\w.@-]+\.html"', html))


def test_no_two_entries_share_a_page():
    assert entry_file("bifseg@pnet") != entry_file("bifseg-pnet")


def of_entry(history, method):
    """The records of a method that has one entry."""
    return [record for record in read(history) if record["method"] == method]


def test_an_entry_has_a_page_with_every_version(history, tmp_path):
    """The second record has other data: it is listed and not drawn."""
    path = tmp_path / "history.jsonl"
    first, *_ = read(history)
    other = {"fake2d": first["cohorts"]["fake2d"] | {"data": "other"}}
    old = first | {"when": "2025-01-01T00:00:00", "fingerprint": "x", "cohorts": other}
    name = entry_name(first["method"], first["network"])
    append(path, [*of_entry(history, first["method"]), old])
    write_leaderboard(path, tmp_path / "board.html")
    html = (tmp_path / "board-entries" / entry_file(name)).read_text()
    rows = [row for row in Reader(html).rows if row[0][:2] == "20"]
    days = sorted({row[0][:10] for row in rows}, reverse=True)
    assert days == ["2026-01-02", "2026-01-01", "2025-01-01"]
    assert {row[-1] for row in rows if row[0][:4] == "2025"} == {"other data or rules"}
    assert {row[-1] for row in rows if row[0][:4] == "2026"} == {"yes"}
    assert '<a href="../board.html">Leaderboard</a>' in html
    assert "3 scored versions, 2025-01-01 to 2026-01-02" in html
    assert "[" in rows[0][3], "a number with its interval"
    assert html.count('<figure class="plate">') == 3  # Dice under two protocols, prompts under one


def test_rank_intervals_by_hand():
    rows = [{"rank": rank, "group": group} for rank, group in ((1, "a"), (2, "ab"), (3, "b"), (4, "c"))]
    assert _rank_intervals(rows) == ["1 [1–2]", "2 [1–3]", "3 [2–3]", "4 [4–4]"]
    assert _rank_intervals([{"rank": 1, "group": ""}]) == ["–"]


def test_entries_that_were_trained_on_its_patients_are_ranked_apart():
    known = {
        "a": ("seen structure", 1),
        "b": ("unseen", 2),
        "c": ("unknown", 4),
        "d": ("seen patient, unseen", 3),
    }
    now = pd.DataFrame(
        {
            "structure": "lungs",
            "seen": True,
            "method": name,
            "network": "",
            "exposure": text,
            "rank": rank,
            "group": "x",
        }
        for name, (text, rank) in known.items()
    )
    clean, trained = _by_structure(now)
    assert (clean[0], trained[0]) == ("lungs", "lungs, entries trained on these patients")
    assert [[row["method"] for row in part[2]] for part in (clean, trained)] == [["a", "b", "c"], ["d"]]
    assert _rank_intervals(clean[2]) == ["1 [1–3]", "2 [1–3]", "3 [1–3]"]
    assert _rank_intervals(trained[2]) == ["1 [1–1]"]


def test_each_row_states_the_training_exposure_of_its_entry(page):
    shown = {(row[1], row[2]) for row in page.rows if row[0] == "–" and len(row) > 5}
    assert {("geos", "unseen"), ("bifseg@pnet", "seen structure"), ("bifseg@pnet", "unseen")} <= shown


def test_one_run_has_no_curves(history, tmp_path):
    append(tmp_path / "history.jsonl", [record for record in read(history) if record["run"] == "one"])
    write_leaderboard(tmp_path / "history.jsonl", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "Curves over time appear after the second run." in text
    assert "<figure" not in text


def test_same_history_gives_the_same_page(history, html, tmp_path):
    write_leaderboard(history, tmp_path / PAGE)
    assert (tmp_path / PAGE).read_text() == html


def test_an_entry_without_stored_sessions_has_a_dash_as_rank(history, tmp_path):
    append(tmp_path / "history.jsonl", of_entry(history, "geos")[:1])
    write_leaderboard(tmp_path / "history.jsonl", tmp_path / "page.html")
    page = Reader((tmp_path / "page.html").read_text())
    ranks = {row[0].strip() for row in page.rows if row[1:2] == ["geos"]}
    assert ranks == {"–"}
    note = "Not ranked, since their sessions are not in the folder beside the history: geos."
    assert note in (tmp_path / "page.html").read_text()


def test_names_are_escaped(history, tmp_path):
    path = tmp_path / "history.jsonl"
    one = read(history)[0]
    append(path, [one, one | {"method": "<script>alert(1)</script>", "fingerprint": "x"}])
    write_leaderboard(path, tmp_path / "page.html")
    assert "<script>alert" not in (tmp_path / "page.html").read_text()


def test_the_page_of_an_entry_that_was_withdrawn_is_removed(history, tmp_path):
    path, folder = tmp_path / "history.jsonl", tmp_path / "page-entries"
    append(path, of_entry(history, "geos")[:1])
    write_leaderboard(path, tmp_path / "page.html")
    (folder / "geos.html").rename(folder / "geos-v2.html")
    (folder / "about.html").write_text("the user's own page")
    write_leaderboard(path, tmp_path / "page.html")
    assert {one.name for one in folder.iterdir()} == {"geos.html", "about.html"}


def test_links_hold_whatever_the_name_of_the_page(history, tmp_path):
    append(tmp_path / "history.jsonl", of_entry(history, "geos")[:1])
    write_leaderboard(tmp_path / "history.jsonl", tmp_path / "board #1.html")
    (link,) = {one for one in Reader((tmp_path / "board #1.html").read_text()).links if "-entries" in one}
    assert link == "board%20%231-entries/geos.html"
    entry = Reader((tmp_path / "board #1-entries/geos.html").read_text())
    assert "../board%20%231.html" in entry.links


def test_the_page_does_not_take_the_place_of_its_history(history):
    with pytest.raises(InputError, match=r"history\.jsonl: is a page in HTML"):
        write_leaderboard(history, history)
    assert read(history)


def test_no_history_is_bad_input_and_writes_nothing(tmp_path):
    out = tmp_path / "page.html"
    with pytest.raises(InputError, match="cannot be read"):
        write_leaderboard(tmp_path / "history.jsonl", out)
    (tmp_path / "history.jsonl").touch()
    with pytest.raises(InputError, match=r"holds no run yet; run `bifseg history append`"):
        write_leaderboard(tmp_path / "history.jsonl", out)
    assert not out.exists()


def test_the_best_mean_is_the_highest_share_and_the_lowest_effort():
    rows = [{"dice_mean": dice, "prompts_mean": 3.0} for dice in (0.8, 0.9, float("nan"))]
    columns = {column.measure: column for column in COLUMNS}
    assert columns["dice"].best(rows) == 0.9
    assert np.isnan(columns["prompts"].best(rows)), "all are equal"
    rows[0]["prompts_mean"] = 2.0
    assert columns["prompts"].best(rows) == 2.0
