"""Preparation of a cohort: simulate or read, check everything, list the objects.

`prepare` writes `objects.tsv` and, last, `cohort.json`. If the check has problems, it writes them all to `problems.txt`
and neither of the two files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bifseg.cards.cards import CaseCounts, CohortCard
from bifseg.cohorts.checks import check_cohort
from bifseg.cohorts.cohort import BY_BODY, Cohort
from bifseg.cohorts.content_file import CONTENT, content_name, content_of, write_contents
from bifseg.cohorts.files import Progress, each_file
from bifseg.cohorts.manifest import ManifestRow, first_lines
from bifseg.cohorts.objects import find_objects, write_objects
from bifseg.cohorts.raters import rater_tolerances
from bifseg.cohorts.readers import LAYOUTS
from bifseg.core.errors import InputError, short
from bifseg.core.files import file_hash, write_record, write_text
from bifseg.core.image_files import image_hash
from bifseg.core.sandbox import check_readable

Simulator = Callable[[CaseCounts, int, Path, Progress], object]
"""Writes `manifest.tsv` and the images of simulated cases, drawn from the seed, into a folder."""


def prepare(
    card: CohortCard,
    card_path: Path,
    seed: int,
    folder: Path,
    simulators: Mapping[str, Simulator],
    progress: Progress = iter,
) -> None:
    """Prepare the cohort of a card in a folder: simulate or read, check everything, list the objects.

    Args:
        card: the cohort card; its paths are relative to the folder of `card_path`.
        card_path: the card's file, whose name is the cohort's.
        seed: seed of a simulated cohort.
        folder: gets `objects.tsv`, `cohort.json` and the files of a simulator.
        simulators: by their names in cards.
        progress: wraps the cases or files of each of several passes.

    Raises:
        InputError: the card or the manifest is wrong (the message has the first problems, `problems.txt` all of them),
            or the root, which is hidden from methods, contains something that methods need, such as the results.
    """
    for name in ("cohort.json", "objects.tsv", "problems.txt", CONTENT):
        (folder / name).unlink(missing_ok=True)  # an old cohort.json has hashes of files that now change
    if card.simulator:
        manifest, root = folder / "manifest.tsv", folder
        simulate = _simulator(card.simulator, card_path, simulators)
        folder.mkdir(parents=True, exist_ok=True)
        simulate(card.cases, seed, folder, progress)
    else:
        manifest, root = places(card, card_path)
        check_readable([root], folder)
    report = check_cohort(manifest, root, card, card_path, progress)
    if report.problems:
        write_text(folder / "problems.txt", "".join(f"{problem}\n" for problem in report.problems))
        raise InputError(f"{first_lines(manifest, report.problems)}\nall are in {folder / 'problems.txt'}")
    objects = find_objects(report, root, card, progress)
    write_objects(folder / "objects.tsv", objects)
    images = sorted({name for row in report.rows for name in _contents_of(row)})
    write_contents(folder / CONTENT, each_file(lambda name: content_of(root, name), images, progress))
    files = sorted({name for row in report.rows for name in _files_of(row)} - {""})
    about = {
        **_card_facts(card, card_path),
        "root": "." if root.resolve() == folder.resolve() else str(root.absolute()),
        "seed": seed,
        "instances": BY_BODY,
        "manifest_sha256": file_hash(manifest),
        "objects_sha256": file_hash(folder / "objects.tsv"),
        "content_sha256": file_hash(folder / CONTENT),
        "hashes": each_file(lambda name: image_hash(root / name), files, progress),
    }
    if card.nsd_tolerance_mm == "raters":
        about["raters_tolerance_mm"] = _rater_tolerances(Cohort(folder, about, objects), card_path)
    write_record(folder / "cohort.json", about)


def _card_facts(card: CohortCard, card_path: Path) -> dict[str, Any]:
    """The part of cohort.json that the card alone determines."""
    return {
        "name": card_path.stem,
        "dimension": card.dimension,
        "simulated": card.simulator is not None,
        "seen": card.seen,
        "unseen": card.unseen,
        "card": card.model_dump(mode="json"),
    }


def _rater_tolerances(cohort: Cohort, card_path: Path) -> dict[str, float]:
    """The tolerance of NSD from raters' masks, by structure; raises InputError if no object has raters."""
    tolerances = rater_tolerances(cohort)
    if not tolerances:
        raise InputError(
            f"{card_path}: nsd_tolerance_mm: 'raters', but no object has any; write a number of mm, or add the "
            "manifest's column `raters`"
        )
    return tolerances


def _files_of(row: ManifestRow) -> tuple[str, ...]:
    """The paths that a row names; an empty one is none."""
    return (row.image, row.label, row.initial, *row.raters, *dict(row.channels).values())


def _contents_of(row: ManifestRow) -> tuple[str, ...]:
    """The names of a row's images in `Contents`."""
    return (content_name(row.image, row.channel), *dict(row.channels).values())


def _simulator(name: str, card_path: Path, simulators: Mapping[str, Simulator]) -> Simulator:
    if name not in simulators:
        known = ", ".join(sorted(simulators)) or "none"
        raise InputError(f"{card_path}: simulator: {name!r} is unknown; known are: {known}")
    return simulators[name]


def places(card: CohortCard, card_path: Path) -> tuple[Path, Path]:
    """The manifest and the root of a card.

    Args:
        card: card of a cohort with files.
        card_path: the card's file; paths in it are relative to its folder.

    Returns:
        The manifest's file and the root folder.

    Raises:
        InputError: one of them is missing, or the card is of a simulated cohort.
    """
    if card.manifest is None:
        raise InputError(
            f"{card_path}: manifest: none, the images are made by {card.simulator}; prepare the cohort"
        )
    beside = card_path.absolute().parent
    manifest = beside / card.manifest
    if not os.path.isfile(manifest):  # unlike Path.is_file, False for a name that no file can have
        name = card_path.stem
        layout = name if name in LAYOUTS else f"LAYOUT --name {name}"
        make = f"make it: bifseg cohort from {layout} PATH --out {card_path.parent}"
        raise InputError(
            f"{card_path}: manifest: {short(str(card.manifest))} is not a file; correct the path, or {make}"
        )
    root = manifest.parent if card.root is None else beside / card.root
    if not os.path.isdir(root):
        raise InputError(f"{card_path}: root: {short(str(root), 150)} is not a folder; correct the path")
    return manifest, root
