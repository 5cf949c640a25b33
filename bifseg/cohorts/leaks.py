"""Checks for one patient in two splits, or under two names: by equal images, and by names of cases."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from bifseg.cohorts.check_report import Files, Rows
from bifseg.cohorts.manifest import Fault, ManifestRow
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.errors import short


def equal_images(rows: Rows, images: Files) -> tuple[list[Fault], list[Fault]]:
    """Patients whose images, or further channels, hold the same voxels as another patient's.

    Args:
        rows: rows of a manifest.
        images: contents of the images by their paths.

    Returns:
        Line, column and text of each patient: those of two splits, which are problems, and those of one split.
    """
    across: list[Fault] = []
    within: list[Fault] = []
    for row, name, other, other_name in _equal_pairs(rows, images):
        same = f"{short(name)}: holds the same voxels as {short(other_name)} of {short(other.case, 50)!r}"
        if row.split == other.split:
            text = f"{same}; both count as patients, so give both one group"
            within.append((row.line, "image", text))
        elif row.split and other.split:
            text = f"{same}, which is in the split {other.split!r}; remove one, or give both one group"
            across.append((row.line, "image", text))
    return across, within


def _equal_pairs(rows: Rows, images: Files) -> Iterator[tuple[ManifestRow, str, ManifestRow, str]]:
    """A row and its file, and the first row with these voxels, of another patient, and its file; each patient once."""
    first: dict[str, tuple[ManifestRow, str]] = {}
    found = set()
    for row in rows:
        for name in (row.image, *dict(row.channels).values()):
            digest = images[name].digest
            other, other_name = first.setdefault(digest, (row, name))
            if digest and row.group != other.group and (digest, row.group) not in found:
                found.add((digest, row.group))
                yield row, name, other, other_name


def names_across_splits(rows: Iterable[ManifestRow] | Iterable[ObjectRow]) -> list[str]:
    """A warning if cases of different splits have names that begin alike.

    `case107_day19` and `case107_day20` may be two scans of one patient. Names are compared up to their first part with
    a digit in which the cases differ.

    Args:
        rows: rows of a manifest, or objects; cases with a stated patient are left out.

    Returns:
        One line, or usually none.
    """
    splits = {row.case: (row.group, row.split) for row in rows if row.case and row.group == row.case}
    parts = {case: re.findall(r"[^_.\-]+[_.\-]*", case) for case in splits}
    for n in range(1, max(map(len, parts.values()), default=0)):
        stems: defaultdict[str, set[str]] = defaultdict(set)
        for case, words in parts.items():
            if len(words) > n and re.search(r"\d", words[n - 1]):
                stems["".join(words[:n]).rstrip("_.-")].add(case)
        if len(stems) > 1:
            return _across(stems, splits)
    return []


def _across(stems: Mapping[str, set[str]], splits: Mapping[str, tuple[str, str]]) -> list[str]:
    """The warning about cases of one stem in different splits; none if there are no such cases."""
    pairs = []
    for stem, cases in sorted(stems.items()):
        ordered = sorted(cases, key=lambda case: (splits[case][1], case))
        pairs += [
            (stem, a, b)
            for a, b in pairwise(ordered)
            if splits[a][1] != splits[b][1] and splits[a][0] != splits[b][0]
        ]
    if not pairs:
        return []
    stem, a, b = pairs[0]
    pattern = re.sub(r"\d+", r"\\d+", re.escape(stem))
    n = len({stem for stem, _, _ in pairs})
    return [
        f"{short(a, 50)} ({splits[a][1]}) and {short(b, 50)} ({splits[b][1]}) begin alike; {n} such prefixes. "
        f"If these are patients, make the cohort with --patient-pattern '^{pattern}'"
    ]
