"""The list of a run's figures, read without importing what draws them."""

from __future__ import annotations

from pathlib import Path

from bifseg.core.files import check_hash, read_needed


def read_figures(folder: Path) -> list[dict[str, str]]:
    """The figures that `write_figures` wrote.

    Args:
        folder: RESULTS/RUN/figures.

    Returns:
        `name`, `title`, `caption` and `sha256` of each figure, in reading order.

    Raises:
        InputError: the index or an SVG file differs from the one that was written.
    """
    index: list[dict[str, str]] = read_needed(folder / "index.json", "figures")["figures"]
    for figure in index:
        path = folder / f"{figure['name']}.svg"
        check_hash(path, figure["sha256"], f"delete {folder} and draw the figures again")
    return index
