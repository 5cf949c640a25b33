"""`fetal2d`: slices of fetal MRI (single-shot T2), after the fetal data of the paper: four organs, drawn.

A patient has up to three slices; those of the test split have one, so that its cases are independent. Structures:
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
SLICES = 3  # of a patient; a case of the test split is one of them
_INSTANCES = {organs.PLACENTA: 1, organs.BRAIN: 1, organs.LUNGS: 2, organs.KIDNEYS: 2}
_FIELD_MM = 205.0


def simulate(counts: CaseCounts, seed: int, folder: Path, progress: Progress = iter) -> None:
    """Write the cohort into a folder: `images/`, `labels/` and, last, `manifest.tsv`.

    Every split begins with a new patient; its last patient may have fewer slices. A patient of the test split has
    one. A case depends on the seed, its patient and its slice only. An organ that a slice does not show has no row.

    Args:
        counts: cases (slices) of each split.
        seed: of the cohort.
        folder: made when it is not there; files of the same names are replaced.
        progress: wraps the cases as they are worked through.
    """
    rows = []
    for split, patient, place in progress(list(_order(counts))):
        group = f"patient-{patient:04d}"
        case = make_case(seed, patient, place)
        rows += write_case(folder, f"{group}-slice-{place}", split, group, case, STRUCTURES)
    write_manifest(folder, rows)


def _order(counts: CaseCounts) -> Iterable[tuple[str, int, int]]:
    """(split, patient, slice) of every case."""
    first = 0
    for split, n in splits(counts):
        slices = 1 if split == "test" else SLICES
        yield from ((split, first + k // slices, k % SLICES) for k in range(n))
        first += -(-n // slices)


def make_case(seed: int, patient: int, place: int) -> SimulatedCase:
    """A slice (place 0, 1, 2) of a patient numbered from 0: int16 image `t2`, uint8 labels.

    Each slice shows a seen organ (placenta or brain) and an unseen one (lungs or kidneys).
    """
    theirs = generator(seed, "fetal2d-patient", patient)
    who = organs.Patient.random(theirs)
    spacing = theirs.uniform(1.05, 1.28)
    rng = generator(seed, "fetal2d", patient * SLICES + place)
    rows, columns = (int(_FIELD_MM * share / spacing) for share in (1.0, 1.05))
    canvas = Canvas.blank(rng, (rows, columns), spacing)
    _draw(canvas, who)
    for label, count in _INSTANCES.items():
        canvas.keep_largest(label, count)
    blurred = ndimage.gaussian_filter(canvas.image, 0.5)
    image = acquire(rng, blurred, shading=0.12, noise=theirs.uniform(0.03, 0.06))
    return SimulatedCase({"t2": image}, canvas.labels, Grid.plain(image.shape, (spacing, spacing)))


def _draw(canvas: Canvas, who: organs.Patient) -> None:
    rng = canvas.rng
    shows_placenta, shows_head = _at_least_one(rng, 0.85)
    shows_chest, shows_kidneys = _at_least_one(rng, 0.8)
    growth = rng.uniform(0.85, 1.0, 3)
    organs.mother(canvas, who)
    if shows_kidneys:
        organs.kidneys(canvas, who, growth[0])
    organs.womb(canvas, who)
    away = -12.0 * np.sin(who.placenta_at)  # the fetus lies off the placenta
    middle = who.womb + np.array([away, 0.0]) + rng.normal(0, 2, 2)
    organs.limbs_and_cord(canvas, who, middle)
    if shows_placenta:
        organs.placenta(canvas, who, rng.normal(0, 0.1))
    side = who.head_side
    if shows_chest:
        organs.trunk(canvas, who, middle + np.array([0, -37 * side]), rng.normal(0, 0.4), growth[1])
    if shows_head:
        organs.head(canvas, who, middle + np.array([0, 39 * side]), rng.normal(0, 0.4), growth[2])


def _at_least_one(rng: np.random.Generator, chance: float) -> tuple[bool, bool]:
    """Two coins, each True with this chance; where both fall False, one of them is turned."""
    first, second = (bool(coin < chance) for coin in rng.random(2))
    if first or second:
        return first, second
    turned = bool(rng.random() < 0.5)
    return turned, not turned
