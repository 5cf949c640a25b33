"use strict";
// Tables: a click on a header sorts the rows of each group, a word filters them, a button copies LaTeX.
function compareCells(one, other) {
  const [a, b] = [one, other].map((cell) => cell.textContent.trim().replaceAll("−", "-"));
  if (one.classList.contains("text")) return a.localeCompare(b, "en", { numeric: true });
  const [x, y] = [a, b].map((text) => (text === "never" ? Infinity : parseFloat(text.replace(/^[^-\d]+/, ""))));
  return Number.isNaN(x) || Number.isNaN(y) ? Number.isNaN(x) - Number.isNaN(y) : x - y || 0;
}

function sortBy(table, column) {
  const header = table.tHead.rows[0].cells[column];
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    const unknown = (row) => row.cells[column].textContent.trim() === "–";
    rows.sort((one, other) => {
      const order = compareCells(one.cells[column], other.cells[column]);
      return unknown(one) || unknown(other) ? unknown(one) - unknown(other) : down ? -order : order;
    });
    body.append(...rows);
  }
}

function filterRows(table, text) {
  const words = text.toLowerCase().split(/\s+/);
  for (const body of table.tBodies) {
    const heading = body.querySelector("tr.group");
    const rows = [...body.rows].filter((row) => row !== heading);
    for (const row of rows) {
      const content = `${heading ? heading.textContent : ""} ${row.textContent}`.toLowerCase();
      row.hidden = !words.every((word) => content.includes(word));
    }
    if (heading) heading.hidden = rows.every((row) => row.hidden);
  }
}

async function copyText(button) {
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "copied";
  setTimeout(() => (button.textContent = "copy LaTeX"), 1500);
}

for (const table of document.querySelectorAll("table.data")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    header.tabIndex = 0;
    header.title = "sort";
    header.addEventListener("click", () => sortBy(table, column));
    header.addEventListener("keydown", (event) => event.key === "Enter" && sortBy(table, column));
  });
  if (table.querySelectorAll("tbody tr:not(.group)").length > 5) {
    const input = Object.assign(document.createElement("input"), { type: "search", placeholder: "filter rows" });
    input.className = "filter";
    input.setAttribute("aria-label", "filter rows");
    input.addEventListener("input", () => filterRows(table, input.value));
    table.parentElement.before(input);
  }
}
for (const button of document.querySelectorAll("button[data-copy]")) button.addEventListener("click", () => copyText(button));
// Paper shows what is folded on the screen.
const notes = document.querySelectorAll("details.more");
addEventListener("beforeprint", () => notes.forEach((note) => (note.open = true)));
addEventListener("afterprint", () => notes.forEach((note) => (note.open = false)));
