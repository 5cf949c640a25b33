"""`bifseg cohort from`: a manifest and a card from data as users have them."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.progress import tracked
from bifseg.cohorts.manifest import SPLITS, listed, read_label_values
from bifseg.core.errors import InputError

Name = Annotated[str, typer.Option(help="name of the cohort; default: the layout's")]
Seen = Annotated[str, typer.Option(help="structures that networks are trained on: A,B")]
Unseen = Annotated[str, typer.Option(help="structures that they never see: C")]
Structures = Annotated[
    list[str], typer.Option(help="NAME=VALUES, as liver=1,2, in place of the layout's own; repeat for more")
]
Modalities = Annotated[
    list[str],
    typer.Option(help="modality or channel of all structures, or STRUCTURE=MODALITY; repeat for more"),
]
Columns = Annotated[
    str, typer.Option(help="of tsv: its columns for those of a manifest: image=t2_file,label=mask_file")
]
Dimension = Annotated[
    int | None, typer.Option(min=2, max=3, help="3, or 2 for instances in slices; default: the images'")
]
Shares = Annotated[
    str, typer.Option(help="shares of patients: train,validation,test, where no split is given")
]
SHARES = "0.7,0.1,0.2"


def make_from(
    layout: Annotated[
        str,
        typer.Argument(
            help="brats2015, brats2018 (also 2019, 2020), brats2021, brats2023 (and later), msd, nnunet, bids or tsv",
            show_default=False,
        ),
    ],
    path: Annotated[Path, typer.Argument(help="where the data are; of tsv the table", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", help="folder of the card and the manifest", show_default=False)
    ],
    name: Name = "",
    seen: Seen = "",
    unseen: Unseen = "",
    structure: Structures = [],  # noqa: B006 typer copies it
    modality: Modalities = [],  # noqa: B006
    columns: Columns = "",
    dimension: Dimension = None,
    split_shares: Shares = SHARES,
    seed: Annotated[int, typer.Option(help="of the splits, by the patients' names")] = 2018,
    force: Annotated[bool, typer.Option("--force", help="replace a card or manifest that differs")] = False,
) -> None:
    """Make OUT/NAME.yaml and OUT/NAME.tsv from data laid out as challenges and tools do; images stay where they are.

    Files are looked at once; what cannot be used is left out, said, and listed in OUT/NAME.left-out.tsv. Patients
    are put into splits by the seed and their names; splits that a layout gives are kept.
    """
    from bifseg.cohorts.readers.layout import LayoutOptions, safe_name
    from bifseg.cohorts.readers.making import CohortRequest, make
    from bifseg.cohorts.readers.writing import summary, write_cohort

    if columns and layout != "tsv":
        raise InputError(f"--columns {columns}: is for the layout tsv only; remove it")
    asked = LayoutOptions(
        {key: _values(key, text) for key, text in _pairs("--structure", structure).items()},
        _pairs("--modality", modality, alone=""),
        _pairs("--columns", listed(columns)),
    )
    wanted = CohortRequest(_shares(split_shares), seed, listed(seen), listed(unseen), dimension)
    name = name or layout
    if name != safe_name(name):
        raise InputError(f"--name {name}: cannot name a cohort; use letters, digits, '_', '.' and '-'")
    made = make(layout, path, asked, wanted, tracked(f"reading {layout}"))
    files = write_cohort(made, out, name, shlex.join(["bifseg", *sys.argv[1:]]), force)
    typer.echo(summary(made, out / f"{name}.yaml"))
    typer.echo(f"wrote {', '.join(map(str, files))}")


def _pairs(option: str, texts: Iterable[str], alone: str | None = None) -> dict[str, str]:
    """Value by key of KEY=VALUE; a value without a key goes under `alone` where that is given."""
    pairs: dict[str, str] = {}
    for text in texts:
        key, sign, value = (part.strip() for part in text.partition("="))
        if not sign and alone is not None:
            key, value = alone, key
        if not value or (sign and not key) or key in pairs:
            raise InputError(f"{option} {text}: write it as {option} NAME=VALUE, each name once")
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
        raise InputError(f"--split-shares {text}: write three shares, for {', '.join(SPLITS)}: 0.7,0.1,0.2")
    return dict(zip(SPLITS, shares, strict=True))
