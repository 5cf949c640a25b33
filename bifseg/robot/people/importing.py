"""Recordings of people's strokes, made from maps of scribbles and from the logs of a viewer.

A table (TSV) has a row for each drawing and its image. A folder in the layout of MedScribble needs no table.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bifseg.core.errors import InputError, short
from bifseg.core.geometry import Grid
from bifseg.core.grid_differences import differences
from bifseg.core.images import read_array, read_grid
from bifseg.core.tables import read_table
from bifseg.robot.drawing.tracing import strokes_in
from bifseg.robot.people.pages import as_scribble_map, copies, drawing_key, person_of
from bifseg.robot.people.recordings import Recorded, Timed, read_truth
from bifseg.robot.people.stroke_log import read_log

log = logging.getLogger(__name__)

COLUMNS = ("set", "image", "truth", "person", "drawn")
"""Columns that a table needs; `label` may be one more."""


@dataclass(frozen=True)
class Drawing:
    """A row of the table.

    Attributes:
        group: name of the set of images.
        name: name of the image.
        image: file of the image; None: unknown.
        truth: file of the ground truth.
        label: value of the object in the truth; None: every value but 0.
        person: name of the person.
        drawn: map of scribbles, or a log (`.json`).
    """

    group: str
    name: str
    image: Path | None
    truth: Path
    label: int | None
    person: str
    drawn: Path


def listed_drawings(source: Path) -> list[Drawing]:
    """The drawings of a table, or of a folder in the layout of MedScribble.

    Args:
        source: a TSV file with the columns `set`, `image`, `truth`, `person`, `drawn` and perhaps `label`, with
            paths relative to the file; or a folder that contains one folder an image, at any depth, with `label.png`,
            `human_scribble_0.png`, ... and perhaps `image.png`.

    Returns:
        At least one drawing.

    Raises:
        InputError: the source is missing or holds no drawing, or the table lacks a column or a value.
    """
    drawings = list(_of_folder(source)) if source.is_dir() else list(_of_table(source))
    if not drawings:
        raise InputError(
            f"{source}: no drawing; give a table with the columns {', '.join(COLUMNS)}, or a folder of folders with "
            "label.png and human_scribble_0.png, ..."
        )
    return drawings


def _of_folder(folder: Path) -> Iterable[Drawing]:
    for label in sorted(folder.rglob("label.png")):
        image = label.with_name("image.png")
        place = label.parent
        for path in sorted(place.glob("human_scribble_*.png")):
            shown = image if image.is_file() else None
            yield Drawing(place.parent.name, place.name, shown, label, None, person_of(path), path)


def _of_table(table: Path) -> Iterable[Drawing]:
    if not table.is_file():
        raise InputError(f"{table}: no such file or folder")
    header, rows = read_table(table, "drawings")
    lacking = [name for name in COLUMNS if name not in header]
    if lacking:
        raise InputError(
            f"{table}: lacks the column {lacking[0]}; it needs {', '.join(COLUMNS)}, tabs between"
        )
    for name in header:
        if name not in (*COLUMNS, "label"):
            log.warning("%s: %s: not a column of drawings; ignored", table, short(name, 60))
    for number, row in rows:
        yield _of_row(row, table, number)


def _of_row(row: Mapping[str, str], table: Path, number: int) -> Drawing:
    empty = [name for name in COLUMNS if name != "image" and not row[name]]
    label = row.get("label") or ""
    if empty or (label and not label.isdecimal()):
        wrong = f"{empty[0]} is empty" if empty else f"label is {short(label)}, not a whole number"
        raise InputError(f"{table}, line {number}: {wrong}; correct it")
    truth, drawn = table.parent / row["truth"], table.parent / row["drawn"]
    image = table.parent / row["image"] if row["image"] else None
    name = (image or truth).name.split(".")[0]
    if name in ("image", "label"):
        name = truth.parent.name
    return Drawing(row["set"], name, image, truth, int(label) if label else None, row["person"], drawn)


def imported(drawings: list[Drawing]) -> tuple[list[Recorded], list[str]]:
    """The recordings of drawings, without those that are equal in several files.

    Nobody draws the same twice to the voxel: all but one of equal drawings are copies, and it is unknown which.

    Args:
        drawings: drawings of at least one image.

    Returns:
        The images in the order of the drawings, and a line for each set of equal drawings.

    Raises:
        InputError: a file is unreadable, on another grid than its truth, or has an unknown value; an image has two
            truths or labels; or a person drew twice on an image.
    """
    images: dict[tuple[str, str], Recorded] = {}
    for drawing in drawings:
        key = drawing.group, drawing.name
        if key not in images:
            images[key] = _image(drawing)
        item = images[key]
        if item.truth != drawing.truth:
            raise InputError(
                f"{drawing.truth}: {'/'.join(key)} also has the truth {item.truth}; rename one image"
            )
        if item.label != drawing.label:
            labels = " and ".join("any" if one is None else str(one) for one in (item.label, drawing.label))
            raise InputError(
                f"{drawing.drawn}: {'/'.join(key)} has the labels {labels}; give the rows of each label a `set`"
            )
        if drawing.person in item.people:
            raise InputError(
                f"{drawing.drawn}: {drawing.person} already drew on {'/'.join(key)}; name another"
            )
        strokes = _strokes(drawing, item.grid)
        images[key] = replace(item, people={**item.people, drawing.person: strokes})
    return _without_copies(list(images.values()))


def _image(drawing: Drawing) -> Recorded:
    """The image of a drawing, still without strokes; raises InputError if image and truth are on different grids."""
    grid = read_grid(drawing.truth)
    read_truth(drawing.truth, drawing.label)
    if drawing.image is not None:
        _check_grid(drawing.image, read_grid(drawing.image), grid)
    return Recorded(drawing.group, drawing.name, drawing.truth, drawing.label, drawing.image, grid, {})


def _strokes(drawing: Drawing, grid: Grid) -> tuple[Timed, ...]:
    """The strokes of a log, or of a map of scribbles on the grid of the truth."""
    path = drawing.drawn
    if path.suffix == ".json":
        return read_log(path, grid)
    voxels, own = read_array(path)
    _check_grid(path, own, grid)
    drawn = as_scribble_map(path, voxels)
    return tuple(
        Timed(stroke) for value in (1, 2) for stroke in strokes_in(drawn == value, value == 1, grid.spacing)
    )


def _check_grid(path: Path, own: Grid, grid: Grid) -> None:
    unequal = list(differences(grid, own))
    if unequal:
        raise InputError(f"{path}: {'; '.join(unequal)}; save it on the grid of the truth")


def _without_copies(images: list[Recorded]) -> tuple[list[Recorded], list[str]]:
    """The images without drawings that are equal in several files, and a line for each set of equal drawings."""
    maps = [{person: item.scribbles(person).label_map() for person in item.people} for item in images]
    copied, lines = copies(
        (f"{item.group}/{item.name} {person}", drawn)
        for item, of_item in zip(images, maps, strict=True)
        for person, drawn in of_item.items()
    )
    distinct = [
        replace(item, people={p: s for p, s in item.people.items() if drawing_key(of_item[p]) not in copied})
        for item, of_item in zip(images, maps, strict=True)
    ]
    return distinct, lines
