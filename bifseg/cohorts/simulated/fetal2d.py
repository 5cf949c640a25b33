"""`fetal2d`: simulated slices of fetal MRI (single-shot T2) with four organs, after the fetal data of the paper.

A patient has up to three slices; one of the test split has one, so that its cases are independent. Structures:
`placenta`, `fetal_brain`, `fetal_lungs` (two instances) and `maternal_kidneys` (two instances), all in `t2`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy import ndimage

from bifseg.cards.cards import CaseCounts
from bifseg.cohorts.files import Progress
from bifseg.cohorts.simulated import organs
from bifseg.cohorts.simulated.canvas import Canvas
from bifseg.cohorts.simulated.scanner import acquire
from bifseg.cohorts.simulated.writing import SimulatedCase, Structure, splits, write_case, write_manifest
from bifseg.core.geometry import Grid
from bifseg.core.seeds import generator

STRUCTURES = (
    Structure("placenta", (organs.PLACENTA,), "t2"),
    Structure("fetal_brain", (organs.BRAIN,), "t2"),
    Structure("fetal_lungs", (organs.LUNGS,), "t2"),
    Structure("maternal_kidneys", (organs.KIDNEYS,), "t2"),
)
SLICES = 3  # most slices of a patient
_INSTANCES = {organs.PLACENTA: 1, organs.BRAIN: 1, organs.LUNGS: 2, organs.KIDNEYS: 2}
_FIELD_MM = 205.0


def simulate(counts: CaseCounts, seed: int, folder: Path, progress: Progress = iter) -> None:
    """Write the cohort to a folder: `images/`, `labels/` and, last, `manifest.tsv`.

    Every split begins with a new patient; its last patient may have fewer slices. A patient of the test split has
    one. A case depends on the seed, its patient and its slice only. An organ that a slice does not show has no row.

    Args:
        counts: number of cases (slices) of each split.
        seed: seed of the cohort.
        folder: created if it is missing; files of the same names are replaced.
        progress: wraps the cases.
    """
    rows = []
    for split, patient, index in progress(list(_order(counts))):
        group = f"patient-{patient:04d}"
        case = make_case(seed, patient, index)
        rows += write_case(folder, f"{group}-slice-{index}", split, group, case, STRUCTURES)
    write_manifest(folder, rows)


def _order(counts: CaseCounts) -> Iterable[tuple[str, int, int]]:
    """(split, patient, slice) of every case."""
    first = 0
    for split, n in splits(counts):
        slices = 1 if split == "test" else SLICES
        yield from ((split, first + k // slices, k % SLICES) for k in range(n))
        first += -(-n // slices)


def make_case(seed: int, patient: int, index: int) -> SimulatedCase:
    """A slice of a patient. It shows a seen organ (placenta or brain) and an unseen one (lungs or kidneys).

    Args:
        seed: seed of the cohort.
        patient: number of the patient, from 0.
        index: number of the slice, 0 to 2.

    Returns:
        int16 image `t2` and uint8 labels, (y, x).
    """
    patient_rng = generator(seed, "fetal2d-patient", patient)
    anatomy = organs.Patient.random(patient_rng)
    spacing = patient_rng.uniform(1.05, 1.28)
    rng = generator(seed, "fetal2d", patient * SLICES + index)
    rows, columns = (int(_FIELD_MM * share / spacing) for share in (1.0, 1.05))
    canvas = Canvas.blank(rng, (rows, columns), spacing)
    _draw(canvas, anatomy)
    for label, count in _INSTANCES.items():
        canvas.keep_largest(label, count)
    blurred = ndimage.gaussian_filter(canvas.image, 0.5)
    image = acquire(rng, blurred, shading=0.12, noise=patient_rng.uniform(0.03, 0.06))
    return SimulatedCase({"t2": image}, canvas.labels, Grid.plain(image.shape, (spacing, spacing)))


def _draw(canvas: Canvas, anatomy: organs.Patient) -> None:
    rng = canvas.rng
    shows_placenta, shows_head = _at_least_one(rng, 0.85)
    shows_chest, shows_kidneys = _at_least_one(rng, 0.8)
    growth = rng.uniform(0.85, 1.0, 3)
    organs.mother(canvas, anatomy)
    if shows_kidneys:
        organs.kidneys(canvas, anatomy, growth[0])
    organs.womb(canvas, anatomy)
    away = -12.0 * np.sin(anatomy.placenta_at)  # the fetus lies off the placenta
    middle = anatomy.womb + np.array([away, 0.0]) + rng.normal(0, 2, 2)
    organs.limbs_and_cord(canvas, anatomy, middle)
    if shows_placenta:
        organs.placenta(canvas, anatomy, rng.normal(0, 0.1))
    side = anatomy.head_side
    if shows_chest:
        organs.trunk(canvas, anatomy, middle + np.array([0, -37 * side]), rng.normal(0, 0.4), growth[1])
    if shows_head:
        organs.head(canvas, anatomy, middle + np.array([0, 39 * side]), rng.normal(0, 0.4), growth[2])


def _at_least_one(rng: np.random.Generator, chance: float) -> tuple[bool, bool]:
    """Two draws, each True with this chance; if both are False, a third draw makes one of them True."""
    first, second = (bool(draw < chance) for draw in rng.random(2))
    if first or second:
        return first, second
    first = bool(rng.random() < 0.5)
    return first, not first
