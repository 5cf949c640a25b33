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
            weak = "intervals are wide and tests weak" if patients > 1 else "no interval and no test"
            texts.append(f"{cohort.name} has {counted(patients, 'patient')}: {weak}.")
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


_OWN_NETWORKS = "train networks in the run; weights from elsewhere do not say"
_COMPARED = "a second entry, and two patients"
_QUESTIONS = {
    "source": ("Where do the data come from?", "CLAIM 7; REFORMS 2a, 3a", "source in the cohort card"),
    "licence": ("Under which licence may they be used?", "CLAIM 43", "licence in the cohort card"),
    "left out": ("Which cases were left out, and why?", "CLAIM 8, 35; REFORMS 4a", ""),
    "splits": ("How were data divided, and on which level?", "CLAIM 19, 20; REFORMS 5c, 6a", ""),
    "counts": ("How many objects and patients are there?", "CLAIM 35; REFORMS 3e", ""),
    "raters": (
        "Who made the reference, and how far do raters agree?",
        "CLAIM 14, 16, 18; REFORMS 3a",
        "column raters of the manifest",
    ),
    "selection": ("How were a network's weights chosen?", "CLAIM 26; REFORMS 5d", _OWN_NETWORKS),
    "elsewhere": ("Were networks tested on data from elsewhere?", "CLAIM 33; REFORMS 8a", _OWN_NETWORKS),
    "networks": ("What are the networks?", "CLAIM 22; REFORMS 5a", "bifseg provenance"),
    "training": ("How was each network trained?", "CLAIM 24, 25; REFORMS 5e", _OWN_NETWORKS),
    "training data": ("What was each network trained on?", "CLAIM 7; REFORMS 3a", _OWN_NETWORKS),
    "leaks": ("Can test data have leaked into training?", "REFORMS 6a, 6b", ""),
    "truth": ("Could a method read the truth?", "REFORMS 6c", ""),
    "software": ("Which software was used?", "CLAIM 23; REFORMS 2c", "bifseg provenance"),
    "machines": (
        "On which machine were times measured?",
        "REFORMS 2c",
        "bifseg provenance, after sessions of this version",
    ),
    "metrics": (
        "Which metrics are reported, and why these?",
        "Metrics Reloaded; CLAIM 28; REFORMS 7a",
        "",
    ),
    "means": (
        "How are values aggregated, and with what uncertainty?",
        "CLAIM 29, 37; REFORMS 7b",
        "",
    ),
    "tests": ("How are comparisons tested?", "CLAIM 29; REFORMS 7c", _COMPARED),
    "failures": ("What happens to missing or failed results?", "Metrics Reloaded; CLAIM 12", ""),
    "worst": ("Where do methods fail?", "CLAIM 39", ""),
    "robustness": ("How robust are the results?", "CLAIM 30", "disturb in a protocol card"),
    "power": ("Is the sample large enough?", "CLAIM 21; REFORMS 3e", _COMPARED),
    "reproduction": ("Can the results be reproduced?", "CLAIM 43; REFORMS 2b, 2d, 2e", "bifseg provenance"),
    "baselines": ("Were methods compared with proper baselines?", "REFORMS 5f", _COMPARED),
    "limits": ("What are the limits?", "CLAIM 40; REFORMS 8b", ""),
}
"""In the order of the checklist: question, the checklists' items, and what would answer it."""
_CONSTANT = {
    "leaks": "every row of the scores says whether the entry's models were trained on its patient or structure "
    "(exposure); images are compared by content with the training images of networks of bifseg",
    "means": "means over objects with 95% intervals over patients (bootstrap-t; Student's t with fewer than 5 or more "
    "than 200; Korn and Graubard's for shares), per structure and over all",
    "tests": "Wilcoxon signed-rank over patients, corrected by Holm within a structure",
    "worst": "worst session of each entry and structure; in larger cohorts, thirds by size and contrast",
    "power": "detectable differences are stated per cohort",
    "baselines": "all entries get the boxes of the same seeds under the same protocol; their settings are in the cards",
    "limits": "under Limits",
}
"""Answers that hold for every run of several entries and patients."""
_OF_OWN_NETWORKS = {
    "selection": "the best mean Dice on seen validation objects",
    "elsewhere": "no: each was trained on other patients of the cohort that it is tested on",
    "training": "initial weights, learning rate, iterations, augmentation and seed: networks in provenance.json",
}
"""Answers that hold if the run trained all its networks."""


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
        Every item, answered or with the key that would answer it; without those on networks in a run without networks.
    """
    networks = provenance.get("networks") or {}
    answers = _CONSTANT | _data_answers(scores, list(cohorts)) | _software_answers(provenance)
    answers |= _result_answers(scores, metrics, disturbed) | _uncompared(scores)
    if (scores["network"] != "").any():
        answers |= _network_answers(networks)
    return [
        Item(question, lists, answers[topic], key)
        for topic, (question, lists, key) in _QUESTIONS.items()
        if topic in answers
    ]


def _uncompared(scores: pd.DataFrame) -> dict[str, str]:
    """Other answers for a run whose cohorts have one entry, or one patient, alone."""
    cohorts = [rows for _, rows in scores.groupby("cohort")]
    entries = max(len(rows[["method", "network"]].drop_duplicates()) for rows in cohorts)
    patients = max(rows["patient"].nunique() for rows in cohorts)
    answers = {} if patients > 1 else {"means": "means over objects of one patient, without intervals"}
    answers |= {} if entries > 1 else {"baselines": ""}
    return answers | ({} if entries > 1 and patients > 1 else dict.fromkeys(("tests", "power"), ""))


def _data_answers(scores: pd.DataFrame, cohorts: list[Cohort]) -> dict[str, str]:
    """The answers on the data, by topic."""
    raters = [cohort.name for cohort in cohorts if any(row.raters for row in cohort.objects)]
    counts = {
        str(name): [
            counted(rows["object"].nunique(), "object"),
            counted(rows["patient"].nunique(), "patient"),
        ]
        for name, rows in scores.groupby("cohort")
    }
    splits = [
        "by patient: no patient, as the manifest names them, is in two splits",
        *(f"{name}: {patients} played" for name, (_, patients) in counts.items()),
        *(f"{cohort.name}: {line}" for cohort in cohorts for line in names_across_splits(cohort.objects)),
    ]
    return {
        "source": _stated(cohorts, "source"),
        "licence": _stated(cohorts, "licence"),
        "left out": _per_cohort({cohort.name: left_out(cohort) for cohort in cohorts}),
        "splits": "; ".join(splits),
        "counts": _per_cohort({name: " of ".join(both) for name, both in counts.items()}),
        "raters": f"several raters: {', '.join(raters)}" if raters else "",
    }


def _stated(cohorts: list[Cohort], key: str) -> str:
    """What the cohorts' cards state under a key; empty if one does not."""
    texts = {cohort.name: getattr(cohort, key) or "simulated" * cohort.simulated for cohort in cohorts}
    return _per_cohort(texts) if all(texts.values()) else ""


def _network_answers(networks: Mapping[str, Any]) -> dict[str, str]:
    """The answers on the networks, by topic."""
    trained = {
        name: f"{card['objects_trained_on']} objects of {card.get('cohort', '')}"
        for name, card in networks.items()
        if card.get("objects_trained_on")
    }
    answers = _OF_OWN_NETWORKS | {"training data": _per_cohort(trained)}
    if len(trained) < len(networks):
        answers = dict.fromkeys(answers, "")
    return answers | {"networks": _per_cohort({name: _network_text(card) for name, card in networks.items()})}


def _software_answers(provenance: Mapping[str, Any]) -> dict[str, str]:
    """The answers on software, machines and reproduction, by topic."""
    packages = provenance.get("packages") or {}
    versions = [(name, packages.get(name)) for name in ("torch", "numpy")]
    code = [(name, provenance.get(name)) for name in ("bifseg", "commit")]
    return {
        "software": _joined(("Python", provenance.get("python")), *versions),
        "machines": machines_text(provenance),
        "reproduction": _joined(*code, ("seed", (provenance.get("config") or {}).get("seed"))),
    }


def _result_answers(
    scores: pd.DataFrame, metrics: Iterable[MetricInfo], disturbed: Sequence[str]
) -> dict[str, str]:
    """The answers on metrics, failures, robustness and confinement, by topic."""
    sessions, open_to = scores.groupby(SESSION)["status"].last(), unconfined(scores)
    return {
        "metrics": f"{', '.join(metric.header for metric in metrics)}: overlap beside boundary distance, since either "
        "alone hides errors; definitions and empty masks are under Definitions",
        "failures": f"they count with the worst score: {sessions.isin(FAILED).sum()} of {len(sessions)} sessions "
        "failed",
        "robustness": f"disturbed: {', '.join(disturbed)}" if disturbed else "",
        "truth": f"not denied by the kernel to {', '.join(open_to)}"
        if open_to
        else "no: the kernel denies every method the folders of the cohort",
    }


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
