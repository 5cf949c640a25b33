"""The report's section on the paper: its stages and gains in this run, for runs that replicate it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.names import BASE_NET, PROPOSED
from bifseg.analysis.paired import main_network
from bifseg.cards.entries import entry_name
from bifseg.core.wording import counted, joined
from bifseg.reports.formats import Table


@dataclass(frozen=True)
class Replication:
    """What a run shows of the paper's method on one cohort.

    Attributes:
        stages: by structure, mean Dice (%) before adaptation, without and with scribbles.
        sentences: gains over the base net, and effort to the target.
    """

    stages: list[dict[str, Any]]
    sentences: list[str]


def replication(scores: pd.DataFrame, tables: Mapping[str, Table]) -> Replication | None:
    """The paper's method on one cohort.

    Args:
        scores: rows of the cohort.
        tables: the cohort's tables by kind.

    Returns:
        None for a run without the paper's method or without base nets.
    """
    if not {BASE_NET, PROPOSED} <= set(scores["method"].unique()):
        return None
    networks, main = set(scores.loc[scores["method"] == PROPOSED, "network"]), main_network(scores)
    entry = (PROPOSED, main if main in networks else min(networks))
    sentences = [_gain_sentence(tables, entry), _effort_sentence(tables, entry)]
    return Replication(_stages(tables, entry), [text for text in sentences if text])


def _stages(tables: Mapping[str, Table], entry: tuple[str, str]) -> list[dict[str, Any]]:
    """Mean Dice (%) of the entry per structure: initial, without and with scribbles."""
    first = _of(tables["initial"], (BASE_NET, entry[1]))
    stages = {"initial": first if len(first) else _of(tables["initial"], entry)}
    stages |= {name: _of(tables[name], entry) for name in ("unsupervised", "supervised")}
    by_structure: dict[str, dict[str, Any]] = {}
    for stage, frame in stages.items():
        for row in frame.to_dict("records"):
            tile = by_structure.setdefault(row["structure"], {"seen": row["seen"], "values": []})
            tile["values"].append((stage, f"{100 * row['dice_mean']:.1f}"))
    return [{"structure": structure, **tile} for structure, tile in by_structure.items()]


def _gain_sentence(tables: Mapping[str, Table], entry: tuple[str, str]) -> str:
    """Gains over the base net: the range over structures, seen and unseen separately."""
    texts, failed, base = [], 0, ""
    for stage, how in (("unsupervised", "without scribbles"), ("supervised", "with the same scribbles")):
        rows = _of(tables[f"{stage}-tests"], entry)
        if rows.empty:
            continue
        each = [
            f"{_range(100 * group['difference_mean'], '+.1f')} points on {kind} structures"
            for kind, group in _seen_and_unseen(rows[rows["measure"] == "dice"])
        ]
        network = rows["reference_network"].iloc[0]
        base = entry_name(BASE_NET, network) if network != entry[1] else "the base net"
        texts.append(f"{how} by {joined(each)}")
        failed = max(failed, int(_of(tables[stage], entry)["failed"].sum()))
    if not texts:
        return ""
    note = (
        f" ({failed} failed {'session counts' if failed == 1 else 'sessions count'} as zero)"
        if failed
        else ""
    )
    return f"Against {base}'s initial result, {entry[0]} changes mean Dice {'; '.join(texts)}{note}."


def _effort_sentence(tables: Mapping[str, Table], entry: tuple[str, str]) -> str:
    """How often and how soon the target was reached, seen and unseen separately."""
    frame = _of(tables["interactions"], entry)
    if frame.empty or frame["reached"].isna().any():  # a target that the protocol does not show
        return ""
    each = []
    for kind, group in _seen_and_unseen(frame):
        medians = group["round_median"].replace(np.inf, np.nan).dropna()
        median = f"median {_range(medians, 'g')} rounds" if len(medians) else "median not reached"
        if 0 < len(medians) < len(group):
            median += f", not reached on {counted(len(group) - len(medians), 'structure')}"
        each.append(
            f"{group['reached'].sum():.0f} of {group['n'].sum()} sessions on {kind} structures ({median})"
        )
    goal = tables["interactions"].title.removeprefix("Interactions to ")
    return f"Corrected on its own errors, it reached {goal} in {joined(each)}."


def _seen_and_unseen(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for kind, rows in (("seen", frame[frame["seen"]]), ("unseen", frame[~frame["seen"]])):
        if len(rows):
            yield kind, rows


def _range(values: pd.Series, form: str) -> str:
    low, high = (format(value, form).replace("-", "−") for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def _of(table: Table, entry: tuple[str, str]) -> pd.DataFrame:
    """The table's rows of a method with a network."""
    frame = table.frame
    if frame.empty:
        return frame
    of_entry = (frame["method"] == entry[0]) & (frame["network"] == entry[1])
    return frame[of_entry].reset_index(drop=True)
