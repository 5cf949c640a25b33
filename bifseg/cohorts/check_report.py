"""The report of a check of a cohort: problems, notes and a table of the structures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tabulate import tabulate

from bifseg.cohorts.files import File
from bifseg.cohorts.manifest import SPLITS, ManifestRow, Problem
from bifseg.core.wording import counted

Rows = Sequence[ManifestRow]
Files = dict[str, File]
"""Contents of files by their paths in the manifest."""


@dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
        rows: the manifest's rows, sorted by case and structure.
        labels: grid and values of the label maps, including those of raters, by their path in the manifest.
        problems: all problems, sorted by file and line; a usable cohort has none.
        notes: warnings, which do not stop the preparation.
    """

    rows: tuple[ManifestRow, ...]
    labels: Files
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]

    def voxels(self, row: ManifestRow) -> int:
        """The number of voxels of a row's structure.

        Args:
            row: one of `rows`.

        Returns:
            Voxels with one of the row's label values; 0 if its label map cannot be read.
        """
        return sum(self.labels[row.label].counts.get(value, 0) for value in row.label_values)

    def records(self) -> list[dict[str, str]]:
        """One record per structure.

        Returns:
            Sorted by structure: modality, cases, rows per split, volumes in ml and spacings in mm.
        """
        by_structure = defaultdict(list)
        for row in self.rows:
            by_structure[row.structure].append(row)
        return [{"structure": name, **self._record(rows)} for name, rows in sorted(by_structure.items())]

    def table(self) -> str:
        """The records as a text table.

        Returns:
            A header and one aligned line per structure.
        """
        text: str = tabulate(self.records(), headers="keys", disable_numparse=True)
        return text

    def summary(self) -> str:
        """The table, the notes and the number of problems.

        Returns:
            Lines of text.
        """
        notes = [f"note: {text}" for text in grouped(self.notes)]
        numbers = f"{counted(len(self.rows), 'row')}, {counted(len(self.problems), 'problem')}"
        return "\n".join([self.table(), *notes, numbers])

    def _record(self, rows: Rows) -> dict[str, str]:
        grids = [(self.voxels(row), self.labels[row.label].grid) for row in rows]
        sizes = [(voxels, grid) for voxels, grid in grids if grid and grid.in_mm]  # else they are unknown
        return {
            "modality": ", ".join(sorted({row.modality for row in rows})),
            "cases": str(len({row.case for row in rows})),
            **{split: str(sum(row.split == split for row in rows)) for split in SPLITS},
            "volume (ml)": _range([voxels * grid.voxel_ml for voxels, grid in sizes]),
            "finest spacing (mm)": _range([min(grid.spacing) for _, grid in sizes]),
            "coarsest spacing (mm)": _range([max(grid.spacing) for _, grid in sizes]),
        }


def grouped(notes: Iterable[Problem]) -> list[str]:
    """Notes as lines, with one line for all notes of equal text.

    Args:
        notes: notes in the order of the lines.

    Returns:
        The first note of each text, with the number of other notes that have this text.
    """
    by_text: defaultdict[tuple[str, str], list[Problem]] = defaultdict(list)
    for note in notes:
        by_text[note.key, note.text.partition(": ")[2] or note.text].append(note)
    return [f"{first} (and {len(more)} more)" if more else f"{first}" for first, *more in by_text.values()]


def _range(values: list[float]) -> str:
    if not values:
        return ""
    low, high = f"{min(values):.4g}", f"{max(values):.4g}"
    return low if low == high else f"{low} - {high}"
