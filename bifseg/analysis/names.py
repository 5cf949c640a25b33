"""Names that the analysis and the reports share: columns, methods and protocols, and their wording for readers."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bifseg.cards.entries import entry_name
from bifseg.cards.trained_on import EXPOSURES
from bifseg.core.wording import counted

SHARED_SCRIBBLES, OWN_SCRIBBLES = "shared-scribbles", "own-scribbles"
"""The protocols of the paper."""
STAGES = ("initial", "unsupervised", "supervised")
BASE_NET, PROPOSED = "base-net", "bifseg"
METHODS = (BASE_NET, "base-crf", "bifseg-w", PROPOSED)
"""The paper's ablation, in its order."""
TOOLS = ("grabcut", "grabcut-opencv", "slic-seg", "random-walks", "geos", "growcut")
"""The traditional tools that the paper compares with."""
SESSION = ["cohort", "protocol", "method", "network", "object", "replicate", "training_seed"]
"""Columns of the scores that identify a session of a run."""
ENTRY = ["cohort", "method", "network"]
"""Columns that identify an entry on a cohort, whatever its training seed."""
GROUP = ["seen", "structure", "method", "network"]
"""Columns of a row of a cohort's table: a structure and an entry."""
PAIR = ["cohort", "network", "training_seed", "object", "replicate"]
"""Columns that a method's session and that of its base net have in common."""
EFFORT = ("round", "n_prompts", "n_strokes", "n_scribble_voxels", "user_s", "machine_s")
"""Columns of effort, cumulative from the start of a session."""
FAILED = ("failed", "timeout")
"""Statuses of sessions without a result; a stuck session has one."""
FAILURES = "A failed session counts with the worst score."
"""The sentence about failures in every caption."""


def method_rank(method: str) -> tuple[int, str]:
    """Sorting key of a method: the paper's ablation first, then its traditional tools, then all others by name.

    Args:
        method: name of the method.

    Returns:
        A key for `sorted`.
    """
    known = METHODS + TOOLS
    return (known.index(method) if method in known else len(known), method)


def method_label(method: str, network: str, networks: Iterable[str]) -> str:
    """The name of an entry for readers.

    Args:
        method: name of the method.
        network: name of its network, or empty.
        networks: networks of all entries in the same table.

    Returns:
        METHOD, or METHOD@NETWORK if the table has several networks.
    """
    several = len({name for name in networks if name}) > 1
    return entry_name(method, network if several else "")


def in_reading_order(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table in the order for readers: seen before unseen, then by structure, method and network.

    Args:
        frame: table with the columns seen, structure, method, network.

    Returns:
        The same rows with a new index.
    """
    columns = (frame[name] for name in ("seen", "structure", "method", "network"))
    keys = [
        (not seen, structure, method_rank(method), network)
        for seen, structure, method, network in zip(*columns, strict=True)
    ]
    return frame.iloc[sorted(range(len(keys)), key=keys.__getitem__)].reset_index(drop=True)


def data_note(scores: pd.DataFrame, cohort: str, simulated: bool) -> str:
    """The sentence about the data at the end of every caption.

    Args:
        scores: scores of one cohort.
        cohort: name of the cohort.
        simulated: whether a simulator made its images.

    Returns:
        For example `Simulated cohort tumour2d, test split: 24 objects of 8 cases.`
    """
    splits = ", ".join(sorted(scores["split"].unique()))
    kind = "Simulated cohort" if simulated else "Cohort"
    objects, cases, patients = (scores[what].nunique() for what in ("object", "case", "patient"))
    counts = [counted(objects, "object"), counted(cases, "case")]
    counts += [counted(patients, "patient")] if patients != cases else []
    return f"{kind} {cohort}, {splits} split: {' of '.join(counts)}.{_adaptation_note(scores)}"


def _adaptation_note(scores: pd.DataFrame) -> str:
    """The sentence about entries with changed prompts, after a space; empty if there are none."""
    changed = scores[scores["adaptation"] != ""] if "adaptation" in scores else scores[:0]
    entries = changed[["method", "network", "adaptation"]].drop_duplicates().itertuples(index=False)
    parts = [f"{entry_name(method, network)} ({how})" for method, network, how in entries]
    return f" Prompts were changed for {', '.join(parts)}." if parts else ""


def entry_names(rows: pd.DataFrame) -> list[str]:
    """The entries of a table.

    Args:
        rows: with columns `method` and `network`.

    Returns:
        METHOD or METHOD@NETWORK of each, sorted.
    """
    return sorted(entry_name(*pair) for pair in rows[["method", "network"]].drop_duplicates().to_numpy())


def exposure_text(exposures: Iterable[str]) -> str:
    """What an entry's models have seen of the objects of several rows.

    Args:
        exposures: the column `exposure` of the rows.

    Returns:
        Each value once, strongest first, such as `seen structure, unseen`.
    """
    present = set(exposures)
    return ", ".join(value for value in EXPOSURES if value in present)


def saw_patients(exposure: str) -> bool:
    """Whether an entry is ranked apart, since its models were trained on patients that it played.

    Args:
        exposure: of `exposure_text`.

    Returns:
        True for `seen patient`. False for `seen structure`, which a trained network is for, and for `unknown`; these
        are marked.
    """
    return "seen patient" in exposure
