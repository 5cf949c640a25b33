"""The items of CLAIM 2024 and REFORMS by their published numbers, in our words.

Numbers and subjects were compared on 2026-11-29 with Table 1 of the REFORMS paper (items 1a to 3d) and with public
transcriptions of the lists: two of CLAIM 2024 (items 7 to 44 and 9 to 39) and one of REFORMS (items 3d to 8b).
Metrics Reloaded (Maier-Hein et al., Nature Methods 2024) is named without numbers, since its list could not be
compared.
"""

from __future__ import annotations

from collections.abc import Iterable

CLAIM = dict(
    enumerate(
        (
            "title",
            "abstract",
            "clinical background",
            "objectives",
            "prospective or retrospective design",
            "goal of the study",
            "sources of data",
            "inclusion and exclusion",
            "preprocessing",
            "selection of subsets",
            "de-identification",
            "missing data",
            "acquisition of images",
            "definition of the reference",
            "reason for the reference",
            "who annotated",
            "annotation of the test set",
            "variability of raters",
            "assignment to partitions",
            "level at which partitions are disjoint",
            "sample size",
            "description of the model",
            "software",
            "initial parameters",
            "training",
            "selection of the final model",
            "ensembles",
            "metrics",
            "significance and uncertainty",
            "robustness",
            "explainability",
            "evaluation on internal data",
            "test on external data",
            "registration of a trial",
            "patients included and excluded",
            "demographics",
            "performance with uncertainty",
            "diagnostic performance",
            "analysis of failures",
            "limits",
            "implications for practice",
            "study protocol",
            "availability of software and data",
            "funding",
        ),
        1,
    )
)
"""Tejani et al., Radiology: AI 6(4), e240300, 2024."""
REFORMS = {
    "1a": "population",
    "1b": "reason for this population",
    "1c": "reason for machine learning",
    "2a": "data set",
    "2b": "code",
    "2c": "computing infrastructure",
    "2d": "README",
    "2e": "script that reproduces the results",
    "3a": "sources of data and annotation",
    "3b": "sampling frame",
    "3c": "reason for the data set",
    "3d": "outcome variable",
    "3e": "number of samples",
    "3f": "missing data",
    "3g": "whether data represent the population",
    "4a": "excluded data",
    "4b": "corrupt samples",
    "4c": "transformations of data",
    "5a": "model",
    "5b": "reason for the model",
    "5c": "method of evaluation",
    "5d": "selection of the model",
    "5e": "hyperparameters",
    "5f": "baselines",
    "6a": "separation of training and test",
    "6b": "duplicates between training and test",
    "6c": "legitimate inputs",
    "7a": "metrics",
    "7b": "uncertainty",
    "7c": "statistical tests",
    "8a": "external validity",
    "8b": "where results are not expected to hold",
}
"""Kapoor et al., Science Advances 10(18), eadk3452, 2024."""


def numbers(lists: str, name: str) -> set[str]:
    """The numbers of one list.

    Args:
        lists: such as `CLAIM 7, 25; REFORMS 3a`.
        name: `CLAIM` or `REFORMS`.

    Returns:
        For example `7` and `25`.
    """
    parts = [part.split(" ", 1) for part in lists.split("; ")]
    return {number for first, *rest in parts if first == name for number in rest[0].split(", ")}


def not_asked(lists: Iterable[str]) -> dict[str, str]:
    """The items that no question asks.

    Args:
        lists: of each question, such as `CLAIM 7, 25; REFORMS 3a`.

    Returns:
        By list, number and subject of each, for example `1 title, 2 abstract`.
    """
    texts = list(lists)
    published: dict[str, tuple[str, dict[str, str]]] = {
        "CLAIM 2024": ("CLAIM", {str(number): about for number, about in CLAIM.items()}),
        "REFORMS": ("REFORMS", REFORMS),
    }
    left = {}
    for title, (name, items) in published.items():
        asked = {number for text in texts for number in numbers(text, name)}
        left[title] = ", ".join(f"{number} {about}" for number, about in items.items() if number not in asked)
    return left
