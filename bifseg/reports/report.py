"""The report of a run: one HTML file that needs no other, with tables, figures and pictures of sessions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.names import BASE_NET, PROPOSED, SESSION, SHARED_SCRIBBLES, method_rank
from bifseg.analysis.overview import overview, overview_over_cohorts
from bifseg.analysis.paired import main_network
from bifseg.analysis.run_files import read_metrics
from bifseg.analysis.run_scores import CohortScores, RunScores
from bifseg.analysis.scores import without_mm
from bifseg.analysis.stages import in_step_order
from bifseg.cards.entries import entry_name
from bifseg.cohorts.cohort import Cohort
from bifseg.core.files import read_json, write_text
from bifseg.core.metrics import DEFAULT_TOLERANCE_MM
from bifseg.reports.figures import read_figures
from bifseg.reports.first_screen import first_screen
from bifseg.reports.formats import TEXT, Table, best_cells, present
from bifseg.reports.html import embed, page
from bifseg.reports.paper_claims_page import forgetting_line, read_checks, read_claims
from bifseg.reports.session_pictures import BACKGROUND, FOREGROUND, RESULT, TRUTH, session_picture
from bifseg.reports.tables import read_tables
from bifseg.robot.effort import ASSUMED
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive

_MOST_FAILURES = 50


@dataclass(frozen=True)
class Picture:
    """The picture of a session: where it ranks, its object, and its last step."""

    place: str
    object: str
    dice: float
    step: str
    status: str
    source: str


def write_report(run: Path, date: str | None = None) -> None:
    """Write RUN/report.html from the scores, tables, figures, sessions and cohorts of a run folder.

    Args:
        run: the run's folder, with tables and figures written.
        date: of the report; by default the date of RUN/provenance.json, so that a report that is written again
            is the same.

    Raises:
        InputError: a cohort of the scores is not in the folder.
    """
    html = page("report.html.j2", _content(run, date), rows=_structure_rows)
    write_text(run / "report.html", html)


def _content(run: Path, date: str | None) -> dict[str, Any]:
    played = RunScores.read(run, read_json(run / "tables" / "index.json")["target"])
    scores, tables = played.frame, read_tables(run / "tables")
    figures = read_figures(run / "figures")
    claims = read_claims(run / "tables")
    place = run / "provenance.json"
    provenance = read_json(place) if place.is_file() else {}
    together = overview_over_cohorts(played)
    return {
        "run": run.resolve().name,
        "date": date or provenance.get("written", "")[:10],
        "together": first_screen(together, played.target) if together else None,
        "cohorts": [
            _cohort(run, cohort, tables, figures)
            | {"claims": [claim for claim in claims if claim.cohort == cohort.name]}
            for cohort in played.cohorts
        ],
        "forgetting": forgetting_line(read_checks(run, scores)) if scores["network"].any() else "",
        "confinement": confinement_line(scores),
        "sessions": _count_sessions(scores),
        "failures": _failures(scores),
        "most_failures": _MOST_FAILURES,
        "metrics": read_metrics(run),
        "tolerances": [line for name in sorted(set(scores["cohort"])) for line in _tolerances(run, name)],
        "in_pixels": [str(name) for name, rows in scores.groupby("cohort", sort=True) if without_mm(rows)],
        "user": ASSUMED,
        "provenance": provenance,
        "colours": {"truth": TRUTH, "result": RESULT, "foreground": FOREGROUND, "background": BACKGROUND},
    }


def confinement_line(scores: pd.DataFrame) -> str:
    """A sentence on what kept each entry from the truth.

    Args:
        scores: of the run, with column `confinement`.

    Returns:
        The sentence; empty without scores.
    """
    entry = scores["method"].where(scores["network"] == "", scores["method"] + "@" + scores["network"])
    lines = []
    for means, entries in entry.groupby(scores["confinement"], sort=True):
        names, confined = ", ".join(sorted(set(entries))), str(means).startswith("landlock")
        how = f"kept from the truth by {means}" if confined else "not kept from the truth by the kernel"
        lines.append(f"{how}: {names}")
    return f"Methods {'; '.join(lines)}." if lines else ""


def _cohort(
    run: Path, played: CohortScores, tables: list[Table], figures: list[dict[str, str]]
) -> dict[str, Any]:
    name, scores = played.name, played.frame
    cohort = Cohort.load(run / "cohorts" / name)
    kinds = {kind: table for table in tables if (kind := _kind(table.name, name))}
    screen = first_screen(overview(played), played.run.target)
    hero = _proposed(scores) or screen.first
    replicates = {BASE_NET, PROPOSED} <= set(scores["method"])
    return {
        "screen": screen,
        "replicates_paper": replicates,
        "name": name,
        "simulated": cohort.simulated,
        "dimension": cohort.dimension,
        "seen": cohort.seen,
        "unseen": cohort.unseen,
        "objects": scores["object"].nunique(),
        "cases": scores["case"].nunique(),
        "split": ", ".join(sorted(scores["split"].unique())),
        "methods": sorted(set(scores["method"]), key=method_rank),
        "protocols": sorted(set(scores[["protocol", "policy", "box", "user"]].itertuples(index=False))),
        "networks": _networks(run, name),
        "sessions": _count_sessions(scores),
        "hero": hero[0],
        "stages": _stages(kinds, hero),
        "sentences": [text for text in (_gain_sentence(kinds, hero), _effort_sentence(kinds, hero)) if text],
        # The paper's tables that a run lacks are named only if it replicates the paper.
        "tables": [table for table in kinds.values() if replicates or len(table.frame)],
        "figures": [
            {**figure, "source": embed((run / "figures" / f"{figure['name']}.svg").read_bytes(), "svg+xml")}
            for figure in figures
            if _kind(figure["name"], name)
        ],
        "pictures": _pictures(run, cohort, scores, hero),
    }


def _structure_rows(table: Table) -> dict[str, Any]:
    """Headers, and per structure its name, whether it is seen, and its rows: texts, and which of them are the best."""
    shown, best = present(table.frame), best_cells(table.frame)
    columns = shown.columns.tolist()[2:]
    return {
        "columns": columns,
        "words": [column in TEXT for column in columns],
        "groups": [
            {
                "seen": seen == "seen",
                "structure": structure,
                "rows": [
                    [
                        (text, column in best and best[column][k])
                        for column, text in zip(columns, row, strict=True)
                    ]
                    for k, row in zip(rows.index.tolist(), rows[columns].to_numpy().tolist(), strict=True)
                ],
            }
            for (seen, structure), rows in shown.groupby(["Seen", "Structure"], sort=False)
        ],
    }


def _proposed(scores: pd.DataFrame) -> tuple[str, str] | None:
    """The paper's method on the main network, or on another one; None in a run without it."""
    networks, main = set(scores.loc[scores["method"] == PROPOSED, "network"]), main_network(scores)
    return (PROPOSED, main if main in networks else min(networks)) if networks else None


def _stages(kinds: dict[str, Table], hero: tuple[str, str]) -> list[dict[str, Any]]:
    """Mean Dice (%) of the entry per structure: initial, without and with scribbles."""
    first = _of(kinds["initial"], (BASE_NET, hero[1]))
    first = first if len(first) else _of(kinds["initial"], hero)
    stages = {"initial": first}
    stages |= {name: _of(kinds[name], hero) for name in ("unsupervised", "supervised")}
    by_structure: dict[str, dict[str, Any]] = {}
    for stage, frame in stages.items():
        for row in frame.to_dict("records"):
            entry = by_structure.setdefault(row["structure"], {"seen": row["seen"], "values": []})
            entry["values"].append((stage, f"{100 * row['dice_mean']:.1f}"))
    return [{"structure": structure, **entry} for structure, entry in by_structure.items()]


def _gain_sentence(kinds: dict[str, Table], hero: tuple[str, str]) -> str:
    """Gains over the base net: the range over structures, seen and unseen separately."""
    texts, failed, base = [], 0, ""
    for stage, how in (("unsupervised", "without scribbles"), ("supervised", "with the same scribbles")):
        rows = _of(kinds[f"{stage}-tests"], hero)
        if rows.empty:
            continue
        each = [
            f"{_range(100 * group['difference_mean'], '+.1f')} points on {kind} structures"
            for kind, group in _seen_and_unseen(rows[rows["measure"] == "dice"])
        ]
        network = rows["reference_network"].iloc[0]
        base = entry_name(BASE_NET, network) if network != hero[1] else "the base net"
        texts.append(f"{how} by {_join(each)}")
        failed = max(failed, int(_of(kinds[stage], hero)["failed"].sum()))
    if not texts:
        return ""
    note = (
        f" ({failed} failed {'session counts' if failed == 1 else 'sessions count'} as zero)"
        if failed
        else ""
    )
    return f"Against {base}'s initial result, {hero[0]} changes mean Dice {'; '.join(texts)}{note}."


def _effort_sentence(kinds: dict[str, Table], hero: tuple[str, str]) -> str:
    """How often and how soon the target was reached, seen and unseen separately."""
    frame = _of(kinds["interactions"], hero)
    if frame.empty or frame["reached"].isna().any():  # a target that the protocol does not show
        return ""
    each = []
    for kind, group in _seen_and_unseen(frame):
        medians = group["round_median"].replace(np.inf, np.nan).dropna()
        median = (
            f"median {_range(medians, 'g')} rounds" if len(medians) == len(group) else "median not reached"
        )
        each.append(
            f"{group['reached'].sum():.0f} of {group['n'].sum()} sessions on {kind} structures ({median})"
        )
    goal = kinds["interactions"].title.removeprefix("Interactions to ")
    return f"Corrected on its own errors, it reached {goal} in {_join(each)}."


def _seen_and_unseen(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for kind, rows in (("seen", frame[frame["seen"]]), ("unseen", frame[~frame["seen"]])):
        if len(rows):
            yield kind, rows


def _range(values: pd.Series, form: str) -> str:
    low, high = (format(value, form).replace("-", "−") for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def _pictures(
    run: Path, cohort: Cohort, scores: pd.DataFrame, hero: tuple[str, str]
) -> dict[tuple[str, bool], list[Picture]]:
    """Best, median and worst session per (structure, seen) by the last Dice, under one protocol."""
    rows = in_step_order(scores[(scores["method"] == hero[0]) & (scores["network"] == hero[1])])
    protocol = SHARED_SCRIBBLES if SHARED_SCRIBBLES in set(rows["protocol"]) else min(rows["protocol"])
    last = rows[rows["protocol"] == protocol].groupby(SESSION).tail(1)
    entry = run / "sessions" / cohort.name / protocol / entry_name(*hero)
    pictures = {}
    for (unseen, structure), group in last.groupby([~last["seen"], "structure"], sort=True):
        ranked = group.sort_values(["dice", "object"], ascending=[False, True])
        pictures[str(structure), not unseen] = [
            _picture(place, row, cohort, entry) for place, row in _best_median_worst(ranked)
        ]
    return pictures


def _best_median_worst(ranked: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Places and rows of sessions ranked from the best; fewer than three sessions are shown once each."""
    rows = ranked.to_dict("records")
    places = {0: "best", (len(rows) - 1) // 2: "median", len(rows) - 1: "worst"} | {0: "best"}
    for k, place in sorted(places.items()):
        yield place, {str(key): value for key, value in rows[k].items()}


def _picture(place: str, row: dict[str, Any], cohort: Cohort, entry: Path) -> Picture:
    played = cohort.object(row["object"])
    png = session_picture(
        cohort.image(played),
        cohort.truth(played),
        Archive(entry).load(Trial(row["object"], row["replicate"]).session),
    )
    return Picture(place, row["object"], row["dice"], row["step"], row["status"], embed(png, "png"))


def _networks(run: Path, cohort: str) -> list[dict[str, Any]]:
    cards = {path.parent.name: read_json(path) for path in sorted(run.glob(f"networks/{cohort}/*/card.json"))}
    return [{"name": name, **card} for name, card in cards.items()]


def _failures(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Every row whose status is not ok, with its reason."""
    keep = ["cohort", "protocol", "method", "network", "object", "step", "status", "error"]
    return [
        {str(key): value for key, value in row.items()}
        for row in scores.loc[scores["status"] != "ok", keep].to_dict("records")
    ]


def _tolerances(run: Path, name: str) -> Iterator[str]:
    """The tolerance of NSD for each structure of a cohort, with its source."""
    cohort = Cohort.load(run / "cohorts" / name)
    for structure in (*cohort.seen, *cohort.unseen):
        tolerance = cohort.nsd_tolerance(structure)
        reason = "our default" if tolerance == DEFAULT_TOLERANCE_MM else "from the cohort card"
        yield f"{name}, {structure.replace('_', ' ')}: {tolerance:g} mm ({reason})"


def _count_sessions(scores: pd.DataFrame) -> int:
    return len(scores.drop_duplicates(SESSION))


def _of(table: Table, entry: tuple[str, str]) -> pd.DataFrame:
    """The table's rows of a method with a network."""
    frame = table.frame
    if frame.empty:
        return frame
    of_entry = (frame["method"] == entry[0]) & (frame["network"] == entry[1])
    return frame[of_entry].reset_index(drop=True)


def _kind(name: str, cohort: str) -> str:
    """KIND of COHORT-KIND; empty for another cohort. A cohort may have dashes, a kind only that of `-tests`."""
    stem = name.removesuffix("-tests").rpartition("-")[0]
    return name.removeprefix(f"{cohort}-") if stem == cohort else ""


def _join(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
