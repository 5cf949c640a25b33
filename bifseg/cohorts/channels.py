"""Checks of the further channels of a case: files on the grid of its image, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bifseg.cohorts.files import File
from bifseg.cohorts.manifest import Fault, ManifestRow
from bifseg.core.grid_differences import differences


def broken_channels(rows: Sequence[ManifestRow], images: dict[str, File]) -> Iterator[Fault]:
    """Problems of the files in the column `channels`.

    Args:
        rows: rows of a manifest.
        images: contents of the images by their paths.

    Yields:
        Line, column and text of each problem; each file once.
    """
    reported = set()
    for row in rows:
        image_grid = images[row.image].image_grid(row.channel)
        for name, path in row.channels:
            grid, key = images[path].grid, (path, row.image)
            if key in reported:
                continue
            reported.add(key)
            if name == row.modality and path != row.image:
                text = f"the modality {name} is {row.image} already; name the channel otherwise"
                yield row.line, "channels", f"{name}: {path}: {text}"
            for text in images[path].problems:
                yield row.line, "channels", f"{name}: {path}: {text}"
            for difference in differences(image_grid, grid) if image_grid and grid else ():
                text = f"{name}: {path}: {difference} from {row.image}; resample it to this grid"
                yield row.line, "channels", text


def unlisted_channels(rows: Sequence[ManifestRow], listed: Collection[str]) -> Iterator[Fault]:
    """Channels that the cohort's card does not list.

    Args:
        rows: rows of a manifest.
        listed: `channels` of the card.

    Yields:
        Line, column and text of the first row of each such channel.
    """
    reported = set(listed)
    for row in rows:
        for name, _ in row.channels:
            if name not in reported:
                reported.add(name)
                yield row.line, "channels", f"{name!r} is not in the card's `channels`; add it to them"
