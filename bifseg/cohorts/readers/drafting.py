"""The rows of a valid manifest from a reader's cases, and the reasons why other cases are left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bifseg.cohorts.check_report import Files, Report
from bifseg.cohorts.checks import check_rows, inspect_files
from bifseg.cohorts.files import Progress
from bifseg.cohorts.manifest import (
    COLUMNS,
    OPTIONAL,
    Manifest,
    ManifestRow,
    Problem,
    cells_of,
    parse_cells,
    shown_values,
    values_text,
)
from bifseg.cohorts.names import composed, distinct_names
from bifseg.cohorts.readers import LAYOUTS
from bifseg.cohorts.readers.layout import LayoutOptions, LayoutScan, LeftOut, patient
from bifseg.cohorts.readers.splits import draw_splits
from bifseg.core.errors import InputError, short
from bifseg.core.wording import counted

_GIVE_VALUES = "give the values of all structures with --structure NAME=VALUES"


@dataclass(frozen=True)
class CohortRequest:
    """Properties of the cohort that the user wants.

    Attributes:
        shares: share of the patients in each split, if the layout gives no splits.
        seed: seed of the splits.
        seen, unseen: structures; both empty: the layout's own choice.
        dimension: 2 or 3; None: 2 if all label maps are 2D images or volumes of one slice, otherwise 3.
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
        report: report of the rows, sorted by case and structure, without problems.
        left_out: cases and structures without a row, sorted.
        notes: choices that were made and files that were skipped.
    """

    root: Path
    dimension: int
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    report: Report
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def draft_cohort(
    layout: str, path: Path, options: LayoutOptions, request: CohortRequest, progress: Progress = iter
) -> CohortDraft:
    """A cohort from a layout: the rows without problems, after each file was read once.

    Args:
        layout: a key of `LAYOUTS`.
        path: folder or table of the data.
        options: the user's statements about the data.
        request: properties of the cohort that the user wants.
        progress: wraps the names of the images, then those of the label maps.

    Returns:
        A cohort that `writing.write_cohort` can write.

    Raises:
        InputError: the layout is unknown, no case is usable, the label values are those of another layout, or a
            structure that the user names is in no usable case.
    """
    scan = _scan(layout, path, options)
    seen, unseen = _chosen(path, scan, options, request)
    drafts, left_out = _drafts(scan, (*seen, *unseen))
    if not drafts:
        raise _absent_everywhere(path, (*seen, *unseen)[0], left_out)
    manifest = _manifest(path, scan.root, _with_splits(drafts, request))
    files = inspect_files(manifest, progress)
    check_values = LAYOUTS[layout].check_values
    if check_values and not options.structures:
        check_values(path, files[1])
    dimension = request.dimension or _dimension(files[1])
    sound, faults = _sound_rows(manifest, files, dimension)
    left_out += faults
    present = {row.structure for row in sound}
    absent = [structure for structure in (*seen, *unseen) if structure not in present]
    if absent and (not sound or request.seen or request.unseen):
        raise _absent_everywhere(path, absent[0], left_out)
    left_out += [LeftOut("", structure, "in no usable case") for structure in absent]
    split_of_line = {row.line: row.split for row in drafts}
    rows = _with_splits([replace(row, split=split_of_line[row.line]) for row in sound], request)
    return CohortDraft(
        scan.root,
        dimension,
        tuple(structure for structure in seen if structure in present),
        tuple(structure for structure in unseen if structure in present),
        check_rows(_manifest(path, scan.root, rows), *files, dimension),
        tuple(sorted({*scan.left_out, *left_out}, key=lambda one: (one.reason, one.case, one.structure))),
        (*scan.notes, *_unnamed_values(scan, files[1])),
    )


def _scan(layout: str, path: Path, options: LayoutOptions) -> LayoutScan:
    """The result of a layout's reader, with the cases' names, patients and splits."""
    if layout not in LAYOUTS:
        raise InputError(f"layout: {short(layout)!r} is unknown; known are: {', '.join(LAYOUTS)}")
    scan = LAYOUTS[layout].find(Path(path).absolute(), options)
    if not scan.cases:
        why = "".join(f"; {one.case} {one.reason}" for one in scan.left_out[:1])
        why += "".join(f"; {note}" for note in scan.notes[:1])
        raise InputError(
            f"{path}: holds no case laid out as {layout}: {short(LAYOUTS[layout].about + why, 220)}"
        )
    if not scan.structures:
        raise InputError(f"{path}: names no structure; give --structure NAME=VALUES")
    names = distinct_names(case.name for case in scan.cases)
    scan = _with_patients(path, scan, options, names)
    if options.splits is None:
        return scan
    splits = {names.get(name, composed(name)): split for name, split in options.splits.items()}
    return _with_given_splits(path, scan, splits)


def _with_patients(
    path: Path, scan: LayoutScan, options: LayoutOptions, names: Mapping[str, str]
) -> LayoutScan:
    """The scan with a distinct name and the patient of each case."""
    pattern = options.patient_pattern
    cases = []
    for case in scan.cases:
        name, group = names[case.name], composed(case.group)
        if pattern:
            match = pattern.search(case.name)
            group = match[1] if match and pattern.groups else match[0] if match else ""
            if not group:
                text = f"gives no patient for the case {short(case.name)!r}; correct the pattern"
                raise InputError(f"{path}: --patient-pattern {short(pattern.pattern)} {text}")
        cases.append(replace(case, name=name, group=group or patient(name)))
    changed = sorted(text for text, name in names.items() if text not in (name, ""))
    count = counted(len(changed), "case")
    note = (
        f"{count} got names without special characters, e.g. {short(changed[0])} = {names[changed[0]]}"
        if changed
        else ""
    )
    return replace(scan, cases=cases, notes=[*scan.notes, *filter(None, [note])])


def _with_given_splits(path: Path, scan: LayoutScan, splits: Mapping[str, str]) -> LayoutScan:
    """The scan with the user's splits; other cases keep the layout's split, and those without any are left out."""
    cases, left_out, used = [], [], set()
    of_patient: dict[str, str] = {}
    for case in scan.cases:
        key = next((key for key in (case.name, case.group) if key in splits), None)
        split = splits[key] if key is not None else case.split
        if not split:
            left_out.append(
                LeftOut(case.name, "", "neither the case nor its patient is in the table of --splits")
            )
        else:
            used.add(key)
            if of_patient.setdefault(case.group, split) != split:
                raise InputError(
                    f"{path}: --splits puts the patient {short(case.group)!r} into two splits, e.g. by the case "
                    f"{short(case.name)!r}; correct the table"
                )
            cases.append(replace(case, split=split))
    if not used - {None}:
        raise InputError(
            f"{path}: no case is in the table of --splits, e.g. {scan.cases[0].name} is not; correct its names"
        )
    unused = sorted(splits.keys() - used)
    note = (
        f"{counted(len(unused), 'name')} in the table of --splits without a case, e.g. {short(unused[0])}"
        if unused
        else ""
    )
    notes = [*scan.notes, *filter(None, [note])]
    return replace(scan, cases=cases, left_out=[*scan.left_out, *left_out], notes=notes)


def _chosen(
    path: Path, scan: LayoutScan, options: LayoutOptions, request: CohortRequest
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The seen and the unseen structures: the user's, or those of the layout if the user names none."""
    unknown = {*request.seen, *request.unseen, *options.modalities} - {*scan.structures, ""}
    if unknown:
        known = short(", ".join(scan.structures), 150)
        raise InputError(f"{path}: structure: {short(min(unknown))!r} is unknown; known are: {known}")
    both = sorted({*request.seen} & {*request.unseen})
    if both:
        raise InputError(f"{path}: structure: {both[0]!r} cannot be both seen and unseen; name it once")
    if request.seen or request.unseen:
        return tuple(dict.fromkeys(request.seen)), tuple(dict.fromkeys(request.unseen))
    return tuple(scan.structures) if scan.seen is None else scan.seen, scan.unseen


def _drafts(scan: LayoutScan, structures: Iterable[str]) -> tuple[list[ManifestRow], list[LeftOut]]:
    """A row for each structure of each case, its split empty if it will be drawn; and structures without a row."""
    rows: dict[tuple[str, str], ManifestRow] = {}
    left_out = []
    for case in sorted(scan.cases, key=lambda case: case.name):
        own = scan.structures if case.structures is None else case.structures
        if not case.label:
            left_out.append(LeftOut(case.name, "", "no label map"))
            continue
        for name in (name for name in structures if name in own):
            source = case.images.get(own[name].modality)
            if not source or (case.name, name) in rows:
                reason = "occurs twice; the first is used" if source else f"no file for {own[name].modality}"
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
                ignore_values=case.ignore_values or scan.ignore_values,
                initial=case.initial,
                channels=case.channels,
            )
    return list(rows.values()), left_out


def _with_splits(rows: list[ManifestRow], request: CohortRequest) -> list[ManifestRow]:
    """The rows with the split of their patient; a split that one of a patient's rows has holds for all of them."""
    split_of: dict[str, str] = {}
    for row in rows:
        split_of[row.group] = split_of.get(row.group) or row.split
    splits = draw_splits(split_of, request.shares, request.seed)
    return [replace(row, split=row.split or splits[row.group], line=line) for line, row in enumerate(rows, 2)]


def _manifest(path: Path, root: Path, rows: Iterable[ManifestRow]) -> Manifest:
    """The manifest of the rows, which checks that their paths lie inside the root."""
    return parse_cells(path, root, [*COLUMNS, *OPTIONAL], [(row.line, cells_of(row)) for row in rows])


def _unnamed_values(scan: LayoutScan, labels: Files) -> list[str]:
    """A note about label values that the data should explain and do not; none without any."""
    known = {0}.union(scan.ignore_values, *(structure.values for structure in scan.structures.values()))
    unnamed = {name: values for name, file in labels.items() if (values := file.counts.keys() - known)}
    if not scan.names_all_values or not unnamed:
        return []
    name, values = next(iter(unnamed.items()))
    more = f" ({counted(len(unnamed), 'label map')} in all have such values)" if len(unnamed) > 1 else ""
    text = (
        f"holds {shown_values(values)}, to which the data give no name{more}; such voxels count as background"
    )
    return [f"{short(name)} {text}"]


def _dimension(labels: Files) -> int:
    shapes = [file.grid.shape for file in labels.values() if file.grid]
    return 2 if shapes and all(sum(n > 1 for n in shape) <= 2 for shape in shapes) else 3


def _sound_rows(
    manifest: Manifest, files: tuple[Files, Files], dimension: int
) -> tuple[list[ManifestRow], list[LeftOut]]:
    """The rows without a problem of their own, and those that are left out.

    A value that no case of a structure has is not the row's problem: the structure's definition is wrong. A problem of
    a file that several rows share is reported with the first of them only, so we check the others again.
    """
    left_out: list[LeftOut] = []
    while True:
        report = check_rows(manifest, *files, dimension)
        by_line = {row.line: row for row in manifest.rows}
        shared = {p for p in report.problems if p.key == "label_values" and report.voxels(by_line[p.line])}
        own = {p.line: p for p in reversed(report.problems) if p not in shared}
        if not own and shared:
            first = min(shared)
            text = first.text.removesuffix("correct the values") + _GIVE_VALUES
            raise InputError(f"{manifest.path}: {by_line[first.line].structure}: {first.key}: {text}")
        if not own:
            return list(manifest.rows), left_out
        rows = [row for row in manifest.rows if row.line not in own]
        left_out += [
            _left_out(by_line[line], _with_cases(problem, by_line), files[1][by_line[line].label].counts)
            for line, problem in own.items()
        ]
        manifest = replace(manifest, rows=tuple(rows), problems=())


def _with_cases(problem: Problem, by_line: Mapping[int, ManifestRow]) -> Problem:
    """The problem with cases in place of lines, since the user has not seen this manifest."""
    if problem.key not in ("structure", "group", "split"):
        return problem
    text = re.sub(r"\bline (\d+)\b", lambda match: f"case {by_line[int(match[1])].case!r}", problem.text)
    return replace(problem, text=text)


def _left_out(row: ManifestRow, problem: Problem, counts: Mapping[int, int]) -> LeftOut:
    """The reason why a row with a problem is left out, without the names of case and file."""
    if problem.key == "label_values" and row.label_values:
        text = shown_values(counts.keys() - {0})
        reason = f"no voxel has the value {values_text(row.label_values)}; the label map holds {text}"
        return LeftOut(row.case, row.structure, reason, row.label)
    file, _, text = problem.text.partition(": ")
    if file in (row.image, row.label, row.initial, *row.raters):
        text = text.replace(f" from {row.image};", " from the image;")
        return LeftOut(row.case, row.structure, text, file)
    return LeftOut(row.case, row.structure, f"{problem.key}: {problem.text}")


def _absent_everywhere(path: Path, structure: str, left_out: list[LeftOut]) -> InputError:
    """The error for a structure that no usable case has, with the most frequent reason."""
    why = _most_frequent(structure, left_out)
    return InputError(f"{path}: {structure}: in no usable case ({why}); correct that or leave it out")


def _most_frequent(structure: str, left_out: list[LeftOut]) -> str:
    """The most frequent reason why a structure is missing, with one case; without any, a reason for whole cases."""
    faults = [one for one in left_out if one.structure == structure]
    faults = faults or [one for one in left_out if not one.structure]
    if not faults:
        return "no case has it"
    ((reason, count),) = Counter(one.reason for one in faults).most_common(1)
    first = next(one for one in faults if one.reason == reason)
    where = ", ".join(filter(None, (first.case, first.file)))
    return f"{short(reason, 180)}: {counted(count, 'case')}, e.g. {short(where, 60)}"
