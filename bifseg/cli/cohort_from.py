"""`bifseg cohort from`: writes a manifest and a card for data in a common layout."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.option_groups import with_option_groups
from bifseg.cli.progress import tracked
from bifseg.cohorts.manifest import SPLITS, listed, read_label_values
from bifseg.core.errors import InputError, short

_LAYOUTS = (
    "brats2015, brats2018 (also 2019, 2020), brats2021, brats2023 (and later), msd, nnunet, bids or tsv"
)


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Options that turn the data of a layout into a cohort; each field is an option."""

    name: Annotated[str, typer.Option(help="name of the cohort; default: the layout's name")] = ""
    seen: Annotated[str, typer.Option(help="structures that networks are trained on: A,B")] = ""
    unseen: Annotated[str, typer.Option(help="structures that networks never see: C")] = ""
    structure: Annotated[
        list[str],
        typer.Option(
            help="NAME=VALUES, such as liver=1,2, instead of the layout's structures; repeat for more"
        ),
    ] = field(default_factory=list)
    modality: Annotated[
        list[str],
        typer.Option(help="modality or channel of all structures, or STRUCTURE=MODALITY; repeat for more"),
    ] = field(default_factory=list)
    columns: Annotated[
        str,
        typer.Option(help="for tsv: manifest columns from the table's: image=t2_file,label=mask_file"),
    ] = ""
    dimension: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=3,
            help="3, or 2 for instances in slices; default: 2 if every label map is one slice, else 3",
        ),
    ] = None
    split_shares: Annotated[
        str, typer.Option(help="shares of patients in train,validation,test, if the data have no splits")
    ] = "0.7,0.1,0.2"
    patient_pattern: Annotated[
        str,
        typer.Option(
            help="regular expression that finds the patient in a case's name: its first group, or the whole match"
        ),
    ] = ""
    splits: Annotated[
        Path | None,
        typer.Option(
            help="table with the columns split and case or patient, or nnU-Net's splits_final.json; cases without a "
            "split are left out"
        ),
    ] = None
    fold: Annotated[
        int, typer.Option(min=0, help="fold of splits_final.json; its val becomes the validation split")
    ] = 0


@with_option_groups
def cohort_from(
    layout: Annotated[str, typer.Argument(help=_LAYOUTS, show_default=False)],
    path: Annotated[Path, typer.Argument(help="folder of the data; for tsv the table", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="folder for the card and the manifest", show_default=False, file_okay=False
        ),
    ],
    data: DataOptions,
    seed: Annotated[
        int, typer.Option(help="seed of the splits, which also depend on patients' names")
    ] = 2018,
    force: Annotated[bool, typer.Option("--force", help="replace a card or manifest that differs")] = False,
) -> None:
    """Write OUT/NAME.yaml and OUT/NAME.tsv for data in the layout of a challenge or tool; images are not copied.

    Every file is read once. Cases that cannot be used are left out, printed, and listed in OUT/NAME.left-out.tsv.
    Splits of the layout or of --splits are kept; otherwise the seed and the patients' names determine them.
    """
    files = make_from(layout, path, out, data, seed, force)
    typer.echo(f"wrote {', '.join(map(str, files))}")


def make_from(layout: str, path: Path, out: Path, data: DataOptions, seed: int, force: bool) -> list[Path]:
    """Write card and manifest of a cohort, and print what was read, as `bifseg cohort from` does.

    Args:
        layout: name of the data's layout.
        path: folder of the data, or the table.
        out: folder for the card and the manifest.
        data: options that turn the data into a cohort.
        seed: seed of the splits.
        force: whether to replace a card or manifest that differs.

    Returns:
        The files that were written.

    Raises:
        InputError: an option is wrong, or the data cannot be used.
    """
    from bifseg.cohorts.readers.drafting import CohortRequest, draft_cohort
    from bifseg.cohorts.readers.layout import LayoutOptions
    from bifseg.cohorts.readers.splits import read_splits
    from bifseg.cohorts.readers.writing import summary, write_cohort

    if data.columns and layout != "tsv":
        raise InputError(f"--columns {data.columns}: only for the layout tsv; remove it")
    options = LayoutOptions(
        {key: _values(key, text) for key, text in _pairs("--structure", data.structure).items()},
        _pairs("--modality", data.modality, alone=""),
        _pairs("--columns", listed(data.columns)),
        _pattern(data.patient_pattern),
        None if data.splits is None else read_splits(data.splits, data.fold),
    )
    request = CohortRequest(
        _shares(data.split_shares), seed, listed(data.seen), listed(data.unseen), data.dimension
    )
    name = data.name or layout
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
        raise InputError(
            f"--name {short(name)}: cannot name a cohort; use up to 100 letters, digits, '_', '.' and '-'"
        )
    draft = draft_cohort(layout, path, options, request, tracked(f"reading {layout}"))
    files = write_cohort(draft, out, name, shlex.join(["bifseg", *sys.argv[1:]]), force)
    typer.echo(summary(draft, out / f"{name}.yaml"))
    return list(files)


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise InputError(f"--patient-pattern {short(text)}: not a regular expression ({error})") from error


def _pairs(option: str, texts: Iterable[str], alone: str | None = None) -> dict[str, str]:
    """Values by key from texts KEY=VALUE; a value without a key gets the key `alone` unless that is None."""
    pairs: dict[str, str] = {}
    for text in texts:
        key, sign, value = (part.strip() for part in text.partition("="))
        if not sign and alone is not None:
            key, value = alone, key
        if not value or (sign and not key) or key in pairs:
            raise InputError(f"{option} {short(text)}: write it as {option} NAME=VALUE, each name once")
        pairs[key] = value
    return pairs


def _values(structure: str, text: str) -> tuple[int, ...]:
    try:
        return read_label_values(text)
    except ValueError as error:
        raise InputError(f"--structure {structure}: {error}") from error


def _shares(text: str) -> dict[str, float]:
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if len(shares) != len(SPLITS) or min(shares) < 0 or not 0 < sum(shares) < math.inf:
        raise InputError(
            f"--split-shares {short(text)}: write three shares, for {', '.join(SPLITS)}: 0.7,0.1,0.2"
        )
    return dict(zip(SPLITS, shares, strict=True))
