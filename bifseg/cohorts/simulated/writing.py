"""The files of a simulated cohort."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bifseg.cards.cards import CaseCounts
from bifseg.cohorts.manifest import ManifestRow, manifest_text
from bifseg.core.files import write_text
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array


@dataclass(frozen=True)
class Structure:
    """A structure of a simulated cohort: its name, its label values and the modality that it is segmented in."""

    name: str
    values: tuple[int, ...]
    modality: str


@dataclass(frozen=True)
class SimulatedCase:
    """The voxels of a case: images by modality and the label map, all on one grid."""

    images: dict[str, NDArray[Any]]
    labels: NDArray[Any]
    grid: Grid


def splits(counts: CaseCounts) -> Iterator[tuple[str, int]]:
    """The splits in the order in which cases are numbered.

    Args:
        counts: numbers of cases from the cohort card.

    Yields:
        (split, number of cases).
    """
    yield from (("train", counts.train), ("validation", counts.validation), ("test", counts.test))


def write_case(
    folder: Path, name: str, split: str, group: str, case: SimulatedCase, structures: tuple[Structure, ...]
) -> list[ManifestRow]:
    """Write images and labels of a case.

    Args:
        folder: folder of the cohort.
        name: name of the case.
        split: split of the case.
        group: the patient.
        case: the voxels.
        structures: structures of the cohort.

    Returns:
        The manifest's rows of the structures that occur in the case; their line is 0.
    """
    label = f"labels/{name}.nii.gz"
    write_array(folder / label, case.labels, case.grid)
    images = {modality: f"images/{name}-{modality}.nii.gz" for modality in case.images}
    for modality, path in images.items():
        write_array(folder / path, case.images[modality], case.grid)
    present = set(case.labels.ravel().tolist())
    return [
        ManifestRow(
            line=0,
            case=name,
            image=images[structure.modality],
            label=label,
            label_values=structure.values,
            structure=structure.name,
            modality=structure.modality,
            split=split,
            group=group,
        )
        for structure in structures
        if present.intersection(structure.values)
    ]


def write_manifest(folder: Path, rows: list[ManifestRow]) -> None:
    """Write `manifest.tsv`, the last file: it marks the cohort as complete.

    Args:
        folder: folder of the cohort.
        rows: rows of all cases.
    """
    write_text(folder / "manifest.tsv", manifest_text(rows))
