"""All problems of a cohort, reported before any work begins: one line each, with what to do.

A label value that no case of a structure has is a problem, since label sets differ between years of a challenge and
would swap structures silently. A value that only some cases lack, as in a tumour without necrosis, is a note.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bifseg.cards.cards import CohortCard
from bifseg.cohorts.channels import broken_channels, unlisted_channels
from bifseg.cohorts.check_report import Files, Report, Rows
from bifseg.cohorts.files import (
    File,
    Progress,
    each_file,
    inspect_image,
    inspect_label_map,
    is_readable_format,
)
from bifseg.cohorts.leaks import equal_images, names_across_splits
from bifseg.cohorts.manifest import (
    Fault,
    Manifest,
    ManifestRow,
    Problem,
    parse_manifest,
    shown_values,
    values_text,
)
from bifseg.core.errors import short
from bifseg.core.geometry import Grid
from bifseg.core.grid_differences import differences
from bifseg.core.images import channel_advice

TENFOLD = 10
"""If images of a modality differ by this factor in mean intensity, a note says so: no one normalisation fits all."""

_MEND = "resample the label map to the image, or copy the image's header if the voxels do correspond"


def check_manifest(path: Path, root: Path, dimension: int, progress: Progress = iter) -> Report:
    """The report of a manifest and of every file that it names; each file is read once.

    Args:
        path: the manifest.
        root: folder that its paths are relative to.
        dimension: 3 accepts volumes; 2 accepts 2D images, and stacks slice by slice.
        progress: wraps the names of the images, then those of the label maps.

    Returns:
        All problems and notes; a problem raises no error.

    Raises:
        InputError: the manifest itself cannot be read.
    """
    manifest = parse_manifest(path, root)
    return check_rows(manifest, *inspect_files(manifest, progress), dimension)


def inspect_files(manifest: Manifest, progress: Progress = iter) -> tuple[Files, Files]:
    """The contents of every file of a manifest, each read once.

    Args:
        manifest: its rows may have problems; empty cells name no file.
        progress: wraps the names of the images, then those of the label maps.

    Returns:
        Images and label maps, by their paths in the manifest; the empty path gives a file without a grid.
    """
    root, rows = manifest.root, manifest.rows
    maps = {row.label for row in rows}.union(*((row.initial, *row.raters) for row in rows)) - {""}
    images = each_file(lambda name: _inspected(inspect_image, root / name), _image_names(rows), progress)
    labels = each_file(lambda name: _inspected(inspect_label_map, root / name), sorted(maps), progress)
    return {"": File(None), **images}, {"": File(None), **labels}


def _inspected(inspect: Callable[[Path], File], path: Path) -> File:
    if os.path.isfile(path) and not is_readable_format(path.name):
        text = "is neither NIfTI, MetaImage, NRRD nor PNG by its ending; convert it to one of them"
        return File(None, (text,))
    return inspect(path)


def check_rows(manifest: Manifest, images: Files, labels: Files, dimension: int) -> Report:
    """The report of a manifest whose files were read.

    Args:
        manifest: as it was parsed.
        images: contents of the images, from `inspect_files`.
        labels: contents of the label maps, from `inspect_files`.
        dimension: 2 or 3, see `check_manifest`.

    Returns:
        All problems and notes of the manifest and its files.
    """
    path, rows = manifest.path, manifest.rows
    across_splits, within_splits = equal_images(rows, images)
    faults = [
        *_repeated_objects(rows),
        *_conflicts(rows, "group", "split"),
        *_conflicts(rows, "case", "group"),
        *_broken_images(rows, images, dimension),
        *broken_channels(rows, images),
        *_truth_as_image(rows),
        *_copied_truth(rows, images, labels),
        *_broken_maps(rows, labels, dimension),
        *_misplaced_labels(rows, images, labels),
        *_shared_maps(rows),
        *_wrong_values(rows, labels),
        *_empty_raters(rows, labels),
        *across_splits,
    ]
    problems = [*manifest.problems, *(Problem(str(path), *fault) for fault in faults)]
    doubts = [*_partial_values(rows, labels), *_doubtful_grids(rows, images), *_unlike_scanners(rows, images)]
    doubts += within_splits
    doubts += [(0, "split", text) for text in names_across_splits(rows)]
    notes = [*manifest.notes, *(Problem(str(path), *doubt) for doubt in doubts)]
    ordered = sorted(rows, key=lambda row: (row.case, row.structure, row.line))
    return Report(tuple(ordered), labels, tuple(sorted(problems)), tuple(notes))


def check_cohort(
    path: Path, root: Path, card: CohortCard, card_path: Path, progress: Progress = iter
) -> Report:
    """The report of a manifest against its cohort card.

    Args:
        path: the manifest.
        root: folder that its paths are relative to.
        card: gives the dimension, and the structures that the manifest must have.
        card_path: the card's file, for messages.
        progress: see `check_manifest`.

    Returns:
        The report of `check_manifest`, with structures that the card or the manifest lacks as further problems.

    Raises:
        InputError: the manifest itself cannot be read.
    """
    report = check_manifest(path, root, card.dimension, progress)
    rows = sorted(report.rows, key=lambda row: row.line)
    problems = [*report.problems, *_unlisted_structures(rows, path, card, card_path)]
    problems += [Problem(str(path), *fault) for fault in unlisted_channels(rows, card.channels)]
    if rows:
        problems += _absent_structures(rows, path, card, card_path)
    return replace(report, problems=tuple(sorted(problems)))


def _unlisted_structures(rows: Rows, path: Path, card: CohortCard, card_path: Path) -> Iterator[Problem]:
    """Structures of the manifest that the card does not name."""
    listed = {"", *card.seen, *card.unseen}
    for row in _first_of_each(rows, lambda row: row.structure):
        if row.structure not in listed:
            text = f"{row.structure!r} is neither seen nor unseen in {card_path}; list it or remove its rows"
            yield Problem(str(path), row.line, "structure", text)


def _absent_structures(rows: Rows, path: Path, card: CohortCard, card_path: Path) -> Iterator[Problem]:
    """Structures of the card that the manifest lacks."""
    present = {row.structure for row in rows}
    for key, names in (("seen", card.seen), ("unseen", card.unseen)):
        for name in names:
            if name not in present:
                text = f"{name!r} is on no row of {path}; correct the name or remove it"
                yield Problem(str(card_path), 0, key, text)


def _image_names(rows: Rows) -> list[str]:
    return sorted({name for row in rows for name in (row.image, *dict(row.channels).values())} - {""})


def _label_maps(rows: Rows) -> Iterator[tuple[ManifestRow, str, str]]:
    """(row, column, name) of every label map of every row: its own, the initial one, then those of the raters."""
    for row in rows:
        yield row, "label", row.label
        if row.initial:
            yield row, "initial", row.initial
        for name in row.raters:
            yield row, "raters", name


def _repeated_objects(rows: Rows) -> Iterator[Fault]:
    """Rows that repeat a structure of a case, or that would make an object of the same name."""
    first: dict[str, ManifestRow] = {}
    for row in rows:
        name = f"{row.case}_{row.structure}" if row.case and row.structure else ""
        other = first.setdefault(name, row)
        if not name or other is row:
            continue
        if other.case == row.case:
            text = f"{row.structure!r} of case {row.case!r} is on line {other.line} already; remove one"
        else:
            text = f"{row.structure!r} makes the object {name!r}, as line {other.line} does; rename one"
        yield row.line, "structure", text


def _conflicts(rows: Rows, owner: str, key: str) -> Iterator[Fault]:
    """Cases with two groups, or groups with two splits."""
    first: dict[str, ManifestRow] = {}
    for row in rows:
        name, value = getattr(row, owner), getattr(row, key)
        if name and value and getattr(other := first.setdefault(name, row), key) != value:
            before = f"{owner} {name!r} has {key} {getattr(other, key)!r} on line {other.line}"
            yield row.line, key, f"{value!r}, but {before}; give one {owner} one {key}"


def _broken_images(rows: Rows, files: Files, dimension: int) -> Iterator[Fault]:
    """Images that cannot be read, lack the row's channel, or have a dimension that the cohort does not take."""
    for row in _first_of_each(rows, lambda row: row.image):
        for text in files[row.image].problems:
            yield row.line, "image", f"{row.image}: {text}"
    for row in _first_of_each(rows, lambda row: (row.image, row.channel)):
        file, grid = files[row.image], files[row.image].image_grid(row.channel)
        if file.grid and grid is None:
            fault = "is 4D" if row.channel is None else f"has no channel {row.channel}"
            yield row.line, "channel", f"{row.image}: {fault}; {channel_advice(file.grid)}"
        elif grid and (text := _not_accepted(grid, dimension)):
            yield row.line, "image", f"{row.image}: {text}"


def _broken_maps(rows: Rows, files: Files, dimension: int) -> Iterator[Fault]:
    """Label maps that cannot be read, hold no integers, or have a dimension that the cohort does not take."""
    reported = set()
    for row, key, name in _label_maps(rows):
        grid = files[name].grid
        for text in (*files[name].problems, *filter(None, [grid and _not_accepted(grid, dimension)])):
            if (name, text) not in reported:
                yield row.line, key, f"{name}: {text}"
            reported.add((name, text))


def _not_accepted(grid: Grid, dimension: int) -> str:
    """Why a cohort cannot use a file with this grid; empty if it can."""
    accepted = {2: (2, 3), 3: (3,)}[dimension]
    if grid.ndim in accepted:
        return ""
    fault = f"has {grid.ndim} dimensions, a {dimension}D cohort takes {' or '.join(map(str, accepted))}"
    return f"{fault}; convert it, or change the dimension ('dimension' in the card, or --dimension)"


def _misplaced_labels(rows: Rows, images: Files, labels: Files) -> Iterator[Fault]:
    """Label maps on another grid than their image, or named twice."""
    reported = set()
    for row, key, name in _label_maps(rows):
        image, label = images[row.image].image_grid(row.channel), labels[name].grid
        if (row.image, image, key, name) in reported:
            continue
        reported.add((row.image, image, key, name))
        if name and name == row.image:
            yield row.line, key, f"{name}: is the image as well; name the label map"
        elif key == "initial" and name == row.label:
            yield row.line, key, f"{name}: is the label as well; name the label map of an automatic method"
        elif key == "raters" and (name == row.label or row.raters.count(name) > 1):
            yield row.line, key, f"{name}: is named twice, or is the label as well; name each map once"
        elif image and label:
            for text in differences(image, label):
                yield row.line, key, f"{name}: {text} from {row.image}; {_MEND}"


def _shared_maps(rows: Rows) -> Iterator[Fault]:
    """Label maps of two patients with an image each, as a wrong cell of a table makes them."""
    first: dict[str, ManifestRow] = {}
    for row in _first_of_each(rows, lambda row: (row.label, row.group)):
        other = first.setdefault(row.label, row)
        if row.label and row.group != other.group and row.image != other.image:
            text = f"is the label map of {other.case!r} as well; name its own, or give both one group"
            yield row.line, "label", f"{row.label}: {text}"


def _truth_as_image(rows: Rows) -> Iterator[Fault]:
    """Images and channels that are label maps, so that methods would see the truth."""
    maps = {name for row in rows for name in (row.label, *row.raters)} - {""}
    for row in _first_of_each(rows, lambda row: (row.image, row.channels)):
        if row.image in maps and row.image not in (row.label, *row.raters):
            yield row.line, "image", f"{row.image}: is a label map as well; name the image"
        for name, path in row.channels:
            if path in maps:
                text = "is a label map as well; name the image of this channel"
                yield row.line, "channels", f"{name}: {path}: {text}"


def _copied_truth(rows: Rows, images: Files, labels: Files) -> Iterator[Fault]:
    """Images and channels with the voxels of a label map, under another name, so that methods would see the truth."""
    maps = {name for row in rows for name in (row.label, *row.raters)}
    truths = {labels[name].digest: short(name) for name in maps} | {"": ""}
    for row in _first_of_each(rows, lambda row: (row.image, row.channels)):
        for name in {row.image, *dict(row.channels).values()} - maps:
            if truth := truths.get(images[name].digest, ""):
                key = "image" if name == row.image else "channels"
                yield row.line, key, f"{name}: holds the voxels of the label map {truth}; name the image"


def _wrong_values(rows: Rows, labels: Files) -> Iterator[Fault]:
    """Objects without a voxel, and values that no case of the structure has, once for each set of values."""
    present = _values_present(rows, labels)
    reported = set()
    for row in rows:
        values, counts = set(row.label_values), labels[row.label].counts
        holds = f"{short(row.label)} holds {shown_values(counts)}"
        never = values - present[row.structure]
        if not values or not labels[row.label].grid:
            continue
        if values & set(row.ignore_values):
            both = values_text(values & set(row.ignore_values))
            text = f"{both}: is a value of the structure too; remove it from one of them"
            yield row.line, "ignore_values", text
        elif not values & counts.keys():
            text = (
                f"{values_text(values)}: the object is empty, {holds}; correct the values or remove the row"
            )
            yield row.line, "label_values", text
        elif never and (row.structure, row.label_values) not in reported:
            reported.add((row.structure, row.label_values))
            text = f"{values_text(never)}: in no label map of {row.structure!r}, {holds}; correct the values"
            yield row.line, "label_values", text


def _empty_raters(rows: Rows, labels: Files) -> Iterator[Fault]:
    for row in rows:
        for name in row.raters:
            counts = labels[name].counts
            if labels[name].grid and not set(row.label_values) & counts.keys():
                text = f"{short(name)}: the object is empty, it holds {shown_values(counts)}; remove it from the list"
                yield row.line, "raters", text


def _partial_values(rows: Rows, labels: Files) -> Iterator[Fault]:
    """Label values of a structure that a label map lacks and those of other cases have."""
    present = _values_present(rows, labels)
    for row in rows:
        values, counts = set(row.label_values), labels[row.label].counts
        lacking = values & present[row.structure] - counts.keys()
        if lacking and values & counts.keys():
            text = f"{values_text(lacking)}: not in {row.label}, but in other cases of {row.structure!r}"
            yield row.line, "label_values", text


def _doubtful_grids(rows: Rows, images: Files) -> Iterator[Fault]:
    for row in _first_of_each(rows, lambda row: row.image):
        for text in images[row.image].notes:
            yield row.line, "image", f"{short(row.image)}: {text}"


def _values_present(rows: Rows, labels: Files) -> dict[str, set[int]]:
    present: defaultdict[str, set[int]] = defaultdict(set)
    for row in rows:
        present[row.structure].update(labels[row.label].counts)
    return present


def _first_of_each(rows: Rows, key: Callable[[ManifestRow], object]) -> list[ManifestRow]:
    first: dict[object, ManifestRow] = {}
    for row in rows:
        first.setdefault(key(row), row)
    return list(first.values())


def _unlike_scanners(rows: Rows, images: Files) -> Iterator[Fault]:
    """A note for each modality that has images with tenfold different intensities."""
    for modality in sorted({row.modality for row in rows}):
        own = [row for row in rows if row.modality == modality and row.channel is None]
        levels = {
            row.image: (images[row.image].level, row.line) for row in own if images[row.image].level > 0
        }
        if not levels:
            continue
        (low, _), (high, line) = min(levels.values()), max(levels.values())
        if high >= TENFOLD * low:
            text = (
                f"mean intensities of {modality or 'its'} images differ from {low:.4g} to {high:.4g}; networks "
                "normalise each image by itself unless their card says 'normalisation: training'"
            )
            yield line, "image", text
