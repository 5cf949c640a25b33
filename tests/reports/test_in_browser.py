"""The report in a real browser: sort, filter, copy, open sessions, step; phone and print."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from fake_run import fake_cohort, fake_run
from headless import CHROMIUM, pages_of_pdf, play, played_on_phone, screenshot
from scipy.ndimage import gaussian_filter

from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.core.files import write_record
from bifseg.reports.report import write_report
from bifseg.reports.tables import write_tables

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def html(reported):
    return (reported / "report.html").read_text()


def test_a_click_on_a_header_sorts_and_a_second_click_reverses(html, tmp_path):
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
    visible = play(
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
    assert len(visible) == 2
    assert visible[0].startswith("fake square")
    assert visible[1].startswith("bifseg-w")


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


def test_a_row_of_all_cohorts_opens_its_method_s_sessions_of_every_cohort(tmp_path):
    run = tmp_path / "two"
    cohorts = [fake_cohort(run / "cohorts" / name, patients=2) for name in ("fake2d", "more2d")]
    fake_run(run, cohorts, ("pnet", "unet"), rounds=1, tools=("geos",))
    write_tables(run)
    write_record(run / "figures/index.json", {"figures": []})  # the test looks at none
    write_report(run)
    counts = play(
        (run / "report.html").read_text(),
        """
        const counts = [];
        for (const entry of ["bifseg", "geos"]) {
          document.querySelector(`tr[data-entry='${entry}'] a`).click();
          await later(500);
          const value = (id) => document.getElementById(id).value;
          counts.push([document.getElementById("count").textContent, value("cohort"), value("protocol")]);
        }
        return counts;
        """,
        tmp_path,
    )
    objects = 2 * 4
    every = objects * (4 * 2 * 2 + 1)
    assert counts == [
        [f"{objects * 2} of {every} sessions", "", OWN_SCRIBBLES],
        [f"{objects} of {every} sessions", "", OWN_SCRIBBLES],
    ]


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


def test_the_copy_button_copies_the_latex_table(html, tmp_path):
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


_SIDEWAYS = "return document.documentElement.scrollWidth - innerWidth;"


@pytest.mark.parametrize("width", [500, 1280])
def test_no_width_makes_the_page_scroll_sideways(html, tmp_path, width):
    assert play(html, _SIDEWAYS, tmp_path, width) <= 0


def test_a_phone_does_not_scroll_sideways(html, tmp_path):
    width, overflow = played_on_phone(html, f"return [innerWidth, (() => {{ {_SIDEWAYS} }})()];", tmp_path)
    assert width == 390
    assert overflow <= 0


def test_the_phone_check_notices_a_wide_element(html, tmp_path):
    wide = html.replace("<body>", '<body><div style="width:900px">wide</div>', 1)
    assert played_on_phone(wide, _SIDEWAYS, tmp_path) > 100


def _cells(picture):
    """Ink in squares of 40 pixels: enough for the layout, too coarse for a font."""
    rows, columns = (n // 40 for n in picture.shape)
    squares = picture[: 40 * rows, : 40 * columns].reshape(rows, 40, columns, 40)
    return np.abs(squares - np.median(picture)).mean(axis=(1, 3))


LAYOUT = Path(__file__).with_name("layout.json")
_ALIKE = 0.9  # another font gives 0.94 (serif) or 0.96 (monospace), another size 0.998


def _likeness(picture, name):
    """Correlation of the ink of a picture with that of a stored one; BIFSEG_NEW_LAYOUT=1 stores a new one."""
    ink = _cells(picture)
    stored = json.loads(LAYOUT.read_text()) if LAYOUT.exists() else {}
    if os.environ.get("BIFSEG_NEW_LAYOUT"):
        stored[name] = (100 * ink).round().astype(int).tolist()
        LAYOUT.write_text(json.dumps(stored, sort_keys=True) + "\n")
    return np.corrcoef(
        gaussian_filter(ink, 1).ravel(), gaussian_filter(stored[name], 1.0, output=float).ravel()
    )[0, 1]


@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_first_screen_keeps_its_layout(html, tmp_path, name):
    picture = screenshot(html, tmp_path, dark=name == "dark")
    assert (np.median(picture) < 0.3) == (name == "dark")
    assert _likeness(picture, name) > _ALIKE


@pytest.mark.parametrize("fault", ["table {display: none}", "nav {display: none}", "body {direction: rtl}"])
def test_the_layout_check_notices_a_fault(html, tmp_path, fault):
    faulty = html.replace("</style>", f"{fault}</style>", 1)
    assert _likeness(screenshot(faulty, tmp_path), "light") < _ALIKE


def test_the_report_prints_on_few_pages(html, tmp_path):
    assert 2 <= pages_of_pdf(html, tmp_path) < 20
