"""Names that the analysis and the reports share: columns, methods, protocols, and how a reader sees them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bifseg.cards.entries import entry_name

SHARED_SCRIBBLES, OWN_SCRIBBLES = "shared-scribbles", "own-scribbles"


STAGES = ("initial", "unsupervised", "supervised")


BASE_NET, PROPOSED = "base-net", "bifseg"


METHODS = (BASE_NET, "base-crf", "bifseg-w", PROPOSED)  # the paper's ablation, in its order


TOOLS = (
    "grabcut",
    "grabcut-opencv",
    "slic-seg",
    "random-walks",
    "geos",
    "growcut",
)  # those that it compares with


SESSION = ["cohort", "protocol", "method", "network", "object", "replicate"]


ENTRY = ["cohort", "method", "network"]


GROUP = ["seen", "structure", "method", "network"]


FAILED = ("failed", "timeout")  # a stuck session has a result


EFFORT = ("round", "n_prompts", "n_strokes", "n_scribble_voxels", "user_s", "machine_s")


PAIR = ["cohort", "network", "object", "replicate"]


FAILURES = "A failed session counts with the worst score."
"""The sentence on failures of every caption."""


def method_rank(method: str) -> tuple[int, str]:
    """Sorting key of methods: the paper's ablation in its order, the paper's other tools, then all by name."""
    known = METHODS + TOOLS
    return (known.index(method) if method in known else len(known), method)


def method_label(method: str, network: str, networks: Iterable[str]) -> str:
    """What a reader calls the method: METHOD, or METHOD@NETWORK where several networks are compared."""
    several = len({name for name in networks if name}) > 1
    return entry_name(method, network if several else "")


def in_reading_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Seen before unseen, then structure, method and network."""
    keys = pd.DataFrame(
        {
            "unseen": ~frame["seen"].astype(bool),
            "structure": frame["structure"],
            "rank": frame["method"].map(lambda method: method_rank(method)[0]),
            "method": frame["method"],
            "network": frame["network"],
        }
    )
    return frame.loc[keys.sort_values(keys.columns.tolist()).index].reset_index(drop=True)


def data_note(scores: pd.DataFrame, cohort: str, simulated: bool) -> str:
    """The sentence on the data that ends every caption."""
    splits = ", ".join(sorted(scores["split"].unique()))
    kind = "Simulated cohort" if simulated else "Cohort"
    objects, cases, patients = (scores[what].nunique() for what in ("object", "case", "patient"))
    told = [counted(objects, "object"), counted(cases, "case")]
    told += [counted(patients, "patient")] if patients != cases else []
    return f"{kind} {cohort}, {splits} split: {' of '.join(told)}.{adaptation_note(scores)}"


def adaptation_note(scores: pd.DataFrame) -> str:
    """A sentence, with a blank before it, on the entries whose prompts were changed; empty where none were."""
    changed = scores[scores["adaptation"] != ""] if "adaptation" in scores else scores[:0]
    entries = changed[["method", "network", "adaptation"]].drop_duplicates().itertuples(index=False)
    parts = [f"{entry_name(method, network)} ({how})" for method, network, how in entries]
    return f" Prompts were changed for {', '.join(parts)}." if parts else ""


def counted(number: int, what: str) -> str:
    """`1 case`, `2 cases`."""
    return f"{number} {what}{'s' * (number != 1)}"
