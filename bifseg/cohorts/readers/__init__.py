"""Readers that make a manifest and a cohort card from a user's files, a module per layout. Images are not changed."""

from __future__ import annotations

from collections.abc import Mapping

from bifseg.cohorts.readers import bids, brats, brats2015, msd, nnunet, tsv
from bifseg.cohorts.readers.layout import Layout

LAYOUTS: Mapping[str, Layout] = {
    "brats2015": brats2015.LAYOUT,
    **{year: brats.layout(year) for year in ("brats2018", "brats2021", "brats2023")},
    "msd": msd.LAYOUT,
    "nnunet": nnunet.LAYOUT,
    "bids": bids.LAYOUT,
    "tsv": tsv.LAYOUT,
}
"""Layouts by their name in `bifseg cohort from NAME PATH`."""
