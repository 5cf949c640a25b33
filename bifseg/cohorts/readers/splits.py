"""Splits by patient: drawn from a seed, or read from a table or from nnU-Net's folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bifseg.cohorts.manifest import SPLITS
from bifseg.core.errors import InputError, short
from bifseg.core.files import read_json
from bifseg.core.seeds import generator
from bifseg.core.tables import delimiter_of, read_table

_FOLD_KEYS = {"train": "train", "val": "validation"}
_WHO = ("case", "patient", "group")


def draw_splits(given: Mapping[str, str], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of each patient.

    A patient with a given split keeps it. The others are ordered by a hash of the seed and their names, and divided by
    the shares among the splits that no patient has yet; if every split has one, among all of them.

    Args:
        given: split by patient, empty if it will be drawn.
        shares: shares of each split, at least 0, one above 0; they need not add up to 1.
        seed: seed of the draw.

    Returns:
        Split by patient.
    """
    free = [patient for patient, split in given.items() if not split]
    open_ = {split: share for split, share in shares.items() if share > 0 and split not in given.values()}
    open_ = open_ or {split: share for split, share in shares.items() if share > 0}
    order = sorted(free, key=lambda patient: (generator(seed, "split", patient).random(), patient))
    names = np.repeat(list(open_), sizes(len(order), list(open_.values())))
    return {**given, **dict(zip(order, names.tolist(), strict=True))}


def sizes(n: int, shares: Sequence[float]) -> list[int]:
    """A number divided into parts by largest remainder; equal remainders are rounded up in order.

    Args:
        n: the number.
        shares: shares of the parts, not all 0.

    Returns:
        The parts, with sum n; each is at least 1 if n is large enough, otherwise the n largest are 1.
    """
    exact = n * np.array(shares) / np.sum(shares)
    parts = np.floor(exact).astype(int)
    due = np.argsort((parts - exact).round(9), kind="stable")[: n - parts.sum()]
    parts[due] += 1
    while (parts == 0).any() and parts.max() > 1:
        parts[parts.argmax()] -= 1
        parts[np.where(parts == 0, shares, -1).argmax()] += 1
    return [int(part) for part in parts]


def read_splits(path: Path, fold: int = 0) -> dict[str, str]:
    """The split by the name of a case or of a patient, from a table or from nnU-Net's `splits_final.json`.

    Args:
        path: TSV or CSV with the columns `split` and `case`, `patient` or `group`; or JSON, a list of folds, each
            with the names of cases under `train` and `val`.
        fold: number of the fold in JSON, from 0; its `val` is the split `validation`.

    Returns:
        Split by name, at least one.

    Raises:
        InputError: the file cannot be read, a row or a fold is wrong, or a name has two splits.
    """
    if path.suffix.lower() == ".json":
        return _read_fold(path, fold)
    header, lines = read_table(path, "splits", delimiter_of(path))
    name_column = next((name for name in _WHO if name in header), None)
    if name_column is None or "split" not in header:
        raise InputError(f"{path}:1: needs the columns 'split' and 'case', 'patient' or 'group'; write them")
    splits: dict[str, str] = {}
    for line, cells in lines:
        name, split = ((cells.get(key) or "").strip() for key in (name_column, "split"))
        if not name or split not in SPLITS or splits.setdefault(name, split) != split:
            text = f"{name_column} {short(name)!r}, split {short(split)!r}"
            raise InputError(f"{path}:{line}: {text}: write each name once, with {', '.join(SPLITS)}")
    if not splits:
        raise InputError(f"{path}: no rows; write one for each case")
    return splits


def _read_fold(path: Path, fold: int) -> dict[str, str]:
    """The splits of one fold of nnU-Net's file."""
    try:
        folds = read_json(path, "correct the file, or take a copy of it")
    except OSError as error:
        raise InputError(f"{path}: splits: cannot be read ({error.strerror}); correct the path") from error
    try:
        names = [(name, split) for key, split in _FOLD_KEYS.items() for name in folds[fold][key]]
    except IndexError:
        raise InputError(
            f"{path}: has {len(folds)} folds, no fold {fold}; give --fold of these, from 0"
        ) from None
    except (KeyError, TypeError):
        raise InputError(
            f"{path}: is not a list of folds with 'train' and 'val', as nnU-Net writes it"
        ) from None
    splits: dict[str, str] = {}
    for name, split in names:
        if not isinstance(name, str) or splits.setdefault(name, split) != split:
            raise InputError(
                f"{path}: fold {fold}: {short(name)} is not a name, or in 'train' and 'val'; correct it"
            )
    if not splits:
        raise InputError(f"{path}: fold {fold}: names no case; correct it")
    return splits
