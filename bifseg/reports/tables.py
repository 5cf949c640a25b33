"""The tables of a run: results, tests, interactions to the target, and their captions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bifseg.analysis.budgets import at_budgets
from bifseg.analysis.gains import GAINS, corrected_protocols, gains
from bifseg.analysis.interactions import counts_at, interactions
from bifseg.analysis.names import BASE_NET, FAILURES, GROUP, PROPOSED, method_label
from bifseg.analysis.paired import compare_all, main_network, rankings, with_fewer_by_structure
from bifseg.analysis.paper_claims import claims
from bifseg.analysis.raters import agreements, beside_raters
from bifseg.analysis.robustness import robustness
from bifseg.analysis.run_scores import CohortScores, RunScores
from bifseg.analysis.scores import without_mm
from bifseg.analysis.stages import adapted_rows, initial_rows, replicates, results, training_seeds
from bifseg.analysis.user_levels import by_user
from bifseg.core.files import check_hash, file_hash, read_needed, write_record, writing_folder
from bifseg.core.metrics import known
from bifseg.reports.caption_notes import (
    BUDGETS_CAPTION,
    RATERS_CAPTION,
    REPLICATES_CAPTION,
    SEEDS_CAPTION,
    other_objects,
    too_few,
    unequal,
    unlike,
)
from bifseg.reports.exposure_column import with_exposure
from bifseg.reports.formats import Table, write_table
from bifseg.reports.paper_claims_page import read_checks, write_claims
from bifseg.reports.robustness import robustness_caption, robustness_title


@dataclass(frozen=True)
class _Question:
    """One table of results; in its texts, {shared} and {own} are protocols and {goal} is the target.

    Attributes:
        title: of the table.
        caption: what the numbers are, and over which sessions.
        reference: the method, on the main network, with which the others are compared.
        effort: columns of effort and time that follow the metrics.
        tested_effort: the columns of effort that are compared; metrics always are.
        needs: the sessions without which the table is empty.
    """

    title: str
    caption: str
    reference: str
    needs: str
    effort: tuple[str, ...] = ()
    tested_effort: tuple[str, ...] = ()


_BASE_NET_WORDS = {
    "repeated": "methods that begin with their base net's result are not repeated; ",
    "no_scribbles": "A base net takes no scribbles: it reaches the target with its initial result or never. ",
}
"""Parts of captions that only a run with base nets needs."""
_MEANS = "Mean ± standard deviation over n sessions."
_QUESTIONS = {
    "initial": _Question(
        "Initial results",
        f"{_MEANS} The result inside the box, before any adaptation; {{repeated}}methods that start from scribbles "
        "have none.",
        BASE_NET,
        "methods that begin with a box",
    ),
    "unsupervised": _Question(
        "Without scribbles",
        f"{_MEANS} The last result before any scribbles; for a base net, its initial result.",
        BASE_NET,
        "methods that adapt",
    ),
    "supervised": _Question(
        "With the same scribbles",
        f"{_MEANS} The last result under {{shared}}: every method of a network gets the scribbles that were "
        "drawn on its base net's initial result. A base net takes no scribbles: its initial result is shown.",
        BASE_NET,
        "methods that adapt under {shared}",
    ),
    "tools": _Question(
        "All tools on their own errors",
        "Under {own}, when the session ended: metrics, rounds, prompts, strokes, user time (predicted) and machine "
        "time, mean ± standard deviation over n sessions, whether or not they reached a Dice of {goal}. Prompts: box, "
        "strokes and clicks, each counting 1. {no_scribbles}A failed session counts as one round more than the "
        "protocol allows, with the most strokes that it allows in each.",
        PROPOSED,
        "{own}",
        ("round", "n_prompts", "n_strokes", "user_s", "machine_s"),
        ("n_prompts", "user_s"),
    ),
}
_TARGETS = (0.80, 0.85, 0.90, 0.95)  # Dice of the table of rounds to several targets
_NEVER = (
    "Every session counts. One that ended without reaching the target, for whatever reason, counts in these means as "
    "one round more than the {rounds} of the protocol, with the most strokes that the protocol allows in every round, "
    "each as long as the box, or as the policy's longest stroke if that is longer. {no_scribbles}"
    "A dash marks an unknown number: {own} ended sessions at a lower target, a round's strokes have no limit and one "
    "session never reached it, or images state no spacing."
)
_INTERACTIONS = (
    "Under {own}, until Dice first is at least {goal}. Rounds, prompts (box, strokes and clicks, each counting 1) and "
    "user time (predicted): means with 95% intervals over patients. "
    "Medians: over all n sessions. Initial and final Dice: mean ± standard deviation, "
    "before any scribbles and after the last round played. Area: under mean Dice against rounds 0 to {rounds} "
    "with its interval, where a session that ended early carries its last Dice forward. "
    "A method that starts from scribbles has no initial Dice and no area. "
)
_TARGETS_CAPTION = (
    "Under {own}, rounds until Dice first is at least the target: mean with its 95% interval over patients, and in "
    "brackets how many of the n sessions never reached it (NoF@{rounds}). "
)
_USERS = (
    "Interactions to the target by how carefully the robot draws: the same policy, kind of box and seeds under "
    "{users}; "
    "`bifseg robot list` describes the users. "
)
_STARS = (
    "* differs from {reference}: Wilcoxon signed-rank test over patients, corrected by Holm over the entries of the "
    "structure, p < 0.05; no correction over structures and measures. The paper's Student t-test over objects is in "
    "the CSV of the tests (`t_p`)."
)
_RANK = (
    "Rank by mean Dice; entries that share a letter do not differ significantly (Wilcoxon signed-rank test over "
    "patients, all pairs of entries, Holm, 0.05), or the test contradicts the order of their means."
)
_TESTS = (
    "Difference to {reference} on the same objects with its 95% interval over patients (bootstrap-t; Student's t with "
    "fewer than 5 or more than 200). Effect: mean over standard deviation of the differences (Cohen's d_z). p: "
    "Wilcoxon signed-rank test over the patients' mean differences, since objects of one patient are alike; "
    "uncorrected, and corrected by Holm over the entries of the structure. The CSV has the paper's "
    "paired Student t-test over objects (`t_p`), which finds too many differences significant where objects share "
    "patients. n: objects, with replicates averaged. Failed: pairs of sessions of which at least one failed."
)


@dataclass(frozen=True)
class _CohortTables:
    """What the tables of a cohort share: its name, the sentence on its data, and the words of captions."""

    cohort: str
    about: str
    words: dict[str, str]

    def table(self, kind: str, title: str, caption: str, frame: pd.DataFrame, needs: str) -> Table:
        """The table COHORT-KIND.

        Args:
            kind: what the table shows; a part of its name.
            title: with names of `words` in braces.
            caption: with names of `words` in braces; replaced by the missing sessions if the frame is empty.
            frame: raw numbers.
            needs: the sessions without which the frame is empty.

        Returns:
            The table with its texts filled in.
        """
        if frame.empty:
            caption = f"Left out: cohort {self.cohort} has no sessions of {needs.format(**self.words)}."
        else:
            caption = f"{caption.format(**self.words)} {FAILURES} {self.about}"
        return Table(f"{self.cohort}-{kind}", title.format(**self.words), caption, frame)


def run_tables(run: RunScores, raters: Mapping[str, pd.DataFrame] = {}) -> list[Table]:
    """Every table of every cohort of a run.

    Args:
        run: its scores.
        raters: rows of `analysis.raters.agreement` by cohort.

    Returns:
        The tables in reading order; those that the run has no sessions for have an empty frame.

    Raises:
        InputError: there are sessions under a protocol whose card is missing.
    """
    return [
        with_exposure(table, cohort)
        for cohort in run.cohorts
        for table in _cohort_tables(cohort, raters.get(cohort.name))
    ]


def _cohort_tables(cohort: CohortScores, raters: pd.DataFrame | None) -> Iterator[Table]:
    """The tables of a cohort, in reading order."""
    run, roles = cohort.run, cohort.run.roles
    about = _about(cohort, roles.own)
    effort = _interactions(cohort)
    yield from _result_tables(cohort, about, effort)
    yield about.table(
        "interactions", "Interactions to a Dice of {goal}", _INTERACTIONS + _NEVER, effort, "{own}"
    )
    yield _about(cohort, roles.widest).table(
        "targets", "Rounds to several targets", _TARGETS_CAPTION + _NEVER, _targets(cohort), "{own}"
    )
    yield about.table("budgets", "Quality at a budget", BUDGETS_CAPTION, _budgets(cohort), "{own}")
    levels = by_user(cohort.frame, run.target, run.rules, roles.users)
    if len(levels):
        caption = _USERS.format(users=", ".join(roles.users.values())) + _INTERACTIONS + _NEVER
        yield about.table("users", "Level of the user", caption, levels, "several users")
    if raters is not None:
        frame = beside_raters(cohort.final, raters)
        yield about.table(
            "raters", "Beside the raters", RATERS_CAPTION, frame, "{own} on objects with raters"
        )
    curves = robustness(cohort.disturbed)
    if len(curves):
        title, caption = robustness_title(curves), robustness_caption(curves)
        yield about.table("robustness", title, caption, curves, "disturbances")
    for protocol in corrected_protocols(cohort):
        caption = GAINS.format(protocol=protocol, source=run.cards[protocol]["initial_from"])
        frame = gains(cohort.frame, protocol)
        yield about.table(f"gains-{protocol}", "Gain over existing results", caption, frame, protocol)
    seeds = training_seeds(cohort.frame)
    if len(seeds):
        yield about.table(
            "seeds", "Training seeds and patients", SEEDS_CAPTION, seeds, "several training seeds"
        )
    spread = replicates(cohort.frame)
    if len(spread):
        yield about.table("replicates", "Replicates and cases", REPLICATES_CAPTION, spread, "replicates")


def _about(cohort: CohortScores, own: str) -> _CohortTables:
    """What the tables of a cohort share, with `own` as the protocol of their texts."""
    run = cohort.run
    words = dict.fromkeys(_BASE_NET_WORDS, "")
    words |= {"shared": run.roles.shared, "own": own, "goal": f"{100 * run.target:g}%"}
    if BASE_NET in cohort.frame["method"].unique():
        words |= _BASE_NET_WORDS
    rounds = str(run.rules[own].rounds) if own in run.rules else ""
    return _CohortTables(cohort.name, cohort.note, words | {"rounds": rounds})


def _interactions(cohort: CohortScores) -> pd.DataFrame:
    own = cohort.run.roles.own
    if not cohort.plays(own):
        return pd.DataFrame()
    return interactions(cohort.frame, cohort.run.target, cohort.rule(own), own)


def _budgets(cohort: CohortScores) -> pd.DataFrame:
    own = cohort.run.roles.own
    if not cohort.plays(own):
        return pd.DataFrame()
    return at_budgets(cohort.frame, cohort.run.target, cohort.rule(own), own)


def _targets(cohort: CohortScores) -> pd.DataFrame:
    widest = cohort.run.roles.widest
    if not cohort.plays(widest):
        return pd.DataFrame()
    return counts_at(cohort.frame, _TARGETS, cohort.rule(widest), widest)


def _result_tables(cohort: CohortScores, about: _CohortTables, effort: pd.DataFrame) -> Iterator[Table]:
    """For each question the table of results and the table of tests."""
    stages, shared = cohort.stages, cohort.run.roles.shared
    chosen = {
        "initial": initial_rows(stages["initial"]),
        "unsupervised": adapted_rows(stages["unsupervised"], "unsupervised"),
        "supervised": adapted_rows(stages["supervised"], "supervised"),
        "tools": cohort.final,
    }
    for kind, rows in chosen.items():
        question = _QUESTIONS[kind]
        reference = (question.reference, main_network(cohort.frame))
        tests = _paired_frame(rows, question, reference)
        frame = _result_frame(rows, question, tests)
        if kind == "tools" and len(frame):
            frame = frame.merge(effort[[*GROUP, "reached", "reached_share"]], on=GROUP)
        label = method_label(*reference, rows["network"])
        notes = [question.caption, *([_STARS.format(reference=label)] if len(tests) else []), _RANK]
        if kind == "supervised":
            notes[1:1] = unequal(cohort.frame[cohort.frame["protocol"] == shared])
        notes += [*other_objects(with_fewer_by_structure(rows)), *too_few(frame)]
        notes += unlike(rows) if kind in ("initial", "unsupervised") else []
        yield about.table(kind, question.title, " ".join(notes), frame, question.needs)
        title, caption = f"{question.title}: tests", _TESTS.format(reference=label)
        yield about.table(f"{kind}-tests", title, caption, tests, f"{label} beside another")


def _result_frame(rows: pd.DataFrame, question: _Question, tests: pd.DataFrame) -> pd.DataFrame:
    """A row an entry: means over sessions, `MEASURE_holm_p` and `MEASURE_t_p` of the tests, columns of `rankings`."""
    frame = results(rows, (*table_metrics(rows), *question.effort))
    if frame.empty:
        return frame
    for measure, part in tests.groupby("measure", sort=False) if len(tests) else ():
        tested = {name: f"{measure}_{name}" for name in ("holm_p", "t_p")}
        stars = part[[*GROUP, *tested]].rename(columns=tested)
        frame = frame.merge(stars, on=GROUP, how="left")
    return frame.merge(rankings(rows), on=GROUP)


def table_metrics(scores: pd.DataFrame) -> tuple[str, ...]:
    """The metrics that tables of results show.

    Args:
        scores: of one cohort. If its images have no spacing, distances are in voxels.

    Returns:
        Columns of the scores, in order.
    """
    shown = {column: metric for column, metric in known().items() if column in scores}
    in_pixels = without_mm(scores)
    return tuple(
        column
        for column, metric in shown.items()
        if (
            metric.unit == "voxels" or (not metric.is_in_mm and metric.in_tables)
            if in_pixels
            else metric.in_tables
        )
    )


def _paired_frame(rows: pd.DataFrame, question: _Question, reference: tuple[str, str]) -> pd.DataFrame:
    """The rows of `compare_all` for every metric and every tested effort, with a column `measure`."""
    measures = (*table_metrics(rows), *question.tested_effort)
    frame = compare_all(rows, reference, measures)
    if frame.empty:
        return frame
    return frame.assign(reference_method=reference[0], reference_network=reference[1])


def write_tables(folder: Path, target: float = 0.90, scores: RunScores | None = None) -> None:
    """Write FOLDER/tables of a run's folder: the tables, `index.json` (for `read_tables`) and the claims.

    Args:
        folder: RESULTS/RUN, with scores.parquet and sessions.
        target: Dice that counts as reached.
        scores: of the run with the same target; None: they are read.

    Raises:
        InputError: scores or a protocol card are missing, or a file is damaged.
    """
    run = scores or RunScores.read(folder, target)
    tables = run_tables(run, agreements(folder, run))
    with writing_folder(folder / "tables") as part:
        for table in tables:
            if len(table.frame):
                write_table(table, part)
        index = [
            {"name": t.name, "title": t.title, "caption": t.caption, "sha256": _hash(part, t)} for t in tables
        ]
        write_record(part / "index.json", {"target": target, "tables": index})
        write_claims(claims(run), run, read_checks(folder, run.frame), part)


def read_tables(folder: Path) -> list[Table]:
    """The tables that `write_tables` wrote.

    Args:
        folder: RESULTS/RUN/tables.

    Returns:
        The tables in reading order; those that were left out have an empty frame.

    Raises:
        InputError: the index or a CSV file differs from the one that was written.
    """
    return [
        Table(e["name"], e["title"], e["caption"], _read_frame(folder / f"{e['name']}.csv", e["sha256"]))
        for e in read_needed(folder / "index.json", "tables")["tables"]
    ]


def _hash(folder: Path, table: Table) -> str:
    """Of the table's CSV file; empty for a table that was left out."""
    return file_hash(folder / f"{table.name}.csv") if len(table.frame) else ""


def _read_frame(path: Path, sha256: str) -> pd.DataFrame:
    if not sha256:
        return pd.DataFrame()
    check_hash(path, sha256, f"delete {path.parent} and write the tables again")
    words = "structure exposure method network measure group"
    words += " protocol user reference_method reference_network"
    # A method may be named "none" or "nan": only an empty cell is missing.
    frame = pd.read_csv(path, dtype=dict.fromkeys(words.split(), str), keep_default_na=False, na_values=[""])
    return frame.fillna({"network": "", "reference_network": "", "group": ""})
