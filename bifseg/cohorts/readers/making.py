"""From the cases that a reader finds to the rows of a manifest that is right, and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bifseg.cohorts.checks import Files, Report, judge, look
from bifseg.cohorts.files import Progress
from bifseg.cohorts.manifest import (
    COLUMNS,
    OPTIONAL,
    Manifest,
    ManifestRow,
    Problem,
    cells_of,
    parse_cells,
    values_text,
)
from bifseg.cohorts.readers import LAYOUTS
from bifseg.cohorts.readers.layout import LayoutOptions, LayoutScan, LeftOut
from bifseg.cohorts.readers.splits import draw_splits
from bifseg.core.errors import InputError


@dataclass(frozen=True)
class CohortRequest:
    """What the cohort shall be.

    Attributes:
        shares: of the patients of each split, where the layout gives none.
        seed: of the splits.
        seen, unseen: structures; both empty: the layout's own choice.
        dimension: 2 or 3; None: 3, or 2 where the label maps are 2D images.
    """

    shares: Mapping[str, float]
    seed: int
    seen: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    dimension: int | None = None


@dataclass(frozen=True)
class CohortDraft:
    """A cohort that can be written.

    Attributes:
        root: folder that the rows' paths are relative to.
        dimension, seen, unseen: for its card.
        report: of the rows, sorted by case and structure, without problems.
        left_out: what is in no row, sorted.
        notes: what was chosen between and what was passed over.
    """

    root: Path
    dimension: int
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    report: Report
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def make(
    layout: str, path: Path, asked: LayoutOptions, wanted: CohortRequest, progress: Progress = iter
) -> CohortDraft:
    """Read a layout, look once at every file that it needs, and keep the rows that are right.

    Args:
        layout: a name of `LAYOUTS`.
        path: where the data are.
        asked: what the user says about the data.
        wanted: what the cohort shall be.
        progress: wraps the names of the images, then those of the label maps.

    Raises:
        InputError: the layout is unknown, nothing usable is there, the label values are those of another layout, or
            a structure that is asked for is in no usable case.
    """
    found = _find(layout, path, asked)
    seen, unseen = _chosen(path, found, asked, wanted)
    drafts, left_out = _drafts(found, (*seen, *unseen))
    if not drafts:
        _absent(path, [*seen, *unseen], left_out, [], wanted)
    manifest = _manifest(path, found.root, _with_splits(drafts, wanted))
    files = look(manifest, progress)
    refuse_others = LAYOUTS[layout].judge
    if refuse_others and not asked.structures:
        refuse_others(path, files[1])
    dimension = wanted.dimension or _dimension(files[1])
    sound, faults = _sound_rows(manifest, files, dimension)
    left_out += faults
    kept = {row.structure for row in sound}
    left_out += _absent(path, [s for s in (*seen, *unseen) if s not in kept], left_out, sound, wanted)
    given = {row.line: row.split for row in drafts}
    rows = _with_splits([replace(row, split=given[row.line]) for row in sound], wanted)
    return CohortDraft(
        found.root,
        dimension,
        tuple(structure for structure in seen if structure in kept),
        tuple(structure for structure in unseen if structure in kept),
        judge(_manifest(path, found.root, rows), *files, dimension),
        tuple(sorted({*found.left_out, *left_out}, key=lambda one: (one.reason, one.case, one.structure))),
        tuple(found.notes),
    )


def _find(layout: str, path: Path, asked: LayoutOptions) -> LayoutScan:
    if layout not in LAYOUTS:
        raise InputError(f"layout: {layout!r} is unknown; known are: {', '.join(LAYOUTS)}")
    found = LAYOUTS[layout].find(Path(path).absolute(), asked)
    if not found.cases:
        why = "".join(f"; {one.case} {one.reason}" for one in found.left_out[:1])
        why += "".join(f"; {note}" for note in found.notes[:1])
        raise InputError(f"{path}: holds no case laid out as {layout}: {LAYOUTS[layout].about}{why}")
    if not found.structures:
        raise InputError(f"{path}: names no structure; give --structure NAME=VALUES")
    return found


def _chosen(
    path: Path, found: LayoutScan, asked: LayoutOptions, wanted: CohortRequest
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Seen and unseen structures, as wanted or as the layout has them."""
    unknown = {*wanted.seen, *wanted.unseen, *asked.modalities} - {*found.structures, ""}
    if unknown:
        known = ", ".join(found.structures)
        raise InputError(f"{path}: structure: {min(unknown)!r} is unknown; known are: {known}")
    both = sorted({*wanted.seen} & {*wanted.unseen})
    if both:
        raise InputError(f"{path}: structure: {both[0]!r} cannot be both seen and unseen; name it once")
    if wanted.seen or wanted.unseen:
        return tuple(dict.fromkeys(wanted.seen)), tuple(dict.fromkeys(wanted.unseen))
    return tuple(found.structures) if found.seen is None else found.seen, found.unseen


def _drafts(found: LayoutScan, structures: Iterable[str]) -> tuple[list[ManifestRow], list[LeftOut]]:
    """A row for each structure of each case, with an empty split where it is to be drawn; and what has no row."""
    rows: dict[tuple[str, str], ManifestRow] = {}
    left_out = []
    for case in sorted(found.cases, key=lambda case: case.name):
        own = found.structures if case.structures is None else case.structures
        if not case.label:
            left_out.append(LeftOut(case.name, "", "no label map"))
            continue
        for name in (name for name in structures if name in own):
            source = case.images.get(own[name].modality)
            if not source or (case.name, name) in rows:
                reason = (
                    "is there twice; the first is taken" if source else f"no file for {own[name].modality}"
                )
                left_out.append(LeftOut(case.name, name, reason, case.label if source else ""))
                continue
            rows[case.name, name] = ManifestRow(
                line=len(rows) + 2,
                case=case.name,
                image=source.path,
                label=case.label,
                label_values=own[name].values,
                structure=name,
                modality=own[name].modality,
                split=case.split,
                group=case.group,
                channel=source.channel,
                raters=case.raters,
            )
    return list(rows.values()), left_out


def _with_splits(rows: list[ManifestRow], wanted: CohortRequest) -> list[ManifestRow]:
    """The rows with the split of their patient; one that is given to any of a patient's rows is all theirs."""
    given: dict[str, str] = {}
    for row in rows:
        given[row.group] = given.get(row.group) or row.split
    splits = draw_splits(given, wanted.shares, wanted.seed)
    return [replace(row, split=row.split or splits[row.group], line=line) for line, row in enumerate(rows, 2)]


def _manifest(path: Path, root: Path, rows: Iterable[ManifestRow]) -> Manifest:
    """The rows as a manifest reads them, which holds their paths inside the root."""
    return parse_cells(path, root, [*COLUMNS, *OPTIONAL], [(row.line, cells_of(row)) for row in rows])


def _dimension(labels: Files) -> int:
    return 2 if {file.grid.ndim for file in labels.values() if file.grid} == {2} else 3


def _sound_rows(
    manifest: Manifest, files: tuple[Files, Files], dimension: int
) -> tuple[list[ManifestRow], list[LeftOut]]:
    """The rows that have no problem of their own, and those that have.

    A value that no case of a structure has is no row's own problem, but one of what the structure was said to be.
    A file that several rows share is told at the first of them, so the rest is judged again.
    """
    left_out: list[LeftOut] = []
    while True:
        report = judge(manifest, *files, dimension)
        by_line = {row.line: row for row in manifest.rows}
        shared = {p for p in report.problems if p.key == "label_values" and report.voxels(by_line[p.line])}
        own = {p.line: p for p in reversed(report.problems) if p not in shared}
        if not own and shared:
            first = min(shared)
            raise InputError(f"{manifest.path}: {by_line[first.line].structure}: {first.key}: {first.text}")
        if not own:
            return list(manifest.rows), left_out
        rows = [row for row in manifest.rows if row.line not in own]
        left_out += [_left_out(by_line[line], problem) for line, problem in own.items()]
        manifest = replace(manifest, rows=tuple(rows), problems=())


def _left_out(row: ManifestRow, problem: Problem) -> LeftOut:
    if problem.key == "label_values" and row.label_values:
        reason = f"no voxel in the label map has a value of {values_text(row.label_values)}"
        return LeftOut(row.case, row.structure, reason, row.label)
    file, _, text = problem.text.partition(": ")
    if file in (row.image, row.label, *row.raters):
        text = text.replace(f" from {row.image};", " from the image;")
        return LeftOut(row.case, row.structure, text, file)
    return LeftOut(row.case, row.structure, f"{problem.key}: {problem.text}")


def _absent(
    path: Path,
    structures: list[str],
    left_out: list[LeftOut],
    sound: list[ManifestRow],
    wanted: CohortRequest,
) -> list[LeftOut]:
    """Structures without a row, as left out; raises InputError where nothing else is left or they were wanted."""
    if structures and (not sound or wanted.seen or wanted.unseen):
        why = _most_frequent(structures[0], left_out)
        raise InputError(f"{path}: {structures[0]}: in no usable case ({why}); correct that or leave it out")
    return [LeftOut("", structure, "in no usable case") for structure in structures]


def _most_frequent(structure: str, left_out: list[LeftOut]) -> str:
    """Why most cases lack a structure, with one of them; those without a label map count where there are no others."""
    told = [one for one in left_out if one.structure == structure] or [
        one for one in left_out if not one.structure
    ]
    if not told:
        return "no case has it"
    ((reason, count),) = Counter(one.reason for one in told).most_common(1)
    first = next(one for one in told if one.reason == reason)
    where = ", ".join(filter(None, (first.case, first.file)))
    return f"{reason}: {count} case{'s' * (count > 1)}, as {where}"
