"""The report of a run: one HTML file that needs no other, with tables, figures and pictures of sessions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from bifseg.analysis.names import SESSION, entry_names, method_rank
from bifseg.analysis.overview import Overview, overview, overview_over_cohorts
from bifseg.analysis.protocol_roles import ProtocolRoles
from bifseg.analysis.run_files import read_metrics, read_provenance
from bifseg.analysis.run_scores import CohortScores, RunScores
from bifseg.analysis.scores import without_mm
from bifseg.analysis.stages import count_failed
from bifseg.analysis.user_shift import read_shift, shift_line
from bifseg.cohorts.cohort import Cohort
from bifseg.core.files import read_needed, read_record, write_text
from bifseg.core.metrics import DEFAULT_TOLERANCE_MM
from bifseg.core.sandbox import hides_truth
from bifseg.core.wording import counted
from bifseg.reports.checklist import checklist, left_out, limits, machines_text
from bifseg.reports.colours import BACKGROUND, FOREGROUND, RESULT, TRUTH
from bifseg.reports.figure_index import read_figures
from bifseg.reports.first_screen import first_screen, summary_text
from bifseg.reports.formats import Table
from bifseg.reports.html import embed, page
from bifseg.reports.paper_claims_page import forgetting_line, read_checks, read_claims
from bifseg.reports.published_checklists import not_asked
from bifseg.reports.reader_tables import (
    cohort_table,
    last_rows,
    object_facts,
    object_table,
    power_table,
    strata,
    worst_cases,
)
from bifseg.reports.replication import replication
from bifseg.reports.session_pack import pack_sessions
from bifseg.reports.shown_table import shown_table, with_files
from bifseg.reports.tables import read_tables
from bifseg.robot.effort import ASSUMED

_MOST_FAILURES = 50
RECORDED = "recorded"
"""Policy of sessions that replay people's strokes."""
COLOURS = {"truth": TRUTH, "result": RESULT, "foreground": FOREGROUND, "background": BACKGROUND}


def pack_cohorts(run: Path, scores: RunScores) -> dict[str, dict[str, Any]]:
    """The packed sessions of a run, which take a third of the report's time and need no table.

    Args:
        run: the run's folder.
        scores: of the run.

    Returns:
        Packs of `pack_sessions` by cohort.

    Raises:
        InputError: a cohort of the scores is not in the folder, or a session is missing.
    """
    return {
        cohort.name: pack_sessions(run, Cohort.load(run / "cohorts" / cohort.name), cohort.frame)
        for cohort in scores.cohorts
    }


def write_report(
    run: Path,
    date: str | None = None,
    scores: RunScores | None = None,
    packs: dict[str, dict[str, Any]] | None = None,
) -> int:
    """Write RUN/report.html and RUN/summary.txt from scores, tables, figures, sessions and cohorts of a run folder.

    Args:
        run: the run's folder, with tables and figures written.
        date: of the report; by default the date of RUN/provenance.json, so that a report that is written again
            is the same.
        scores: of the run with the target of the tables; None: they are read.
        packs: of `pack_cohorts`; None: they are made.

    Returns:
        Number of sessions that failed.

    Raises:
        InputError: a cohort of the scores is not in the folder.
    """
    played = scores or RunScores.read(run, read_needed(run / "tables" / "index.json", "target")["target"])
    together = overview_over_cohorts(played)
    first = together or overview(played.cohorts[0])
    text = summary_text(first, played.target, played.simulated)
    if failed := count_failed(played.every_row):
        text += f"{counted(failed, 'session')} failed: `bifseg status` says why, `bifseg retry` tries again\n"
    write_text(run / "summary.txt", text)
    write_text(
        run / "report.html",
        page("report.html.j2", _content(run, date, played, together, packs or pack_cohorts(run, played))),
    )
    return failed


def _content(
    run: Path,
    date: str | None,
    played: RunScores,
    together: Overview | None,
    packs: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    scores, tables = played.frame, read_tables(run / "tables")
    figures = read_figures(run / "figures")
    claims, metrics = read_claims(run / "tables"), read_metrics(run)
    provenance = read_provenance(run)
    shift = _shift_table(provenance)
    cohorts = {cohort.name: Cohort.load(run / "cohorts" / cohort.name) for cohort in played.cohorts}
    every = played.every_row
    disturbances = sorted(set(every["disturbance"].unique()) - {""})
    items = checklist(every, cohorts.values(), metrics, provenance, disturbances)
    return {
        "run": run.resolve().name,
        "date": date or provenance.get("written", "")[:10],
        "together": first_screen(together, played.target) if together else None,
        "cohorts": [
            _cohort(run, cohort, cohorts[cohort.name], tables, figures, packs[cohort.name])
            | {"claims": [claim for claim in claims if claim.cohort == cohort.name]}
            | {"shift": shift_lines(cohort.frame, shift)}
            for cohort in played.cohorts
        ],
        "forgetting": forgetting_line(read_checks(run, scores)) if (scores["network"] != "").any() else "",
        "confinement": confinement_line(scores),
        "training": training_line(run),
        "sessions": _count_sessions(every),
        "failures": _failures(every),
        "most_failures": _MOST_FAILURES,
        "metrics": metrics,
        "tolerances": [line for cohort in cohorts.values() for line in _tolerances(cohort)],
        "in_pixels": [str(name) for name, rows in scores.groupby("cohort", sort=True) if without_mm(rows)],
        "user": ASSUMED,
        "limits": limits(scores, cohorts.values(), provenance.get("networks") or {}),
        "checklist": items,
        "not_asked": not_asked(item.lists for item in items),
        "provenance": provenance,
        "machines": machines_text(provenance),
        "every_session": all(len(pack["sessions"]) == pack["all"] for pack in packs.values()),
        "pack": {
            "target": played.target,
            "goals": {name: rule.goal(played.target) for name, rule in played.rules.items()},
            "colours": COLOURS,
            "cohorts": [{"name": name} | pack for name, pack in packs.items()],
        },
    }


def _shift_table(provenance: dict[str, Any]) -> pd.DataFrame | None:
    """The table of `bifseg robot shift` that the run's configuration names; None if it names none."""
    path = (provenance.get("config") or {}).get("shift")
    return read_shift(Path(path)) if path else None


def shift_lines(scores: pd.DataFrame, table: pd.DataFrame | None) -> list[str]:
    """How far the strokes of each played policy are from people's.

    Args:
        scores: of the cohort.
        table: rows of `shift_table`; None if the run's configuration names no file of `bifseg robot shift`.

    Returns:
        A sentence a policy; none for people's own strokes.
    """
    return [shift_line(name, table) for name in sorted(set(scores["policy"].unique()) - {RECORDED, ""})]


def seeds_line(scores: pd.DataFrame) -> str:
    """How many seeds the networks of a cohort were trained from, and what that leaves unknown.

    Args:
        scores: of the cohort.

    Returns:
        A few words; empty without networks.
    """
    trained = scores[scores["network"] != ""]
    seeds = trained.groupby("network")["training_seed"].nunique()
    if seeds.empty:
        return ""
    if seeds.max() == 1:
        return "one: variance of training not measured"
    each = ", ".join(f"{network} {number}" for network, number in seeds.items())
    return f"{each}; tables show means over seeds, and their spread apart from that of patients"


def training_line(run: Path) -> str:
    """A sentence on what each network of a run was trained on.

    Args:
        run: RESULTS/RUN.

    Returns:
        The sentence; empty without networks.
    """
    lines = []
    for path in sorted(run.glob("networks/*/*/card.json")):
        data = read_record(path).get("trained_on", "unknown")
        if isinstance(data, dict):
            patients, structures = data.get("patients"), data.get("structures")
            patients_text = "unknown patients" if patients is None else counted(len(patients), "patient")
            structures_text = (
                "unknown structures" if structures is None else ", ".join(structures).replace("_", " ")
            )
            data = f"{', '.join(data.get('datasets', [])) or 'unnamed data'} ({patients_text}; {structures_text})"
        lines.append(f"{path.parent.name} on {data}")
    return f"Networks were trained: {'; '.join(lines)}." if lines else ""


def confinement_line(scores: pd.DataFrame) -> str:
    """A sentence on what kept each entry from the truth.

    Args:
        scores: of the run, with column `confinement`.

    Returns:
        The sentence; empty without scores.
    """
    lines = []
    for means, rows in scores[["confinement", "method", "network"]].drop_duplicates().groupby("confinement"):
        names, confined = ", ".join(entry_names(rows)), hides_truth(str(means))
        how = f"kept from the truth by {means}" if confined else "not kept from the truth by the kernel"
        lines.append(f"{how}: {names}")
    return f"Methods {'; '.join(lines)}." if lines else ""


def _cohort(
    run: Path,
    played: CohortScores,
    cohort: Cohort,
    tables: list[Table],
    figures: list[dict[str, str]],
    pack: dict[str, Any],
) -> dict[str, Any]:
    """What the template shows of a cohort."""
    name, cohorts = played.name, [other.name for other in played.run.cohorts]
    kinds = {kind: table for table in tables if (kind := _kind(table.name, name, cohorts))}
    summary, roles, folder = overview(played), played.run.roles, run / "tables"
    return {
        **_facts(run, played, cohort),
        **_for_readers(played, cohort, summary, pack),
        "screen": first_screen(summary, played.run.target),
        "protocol": summary.protocol,
        "replication": replication(played.frame, kinds),
        "tables": [
            {
                "name": table.name,
                "title": table.title,
                "caption": table.caption,
                "shown": shown_table(table, folder, name, table_protocol(kind, roles), roles.users),
            }
            for kind, table in kinds.items()
            if len(table.frame)
        ],
        "figures": [
            {**figure, "source": embed((run / "figures" / f"{figure['name']}.svg").read_bytes(), "svg+xml")}
            for figure in figures
            if _kind(figure["name"], name, cohorts)
        ],
    }


def _facts(run: Path, played: CohortScores, cohort: Cohort) -> dict[str, Any]:
    """Names and numbers of a cohort and of what was played on it."""
    scores = played.frame
    return {
        "name": played.name,
        "source": cohort.source,
        "licence": cohort.licence,
        "left_out": left_out(cohort),
        "simulated": cohort.simulated,
        "dimension": cohort.dimension,
        "seen": cohort.seen,
        "unseen": cohort.unseen,
        "objects": scores["object"].nunique(),
        "cases": scores["case"].nunique(),
        "split": ", ".join(sorted(scores["split"].unique())),
        "methods": sorted(set(scores["method"]), key=method_rank),
        "protocols": sorted(set(scores[["protocol", "policy", "box", "user"]].itertuples(index=False))),
        "networks": _networks(run, played.name),
        "training_seeds": seeds_line(scores),
        "sessions": _count_sessions(scores),
    }


def _for_readers(
    played: CohortScores, cohort: Cohort, summary: Overview, pack: dict[str, Any]
) -> dict[str, Any]:
    """The tables of `reader_tables`, each with its files or None, and the number of raters."""
    name, last = played.name, last_rows(played, summary.protocol)
    facts = object_facts(cohort, played.frame, pack)
    best = summary.frame.iloc[0]
    shown = {
        "cohort_table": cohort_table(facts),
        "worst": worst_cases(last, name),
        "strata": strata(last, facts, name),
        "power": power_table(last, (best["method"], best["network"])),
        "object_table": object_table(last, facts, name),
    }
    files = {key: table and with_files(table, f"{name}-{key}") for key, table in shown.items()}
    return {**files, "raters": int(facts["raters"].max())}


def table_protocol(kind: str, roles: ProtocolRoles) -> str:
    """The protocol whose sessions a table shows.

    Args:
        kind: the table's name without its cohort's, such as `tools-tests` or `gains-PROTOCOL`.
        roles: of the run's protocols.

    Returns:
        The name; empty for a table of several protocols.
    """
    if kind.startswith("gains-"):
        return kind.removeprefix("gains-")
    others = {"supervised": roles.shared, "targets": roles.widest}
    others |= dict.fromkeys(("initial", "unsupervised", "users", "robustness"), "")
    return others.get(kind.removesuffix("-tests"), roles.own)


def _networks(run: Path, cohort: str) -> list[dict[str, Any]]:
    cards = {
        path.parent.name: read_record(path) for path in sorted(run.glob(f"networks/{cohort}/*/card.json"))
    }
    return [{"name": name, **card} for name, card in cards.items()]


def _failures(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Every row whose status is not ok, with its reason."""
    keep = ["cohort", "protocol", "method", "network", "object", "step", "status", "error"]
    return [
        {str(key): value for key, value in row.items()}
        for row in scores.loc[scores["status"] != "ok", keep].to_dict("records")
    ]


def _tolerances(cohort: Cohort) -> Iterator[str]:
    """The tolerance of NSD for each structure of a cohort, with its source."""
    for structure in (*cohort.seen, *cohort.unseen):
        tolerance = cohort.nsd_tolerance(structure)
        reason = "our default" if tolerance == DEFAULT_TOLERANCE_MM else "from the cohort card"
        if structure in (cohort.raters_tolerance_mm or {}):
            reason = "median distance of the raters' borders"
        yield f"{cohort.name}, {structure.replace('_', ' ')}: {tolerance:g} mm ({reason})"


def _count_sessions(scores: pd.DataFrame) -> int:
    return len(scores.drop_duplicates(SESSION))


def _kind(name: str, cohort: str, cohorts: Iterable[str]) -> str:
    """KIND of COHORT-KIND; empty for another cohort. Both may have dashes: the longest cohort that fits owns a name."""
    owner = max((known for known in cohorts if name.startswith(f"{known}-")), key=len, default="")
    return name.removeprefix(f"{cohort}-") if owner == cohort else ""
