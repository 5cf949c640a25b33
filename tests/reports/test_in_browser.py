"""The report in a real browser: sort, filter, copy, open sessions, step; phone and print."""

import pytest
from fake_run import fake_cohort, fake_run
from headless import CHROMIUM, pages_of_pdf, play

from bifseg.reports.figures import write_figures
from bifseg.reports.report import write_report
from bifseg.reports.tables import write_tables

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "demo"
    fake_run(folder, [fake_cohort(folder / "cohorts" / "fake2d")], rounds=2, tools=("geos",))
    write_tables(folder)
    write_figures(folder)
    write_report(folder)
    return (folder / "report.html").read_text()


def test_a_click_on_a_header_sorts_and_a_second_one_turns_the_order(html, tmp_path):
    ascending, descending, marked = play(
        html,
        """
        const table = document.querySelector("table.data");
        const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.startsWith("Final Dice"));
        const numbers = () => [...table.tBodies[0].rows].map((row) => parseFloat(row.cells[column].textContent));
        const header = table.tHead.rows[0].cells[column];
        header.click();
        const up = numbers();
        header.click();
        return [up, numbers(), header.getAttribute("aria-sort")];
        """,
        tmp_path,
    )
    assert ascending == sorted(ascending)
    assert descending == ascending[::-1]
    assert marked == "descending"


def test_a_word_filters_rows_and_their_headings(html, tmp_path):
    shown = play(
        html,
        """
        const input = document.querySelector("h3 ~ input.filter, h3 + p + input.filter");
        const table = input.nextElementSibling.querySelector("table");
        input.value = "square bifseg-w";
        input.dispatchEvent(new Event("input"));
        const rows = [...table.querySelectorAll("tbody tr")];
        return rows.filter((row) => !row.hidden).map((row) => row.textContent.trim());
        """,
        tmp_path,
    )
    assert len(shown) == 2
    assert shown[0].startswith("fake square")
    assert shown[1].startswith("bifseg-w")


def test_two_clicks_lead_from_a_table_to_the_picture_of_the_worst_session(html, tmp_path):
    """One click on an entry opens its worst session; its result, truth and strokes can be stepped through."""
    title, count, step, changed, coloured = play(
        html,
        """
        const canvas = document.getElementById("picture");
        const picture = () => canvas.toDataURL();
        document.querySelector("tr[data-entry='bifseg@pnet'] td").click();
        await later(1500);
        const first = picture();
        const title = document.getElementById("session-title").textContent;
        const slider = document.getElementById("step");
        slider.value = 0;
        slider.dispatchEvent(new Event("input"));
        const second = picture();
        document.getElementById("show-truth").click();
        const third = picture();
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let coloured = false;
        for (let k = 0; k < pixels.length; k += 4) coloured ||= pixels[k] !== pixels[k + 2];
        const text = (id) => document.getElementById(id).textContent;
        return [title, text("count"), text("step-text"), first !== second && second !== third, coloured];
        """,
        tmp_path,
    )
    assert title.startswith("bifseg@pnet on case")
    assert count.startswith("8 of ")
    assert step.startswith("initial: Dice ")
    assert changed
    assert coloured, "the outline of the result"


def test_sessions_are_filtered_by_outcome(html, tmp_path):
    failed, text = play(
        html,
        """
        const outcome = document.getElementById("outcome");
        outcome.value = "failed";
        outcome.dispatchEvent(new Event("change"));
        document.querySelector("#list button").click();
        await later(1500);
        return [document.getElementById("count").textContent, document.getElementById("session-text").textContent];
        """,
        tmp_path,
    )
    assert failed.startswith("2 of ")
    assert "OutOfMemoryError: no memory <left> & none to come" in text


def test_latex_is_copied_as_it_was_written(html, tmp_path):
    copied = play(
        html,
        """
        const button = document.querySelector("button[data-copy]");
        let copied = "";
        document.addEventListener("copy", () => (copied = document.activeElement.value ?? ""));
        navigator.clipboard.writeText = async (text) => { copied = text; };
        button.click();
        await later(100);
        return copied;
        """,
        tmp_path,
    )
    assert copied.startswith("\\begin{table}")
    assert "\\bottomrule" in copied


@pytest.mark.parametrize("width", [500, 1280])
def test_no_width_makes_the_page_scroll_sideways(html, tmp_path, width):
    assert play(html, "return document.documentElement.scrollWidth - innerWidth;", tmp_path, width) <= 0


def test_it_prints_on_few_pages(html, tmp_path):
    assert 2 <= pages_of_pdf(html, tmp_path) < 20
