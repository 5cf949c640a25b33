"""What a model was trained on, by its card, and so whether it has seen an object that it plays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bifseg.cards.card import Card

Exposure = Literal["seen patient", "seen structure", "unseen", "unknown"]
EXPOSURES: tuple[Exposure, ...] = ("seen patient", "unknown", "seen structure", "unseen")
"""Strongest first: the exposure of an entry is the first of these that its method or its network has."""


class TrainingData(Card):
    """The training data of a model; cases that chose its weights or settings count as training data."""

    datasets: list[str] = Field(
        default_factory=list,
        description="names of data sets, or of cohorts of this project, that it was trained on",
    )
    patients: list[str] | None = Field(
        None, description="identifiers of the patients, as cohorts name them; null: unknown"
    )
    structures: list[str] | None = Field(None, description="names of the structures; null: unknown")
    images: list[str] = Field(
        default_factory=list, description="SHA-256 of image files; the same file under any name is found"
    )

    def exposure(self, cohort: str, patient: str, structure: str, images: Iterable[str] = ()) -> Exposure:
        """The exposure of the model to an object.

        Args:
            cohort: name of the object's cohort.
            patient: the object's patient.
            structure: the object's structure.
            images: SHA-256 of the object's image files.

        Returns:
            `seen patient` if an image is in the training data, or the patient is, in a data set of the cohort's name
            or in one without a name; `unknown` if that cannot be excluded or the structures are unknown; otherwise
            `seen structure` or `unseen`.
        """
        same_names = not self.datasets or cohort in self.datasets
        if set(images) & set(self.images) or (same_names and patient in (self.patients or ())):
            return "seen patient"
        if self.structures is None or (same_names and self.patients is None):
            return "unknown"
        return "seen structure" if structure in self.structures else "unseen"


def _known_form(value: Any) -> Any:
    if value in ("unknown", "nothing") or isinstance(value, (dict, TrainingData)):
        return value
    raise ValueError("write unknown, nothing, or a mapping with datasets, patients, structures or images")


TrainedOn = Annotated[Literal["unknown", "nothing"] | TrainingData, BeforeValidator(_known_form)]


def strongest(exposures: Iterable[Exposure]) -> Exposure:
    """The exposure of an entry.

    Args:
        exposures: those of its method, and of its network if it has one.

    Returns:
        The first of `EXPOSURES` that is among them; `unknown` if there are none.
    """
    present = set(exposures) or {"unknown"}
    return next(exposure for exposure in EXPOSURES if exposure in present)
