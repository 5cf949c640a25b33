import base64
import io
import re
from html.parser import HTMLParser

import pytest
from fake_run import fake_cohort, fake_run
from PIL import Image as Picture

from bifseg.figures import write_figures
from bifseg.report import write_report
from bifseg.scoring import read_scores, write_scores
from bifseg.tables import write_tables


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "demo"
    fake_run(folder, [fake_cohort(folder / "cohorts" / "fake2d")], rounds=2)
    write_tables(folder)
    write_figures(folder)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def html(run):
    return (run / "report.html").read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Collects links and checks that tags are closed in order."""

    EMPTY = frozenset({"meta", "img", "br", "link"})

    def __init__(self):
        super().__init__()
        self.sources, self.ids, self.open = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.sources += [value for key, value in attrs if key in ("src", "href")]
        self.ids |= {value for key, value in attrs if key == "id"}
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(html):
    reader = Reader()
    reader.feed(html)
    return reader


def test_report_needs_no_other_file(html, page):
    assert page.sources
    assert all(source.startswith(("data:image/", "#")) for source in page.sources)
    assert not re.search(r"@import|url\(|<script|<link", html)


def test_html_is_well_formed_and_its_links_have_targets(page):
    assert page.open == []
    assert {source[1:] for source in page.sources if source.startswith("#")} <= page.ids


def test_pictures_are_best_median_and_worst_of_each_structure(html, page):
    pngs = [source for source in page.sources if source.startswith("data:image/png")]
    assert len(pngs) == 2 * 3
    for source in pngs:
        Picture.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).verify()
    assert re.findall(r"<figcaption><b>(\w+)</b>", html) == ["best", "median", "worst"] * 2


def test_report_says_that_the_cohort_is_simulated(html):
    assert "Simulated data." in html
    assert 'class="badge simulated"' in html


def test_report_of_real_images_does_not(run, html):
    about = (run / "cohorts/fake2d/cohort.json").read_text()
    (run / "cohorts/fake2d/cohort.json").write_text(about.replace('"simulated": true', '"simulated": false'))
    try:
        write_report(run)
        assert "Simulated data." not in (run / "report.html").read_text()
    finally:
        (run / "cohorts/fake2d/cohort.json").write_text(about)
        write_report(run)
    assert (run / "report.html").read_text() == html  # and a report written again is the same


def test_failures_are_listed_with_their_reasons_escaped(html):
    assert "round-1: OutOfMemoryError: no memory &lt;left&gt; &amp; none to come" in html
    assert "2 without a normal end" in html  # one under either protocol


def test_numbers_of_the_tables_are_in_the_report(run, html):
    shown = (run / "tables/fake2d-unsupervised.md").read_text()
    numbers = re.findall(r"\d+\.\d ± \d+\.\d", shown)
    assert numbers
    assert all(number in html for number in numbers)


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


def test_run_without_bifseg_shows_the_last_method_and_takes_a_date(run, tmp_path):
    frame = read_scores(run / "scores.parquet")
    write_scores(frame[frame["method"].isin(["base-net", "bifseg-w"])], tmp_path / "scores.parquet")
    for name in ("cohorts", "sessions"):
        (tmp_path / name).symlink_to(run / name)
    write_tables(tmp_path)
    write_figures(tmp_path)
    write_report(tmp_path, date="1999-12-31")
    html = (tmp_path / "report.html").read_text()
    assert "Sessions of bifseg-w" in html
    assert "no failures" in html
    assert "1999-12-31" in html
