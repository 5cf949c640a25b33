"""The report's limits, and a checklist that the run fills in.

The questions are those of Metrics Reloaded, CLAIM 2024 and REFORMS that an evaluation of segmentation can answer, in
our words; `published_checklists` has the numbers of the items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bifseg.analysis.names import FAILED, SESSION
from bifseg.cards.entries import split_seed
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.leaks import names_across_splits
from bifseg.core.metrics import MetricInfo
from bifseg.core.sandbox import hides_truth
from bifseg.core.wording import counted

_FEW_PATIENTS = 10


@dataclass(frozen=True)
class Item:
    """An item of the checklist.

    Attributes:
        question: in our words.
        lists: the items of the checklists that ask it.
        answer: from the run; empty if the run does not know it.
        key: what would answer it.
    """

    question: str
    lists: str
    answer: str
    key: str = ""


def limits(scores: pd.DataFrame, cohorts: Iterable[Cohort], networks: Mapping[str, Any]) -> list[str]:
    """What a reader must not conclude from a run.

    Args:
        scores: of the run.
        cohorts: its prepared cohorts.
        networks: the network cards of its provenance, by COHORT/NAME.

    Returns:
        Sentences.
    """
    texts = [
        "The user is simulated: strokes are drawn from the truth, and user time is predicted, not measured."
    ]
    for cohort in cohorts:
        rows = scores[scores["cohort"] == cohort.name]
        if cohort.simulated:
            texts.append(f"The images of {cohort.name} are simulated and say nothing about patients.")
        if (patients := rows["patient"].nunique()) < _FEW_PATIENTS:
            texts.append(
                f"{cohort.name} has {counted(patients, 'patient')}: intervals are wide and tests weak."
            )
        if not any(row.raters for row in cohort.objects):
            texts.append(
                f"{cohort.name} has one annotation per object: disagreement between experts is unknown."
            )
    trainings = Counter(split_seed(name)[0] for name in networks)
    for name, card in networks.items():
        if card.get("seed") is not None and trainings[split_seed(name)[0]] == 1:
            texts.append(
                f"{name} was trained once (seed {card['seed']}): the spread over trainings is unknown."
            )
    if names := unconfined(scores):
        texts.append(f"Nothing kept {', '.join(names)} from the truth on this machine.")
    return texts


def unconfined(scores: pd.DataFrame) -> list[str]:
    """The methods that nothing kept from the truth.

    Args:
        scores: of the run.

    Returns:
        Their names in order.
    """
    confined = scores["confinement"].map(hides_truth).astype(bool)
    return sorted(set(scores.loc[~confined, "method"]))


def checklist(
    scores: pd.DataFrame,
    cohorts: Iterable[Cohort],
    metrics: Iterable[MetricInfo],
    provenance: Mapping[str, Any],
    disturbed: Sequence[str] = (),
) -> list[Item]:
    """The checklist of a run.

    Args:
        scores: of the run.
        cohorts: its prepared cohorts.
        metrics: the metrics of its scores.
        provenance: content of provenance.json; empty without that file.
        disturbed: names of the disturbances that it played.

    Returns:
        Every item, answered or with the key that would answer it.
    """
    cohorts, networks = list(cohorts), provenance.get("networks") or {}
    sessions = scores.groupby(SESSION)["status"].last()
    failed = int(sessions.isin(FAILED).sum())
    return [
        *_data_items(scores, cohorts),
        *_method_items(scores, networks, provenance),
        Item(
            "Which metrics are reported, and why these?",
            "Metrics Reloaded; CLAIM 28; REFORMS 7a",
            f"{', '.join(metric.header for metric in metrics)}: overlap beside boundary distance, since either alone "
            "hides errors; definitions and empty masks are under Definitions",
        ),
        Item(
            "How are values aggregated, and with what uncertainty?",
            "CLAIM 29, 37; REFORMS 7b",
            "means over objects with 95% intervals over patients (bootstrap-t), per structure",
        ),
        Item(
            "How are comparisons tested?",
            "CLAIM 29; REFORMS 7c",
            "Wilcoxon signed-rank over patients, corrected by Holm within a structure",
        ),
        Item(
            "What happens to missing or failed results?",
            "Metrics Reloaded; CLAIM 12",
            f"they count with the worst score: {failed} of {len(sessions)} sessions failed",
        ),
        Item(
            "Where do methods fail?",
            "CLAIM 39",
            "worst cases and thirds by volume and contrast of each cohort",
        ),
        Item(
            "How robust are the results?",
            "CLAIM 30",
            f"disturbed: {', '.join(disturbed)}" if disturbed else "",
            "disturb in a protocol card",
        ),
        Item(
            "Is the sample large enough?",
            "CLAIM 21; REFORMS 3e",
            "detectable differences are stated per cohort",
        ),
        Item(
            "Can the results be reproduced?",
            "CLAIM 43; REFORMS 2b, 2d, 2e",
            _joined(
                ("bifseg", provenance.get("bifseg")),
                ("commit", provenance.get("commit")),
                ("seed", (provenance.get("config") or {}).get("seed")),
            ),
            "bifseg provenance",
        ),
        Item(
            "Were methods compared with proper baselines?",
            "REFORMS 5f",
            "all entries get the boxes of the same seeds under the same protocol; their settings are in the cards",
        ),
        Item("What are the limits?", "CLAIM 40; REFORMS 8b", "under Limits"),
    ]


def _data_items(scores: pd.DataFrame, cohorts: list[Cohort]) -> list[Item]:
    raters = [cohort.name for cohort in cohorts if any(row.raters for row in cohort.objects)]
    patients = scores.groupby("cohort")["patient"].nunique()
    stated: dict[str, dict[str, str]] = {
        key: {cohort.name: getattr(cohort, key) or "simulated" * cohort.simulated for cohort in cohorts}
        for key in ("source", "licence")
    }
    known = {key: _per_cohort(texts) if all(texts.values()) else "" for key, texts in stated.items()}
    return [
        Item(
            "Where do the data come from?",
            "CLAIM 7; REFORMS 2a, 3a",
            known["source"],
            "source in the cohort card",
        ),
        Item(
            "Under which licence may they be used?",
            "CLAIM 43",
            known["licence"],
            "licence in the cohort card",
        ),
        Item(
            "Which cases were left out, and why?",
            "CLAIM 8, 35; REFORMS 4a",
            _per_cohort({cohort.name: left_out(cohort) for cohort in cohorts}),
        ),
        Item(
            "How were data divided, and on which level?",
            "CLAIM 19, 20; REFORMS 5c, 6a",
            "; ".join(
                [
                    "by patient: no patient, as the manifest names them, is in two splits",
                    *(f"{name}: {counted(int(n), 'patient')} played" for name, n in patients.items()),
                    *(f"{c.name}: {line}" for c in cohorts for line in names_across_splits(c.objects)),
                ]
            ),
        ),
        Item(
            "How many objects and patients are there?",
            "CLAIM 35; REFORMS 3e",
            _per_cohort(
                {
                    str(name): f"{counted(rows['object'].nunique(), 'object')} of "
                    f"{counted(rows['patient'].nunique(), 'patient')}"
                    for name, rows in scores.groupby("cohort")
                }
            ),
        ),
        Item(
            "Who made the reference, and how far do raters agree?",
            "CLAIM 14, 16, 18; REFORMS 3a",
            f"several raters: {', '.join(raters)}" if raters else "",
            "column raters of the manifest",
        ),
    ]


def _method_items(
    scores: pd.DataFrame, networks: Mapping[str, Any], provenance: Mapping[str, Any]
) -> list[Item]:
    trained = {
        name: f"{card['objects_trained_on']} objects of {card.get('cohort', '')}"
        for name, card in networks.items()
        if card.get("objects_trained_on")
    }
    plays = bool((scores["network"] != "").any())
    packages = provenance.get("packages") or {}
    return [
        *(
            [
                Item(
                    "How were a network's weights chosen?",
                    "CLAIM 26; REFORMS 5d",
                    "the best mean Dice on seen validation objects" if len(trained) == len(networks) else "",
                    "train networks in the run; weights from elsewhere do not say",
                ),
                Item(
                    "Were networks tested on data from elsewhere?",
                    "CLAIM 33; REFORMS 8a",
                    "no: each was trained on other patients of the cohort that it is tested on"
                    if len(trained) == len(networks)
                    else "",
                    "train networks in the run; weights from elsewhere do not say",
                ),
                Item(
                    "What are the networks?",
                    "CLAIM 22; REFORMS 5a",
                    _per_cohort({name: _network_text(card) for name, card in networks.items()}),
                    "bifseg provenance",
                ),
                Item(
                    "How was each network trained?",
                    "CLAIM 24, 25; REFORMS 5e",
                    "initial weights, learning rate, iterations, augmentation and seed: networks in provenance.json"
                    if len(trained) == len(networks)
                    else "",
                    "train networks in the run; weights from elsewhere do not say",
                ),
                Item(
                    "What was each network trained on?",
                    "CLAIM 7; REFORMS 3a",
                    _per_cohort(trained) if len(trained) == len(networks) else "",
                    "train networks in the run; weights from elsewhere do not say",
                ),
            ]
            if plays
            else []
        ),
        Item(
            "Can test data have leaked into training?",
            "REFORMS 6a, 6b",
            "every row of the scores says whether the entry's models were trained on its patient or structure "
            "(exposure); images are compared by content with the training images of networks of bifseg",
        ),
        Item(
            "Could a method read the truth?",
            "REFORMS 6c",
            f"not denied by the kernel to {', '.join(open_to)}"
            if (open_to := unconfined(scores))
            else "no: the kernel denies every method the folders of the cohort",
        ),
        Item(
            "Which software was used?",
            "CLAIM 23; REFORMS 2c",
            _joined(
                ("Python", provenance.get("python")),
                *((name, packages.get(name)) for name in ("torch", "numpy")),
            ),
            "bifseg provenance",
        ),
        Item(
            "On which machine were times measured?",
            "REFORMS 2c",
            machines_text(provenance),
            "bifseg provenance, after sessions of this version",
        ),
    ]


def _network_text(card: Mapping[str, Any]) -> str:
    """Architecture and size of a network."""
    architecture, parameters = (card.get("card") or {}).get("architecture"), card.get("parameters")
    return _joined(("", architecture), ("", f"{parameters:,} parameters" if parameters else None))


def machines_text(provenance: Mapping[str, Any]) -> str:
    """The machines that played the sessions.

    Args:
        provenance: content of provenance.json; empty without that file.

    Returns:
        Their facts, and the number of entries where there are several; empty for a run of an earlier version.
    """
    played = provenance.get("machines") or []
    texts = [
        _joined(*((name, fact) for name, fact in facts.items() if name != "entries")) for facts in played
    ]
    if len(texts) > 1:
        texts = [
            f"{text} (entries played: {facts['entries']})" for text, facts in zip(texts, played, strict=True)
        ]
    return "; ".join(texts)


def left_out(cohort: Cohort) -> str:
    """How many objects a cohort leaves out, and why.

    Args:
        cohort: the prepared cohort.

    Returns:
        A phrase.
    """
    if not cohort.left_out:
        return "no object left out"
    return f"{counted(len(cohort.left_out), 'object')} smaller than minimum_voxels left out"


def _per_cohort(texts: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in texts.items())


def _joined(*facts: tuple[str, Any]) -> str:
    return ", ".join(f"{name} {value}".strip() for name, value in facts if value not in (None, ""))
