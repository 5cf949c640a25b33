"""What an entry's models have seen of the objects that it plays: the column `exposure` of scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bifseg.cards.cards import MethodCard, first_problem
from bifseg.cards.trained_on import Exposure, TrainedOn, TrainingData, strongest
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.content_file import CONTENT, cohort_contents, content_names, overlap, read_contents
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import InputError
from bifseg.core.files import check_hash, read_record
from bifseg.methods.registry import METHODS


def exposures(
    cohort: Cohort, card: MethodCard, network: Path | None, objects: Iterable[ObjectRow] | None = None
) -> dict[str, Exposure]:
    """The exposure of objects of a cohort to an entry's method and network.

    A patient whose image, by its content, is in the training data counts as seen with all images and structures.

    Args:
        cohort: the prepared cohort.
        card: the method's card. A method of bifseg without `trained_on` has learnt nothing by itself; any other
            without it is unknown.
        network: the network's folder; None for an entry without one.
        objects: of the cohort; None: all. Only images of their patients are compared with the training images.

    Returns:
        By object.

    Raises:
        InputError: the network's card or its fingerprints are damaged.
    """
    models: list[TrainedOn] = [card.trained_on or ("nothing" if card.method in METHODS else "unknown")]
    objects = cohort.objects if objects is None else tuple(objects)
    patients = {row.group for row in objects}
    images = defaultdict(set)
    for row in cohort.objects:
        if row.group in patients:
            images[row.group].update(content_names(row))
    same: frozenset[str] = frozenset()
    if network is not None:
        path = network / "card.json"
        record = read_record(path)
        models.append(_checked(record.get("trained_on", "unknown"), path))
        played = frozenset(name for names in images.values() for name in names)
        same = _shown_in_training(cohort.folder, network, record.get("content_sha256", ""), played)
    overlapping = {patient for patient, names in images.items() if names & same}
    return {
        row.object: "seen patient"
        if row.group in overlapping
        else strongest(_exposure(cohort, row, model) for model in models)
        for row in objects
    }


@lru_cache(maxsize=8)
def _shown_in_training(cohort: Path, network: Path, sha256: str, images: frozenset[str]) -> frozenset[str]:
    """Those of the images of a cohort that show the content of a training image of the network."""
    if not sha256:
        return frozenset()
    check_hash(network / CONTENT, sha256, "train the network again")
    contents = {name: prints for name, prints in cohort_contents(cohort).items() if name in images}
    pairs = overlap(contents, read_contents(network / CONTENT))
    return frozenset(image for image, _ in pairs)


def _exposure(cohort: Cohort, row: ObjectRow, model: TrainedOn) -> Exposure:
    if isinstance(model, TrainingData):
        return model.exposure(cohort.name, row.group, row.structure, cohort.image_hashes(row))
    return "unseen" if model == "nothing" else "unknown"


def _checked(value: object, path: Path) -> TrainedOn:
    try:
        return TypeAdapter[TrainedOn](TrainedOn).validate_python(value)
    except ValidationError as error:
        raise InputError(f"{path}: trained_on: {first_problem(error)}") from error
