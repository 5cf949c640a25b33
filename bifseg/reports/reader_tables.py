"""What a paper's reader asks of a cohort: who is in it, where methods fail, and what so many patients can show."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.names import FAILED, SESSION, method_rank
from bifseg.analysis.power import ONE_POINT, detectable_difference, patients_needed
from bifseg.analysis.run_scores import CohortScores
from bifseg.analysis.words import with_words
from bifseg.cards.entries import entry_name
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.geometry import Grid
from bifseg.core.overlap import dice
from bifseg.core.wording import counted
from bifseg.reports.formats import plain
from bifseg.reports.shown_table import Group, Row, ShownTable, plain_table

_FEWEST = 6  # objects that are divided into thirds
_DIGITS = range(2, 7)  # as few as tell the thirds apart
_UNITS = {2: "cm²", 3: "ml"}  # by dimension


def object_facts(cohort: Cohort, scores: pd.DataFrame, pack: dict[str, Any]) -> pd.DataFrame:
    """What is known of each object that was played.

    Args:
        cohort: the prepared cohort.
        scores: its rows of the run's scores.
        pack: of `pack_sessions`.

    Returns:
        By object: `case`, `patient`, `structure`, `seen`, `size` with its `unit` (an area in cm² in 2D, a volume in
        ml in 3D, voxels for images without a spacing), `contrast` (NaN for an object that the pack lacks), `spacing` in
        mm (empty if none is stated), `raters` beside the truth and their `agreement`, the mean Dice with it.
    """
    contrasts = {one["name"]: one["contrast"] for one in pack["objects"]}
    facts = scores[["object", "case", "patient", "structure", "seen"]].drop_duplicates("object")
    frame = with_words(facts).set_index("object")
    rows = [cohort.object(name) for name in frame.index]
    files = {(row.image, row.channel): row for row in rows}
    stacks = {key: cohort.whole_grid(row) for key, row in files.items()}  # slices share a file
    wholes = [stacks[row.image, row.channel] for row in rows]
    grids = [whole.plane(*row.plane) if row.plane else whole for row, whole in zip(rows, wholes, strict=True)]
    sizes = [_size(row, grid) for row, grid in zip(rows, grids, strict=True)]
    return frame.assign(
        size=[size for size, _ in sizes],
        unit=[unit for _, unit in sizes],
        contrast=np.array([contrasts.get(row.object) for row in rows], float),
        spacing=pd.Series([grid.spacing * grid.in_mm for grid in grids], frame.index, object),
        raters=[len(row.raters) for row in rows],
        agreement=[_agreement(cohort, row) for row in rows],
    )


def _agreement(cohort: Cohort, row: ObjectRow) -> float:
    """Mean Dice of the truth and each other rater; NaN without other raters."""
    if not row.raters:
        return np.nan
    truth = cohort.truth(row)
    return float(np.mean([dice(truth, mask) for mask in cohort.raters(row)]))


def _size(row: ObjectRow, grid: Grid) -> tuple[float, str]:
    """Area of a 2D object or volume of a 3D one, and its unit."""
    if not grid.in_mm:
        return float(row.voxels), "voxels"
    return row.voxels * prod(grid.spacing) / 10 ** len(grid.spacing), _UNITS[len(grid.spacing)]


def _spacings(objects: pd.DataFrame) -> str:
    """The range of spacings on each axis, for example `1.1–1.3 × 1.2 mm`, and how many images state none."""
    stated = objects["spacing"].map(bool)
    axes = list(zip(*objects.loc[stated, "spacing"], strict=True))
    if not axes:
        return "not stated"
    ends = [sorted({f"{end:.3g}" for end in (min(axis), max(axis))}, key=float) for axis in axes]
    without = objects.loc[~stated, "case"].nunique()
    note = f"; not stated in {counted(without, 'image')}" if without else ""
    return f"{' × '.join('–'.join(pair) for pair in ends)} mm{note}"


def _shared_unit(facts: pd.DataFrame) -> str:
    """The unit of all sizes, for a heading; empty if there are several or none."""
    units = facts["unit"].unique()
    return str(units[0]) if len(units) == 1 else ""


def _size_heading(unit: str) -> str:
    return f"Size ({unit})" if unit else "Size"


def _sizes(objects: pd.DataFrame, shared: str) -> str:
    """Median and range of the sizes, a text a unit; the unit is named unless all objects share it."""
    parts = objects.groupby("unit")["size"]
    return "; ".join(_median_range(sizes, ".3g") + ("" if shared else f" {unit!s}") for unit, sizes in parts)


def cohort_table(facts: pd.DataFrame) -> ShownTable:
    """The structures of a cohort: patients, images, objects, spacing, size and contrast.

    Args:
        facts: of `object_facts`.

    Returns:
        A row a structure; medians with ranges.
    """
    rows, several, unit = [], bool(facts["raters"].any()), _shared_unit(facts)
    for (unseen, structure), part in facts.groupby([~facts["seen"].astype(bool), "structure"]):
        counts = (part["patient"].nunique(), part["case"].nunique(), len(part))
        texts = [str(structure).replace("_", " "), "unseen" if unseen else "seen", *map(str, counts)]
        texts += [
            _spacings(part),
            _sizes(part, unit),
            _median_range(part["contrast"], ".2f"),
        ]
        if several:
            texts.append(plain(100 * float(part["agreement"].mean()), ".1f"))
        rows.append(Row([(text, False) for text in texts]))
    columns = [
        "Structure",
        "Training",
        "Patients",
        "Images",
        "Objects",
        "Spacing",
        _size_heading(unit),
        "Contrast (SD)",
    ]
    columns += ["Raters' Dice (%)"] * several
    return plain_table(columns, rows, ("Structure", "Training", "Spacing"))


def _median_range(values: pd.Series, form: str) -> str:
    median, low, high = (plain(float(value), form) for value in (values.median(), values.min(), values.max()))
    return f"{median} [{low}, {high}]"


def last_rows(cohort: CohortScores, protocol: str) -> pd.DataFrame:
    """The last row of each session under a protocol.

    Args:
        cohort: scores of one cohort.
        protocol: name of the protocol.

    Returns:
        Rows of `final_rows`, with `reached`: whether Dice was at least the target after any step; and `stopped`:
        whether the protocol ended the session at a lower Dice, so that nobody knows.
    """
    last, target = cohort.final_under(protocol), cohort.run.target
    best = cohort.frame.groupby(SESSION)["dice"].max().rename("best").reset_index()
    last = last.merge(best, on=SESSION, how="left")
    reached, goal = last["best"] >= target, cohort.rule(protocol).goal(target)
    return last.assign(reached=reached, stopped=(last["best"] >= goal) & ~reached).drop(columns="best")


def worst_cases(last: pd.DataFrame, cohort: str) -> ShownTable:
    """The worst session of every entry on every structure.

    Args:
        last: of `last_rows`.
        cohort: its name.

    Returns:
        A group a structure; a click on a row opens the session.
    """
    groups = []
    for (unseen, structure), part in last.groupby([~last["seen"].astype(bool), "structure"]):
        rows = []
        for row in _worst(part):
            entry = entry_name(row["method"], row["network"])
            where = {
                "cohort": cohort,
                "structure": str(structure),
                "entry": entry,
                "protocol": row["protocol"],
            }
            texts = [
                entry,
                row["object"],
                plain(100 * row["dice"], ".1f"),
                str(row["n_prompts"]),
                _outcome(row),
            ]
            rows.append(Row([(text, False) for text in texts], where | {"object": row["object"]}))
        groups.append(Group(rows, str(structure).replace("_", " "), not unseen))
    return ShownTable(
        ["Entry", "Object", "Dice (%)", "Prompts", "Outcome"], groups, ("Entry", "Object", "Outcome")
    )


def _worst(part: pd.DataFrame) -> Iterator[dict[str, Any]]:
    by_entry = part.sort_values(["dice", "object"]).drop_duplicates(["method", "network"])
    for row in sorted(
        by_entry.to_dict("records"), key=lambda row: (method_rank(row["method"]), row["network"])
    ):
        yield {str(key): value for key, value in row.items()}


def _outcome(row: dict[str, Any]) -> str:
    if row["status"] in FAILED:
        return f"{row['status']}: {row['error']}"
    if row["stopped"]:
        return "the protocol ended it below the target"
    return "reached the target" if row["reached"] else "did not reach the target"


def strata(last: pd.DataFrame, facts: pd.DataFrame, cohort: str) -> ShownTable | None:
    """Mean Dice of every entry on thirds of the objects by size, for each unit of sizes, and by contrast.

    Args:
        last: the last row of each session under one protocol.
        facts: of `object_facts`.
        cohort: its name.

    Returns:
        None if fewer than 6 objects share a unit and fewer than 6 have a known contrast.
    """
    thirds = [
        (f"size {values} {unit}", objects)
        for unit, sizes in facts.groupby("unit")["size"]
        for values, objects in _thirds(sizes)
    ]
    thirds += [(f"contrast {values}", objects) for values, objects in _thirds(facts["contrast"])]
    if not thirds:
        return None
    rows, entries = [], last.groupby(["method", "network"])
    for (method, network), part in sorted(
        entries, key=lambda pair: (method_rank(str(pair[0][0])), pair[0][1])
    ):
        means = [100 * part.loc[part["object"].isin(names), "dice"].mean() for _, names in thirds]
        entry = entry_name(str(method), str(network))
        where = {"cohort": cohort, "structure": "", "entry": entry, "protocol": part["protocol"].iloc[0]}
        rows.append(Row([(entry, False), *((plain(mean, ".1f"), False) for mean in means)], where))
    return plain_table(["Entry", *(title for title, _ in thirds)], rows, ("Entry",))


def _thirds(values: pd.Series) -> list[tuple[str, list[str]]]:
    """Least and greatest value of each third as a text, and its objects; empty for few objects."""
    known = values.dropna().sort_values(kind="stable")
    if len(known) < _FEWEST:
        return []
    thirds = [known.iloc[part] for part in np.array_split(np.arange(len(known)), 3)]
    texts = [
        [f"{third.iloc[0]:.{digits}g} to {third.iloc[-1]:.{digits}g}" for third in thirds]
        for digits in _DIGITS
    ]
    distinct = next((ranges for ranges in texts if len(set(ranges)) == len(ranges)), texts[0])
    return [(text, third.index.tolist()) for text, third in zip(distinct, thirds, strict=True)]


def object_table(last: pd.DataFrame, facts: pd.DataFrame, cohort: str) -> ShownTable:
    """Every object with its facts and results.

    Args:
        last: of `last_rows`.
        facts: of `object_facts`.
        cohort: its name.

    Returns:
        A row an object; a click opens its worst session. A dash for how many reached the target where the protocol
        ended a session below it.
    """
    known, unit = facts.to_dict("index"), _shared_unit(facts)
    rows = []
    needed = last[["object", "dice", "reached", "stopped", "method", "network", "protocol"]]
    worst_rows = needed.sort_values("dice", kind="stable").drop_duplicates("object")
    worsts = worst_rows.astype({"object": str}).set_index("object").to_dict("index")
    by_object = needed.groupby("object", sort=True, observed=True)
    summary = by_object.agg(
        mean=("dice", "mean"),
        reached=("reached", "sum"),
        sessions=("dice", "size"),
        stopped=("stopped", "any"),
    )
    for name, mean, reached, sessions, stopped in summary.itertuples(name=None):
        about, worst = known[name], worsts[str(name)]
        texts = [
            str(name),
            about["structure"].replace("_", " "),
            about["patient"],
            f"{plain(about['size'], '.3g')} {'' if unit else about['unit']}".strip(),
            plain(about["contrast"], ".2f"),
            plain(100 * mean, ".1f"),
            "–" if stopped else f"{reached} of {sessions}",
            plain(100 * worst["dice"], ".1f"),
            entry_name(worst["method"], worst["network"]),
        ]
        where = {
            "cohort": cohort,
            "structure": about["structure"],
            "protocol": worst["protocol"],
            "object": str(name),
        }
        rows.append(Row([(text, False) for text in texts], where))
    columns = [
        "Object",
        "Structure",
        "Patient",
        _size_heading(unit),
        "Contrast (SD)",
        "Mean Dice (%)",
        "Reached",
        "Worst Dice (%)",
        "Worst entry",
    ]
    return plain_table(columns, rows, ("Object", "Structure", "Patient", "Worst entry"))


def power_table(last: pd.DataFrame, first: tuple[str, str]) -> ShownTable | None:
    """What the patients of a cohort can show of final Dice, each entry against the first.

    Args:
        last: the last row of each session under one protocol.
        first: method and network of the entry that is ranked first.

    Returns:
        None for a single entry or patient.
    """
    keys = ["patient", "object", "replicate"]
    by_entry = {
        (str(method), str(network)): part.set_index(keys)["dice"]
        for (method, network), part in last.groupby(["method", "network"])
    }
    if len(by_entry) < 2 or last["patient"].nunique() < 2:
        return None
    rows = []
    for entry in sorted(by_entry.keys() - {first}, key=lambda entry: (method_rank(entry[0]), entry[1])):
        # pandas knows the mean of no patient and the spread of one without a warning: NaN.
        differences = (by_entry[entry] - by_entry[first]).dropna().groupby("patient").mean()
        numbers = [
            plain(100 * float(differences.mean()), "+.1f"),
            plain(100 * float(differences.std(ddof=1)), ".1f"),
            str(len(differences)),
            plain(100 * detectable_difference(differences), ".1f"),
            plain(patients_needed(differences, ONE_POINT), ".0f"),
        ]
        rows.append(Row([(text, False) for text in (entry_name(*entry), *numbers)]))
    headers = [
        "Difference (points)",
        "SD over patients",
        "Patients",
        "Detectable (points)",
        "Patients for 1 point",
    ]
    return plain_table(["Entry", *headers], rows, ("Entry",))
