"""The files of `bifseg robot compare`: a CSV, a page of tables, and pictures of strokes side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bifseg.core.files import write_text, writing
from bifseg.core.geometry import Mask
from bifseg.core.images import unit_range
from bifseg.reports.colours import BACKGROUND, FOREGROUND, TRUTH
from bifseg.reports.pipe_table import pipe_table
from bifseg.robot.people.pages import Page, ScribbleMap
from bifseg.robot.people.stroke_statistics import (
    EVERYWHERE,
    FITTED,
    LABELS,
    PEOPLE,
    STATISTICS,
    mean_distance,
)

_DIGITS = {"strokes": 1, "coverage": 3, "outside": 3}
_HEADERS = {
    "strokes": "strokes",
    "total_mm": "all, mm",
    "stroke_mm": "a stroke, mm",
    "thickness_mm": "thickness, mm",
    "coverage": "coverage",
    "border_mm": "to the border, mm",
    "outside": "outside",
}
_CAPTION = (
    "Median (quartiles) over drawings. Distance: the mean over the statistics of the Wasserstein distance to the "
    "people, a person's to the others, divided by the standard deviation of the people. A pixel of unknown size "
    "counts as 1 mm."
)


def comparison_page(comparison: pd.DataFrame, copies: list[str], fit: pd.DataFrame | None) -> str:
    """The comparison in Markdown: a table for each label over all images, the distances by group, and the fit.

    Args:
        comparison: rows of `stroke_statistics.compare`, with columns `who`, `label`, `statistic`, `group`.
        copies: a line for each drawing that was left out.
        fit: leave-one-out fits of a policy's parameters; None for none.

    Returns:
        The page.
    """
    everywhere = comparison[comparison.group == EVERYWHERE]
    parts = [
        f"**{label.capitalize()} strokes.** {_CAPTION}\n\n{_table(everywhere, label)}"
        for label in LABELS.values()
    ]
    parts.append(_distances(comparison))
    if fit is not None:
        parts.append(_fit_table(fit))
    if copies:
        listed = "".join(f"\n- {line}" for line in copies)
        parts.append(f"Left out, because these drawings are equal in every pixel:\n{listed}")
    return "\n\n".join(parts) + "\n"


def _table(everywhere: pd.DataFrame, label: str) -> str:
    part = everywhere[everywhere.label == label]
    far = mean_distance(part)[EVERYWHERE]
    rows = []
    for who, own in part.groupby("who", sort=False):
        cells = [_quartiles(own[own.statistic == name].iloc[0]) for name in STATISTICS]
        rows.append([_bold(who), *cells, _number(far.get(who, np.nan))])
    return pipe_table(["who", *_HEADERS.values(), "distance"], rows, ["who"])


def _quartiles(row: pd.Series) -> str:
    digits = _DIGITS.get(row.statistic, 1)
    if not row.n:
        return "–"
    return f"{row['median']:.{digits}f} ({row.q25:.{digits}f}–{row.q75:.{digits}f})"


def _distances(comparison: pd.DataFrame) -> str:
    """Distances of both labels together, and of the fitted statistics alone."""
    far = mean_distance(comparison).unstack("group", sort=False)
    far.insert(1, "all, fitted statistics", mean_distance(comparison, FITTED)[EVERYWHERE])
    rows = [[_bold(who), *(_number(value) for value in row)] for who, row in far.iterrows()]
    fitted = "; ".join(_HEADERS[name] for name in FITTED)
    text = (
        f"**Distance by images.** As above, for both labels; with few images mostly chance. Fitted: {fitted}."
    )
    return f"{text}\n\n{pipe_table(['who', *far.columns], rows, ['who'])}"


def _fit_table(fit: pd.DataFrame) -> str:
    rows = [
        [
            row["held_out"] or "nobody",
            row["chosen"],
            *(
                f"{_number(row[f'{kind}_default'])} → {_number(row[f'{kind}_chosen'])}"
                for kind in ("fitted", "held_out")
            ),
        ]
        for row in fit.to_dict("records")
    ]
    text = (
        "**Fit of `centre-line`.** Distance over the fitted statistics: of the defaults, then of the parameters "
        "nearest to the other people."
    )
    headers = ["left out", "nearest parameters", "to those fitted", "to the one left out"]
    return f"{text}\n\n{pipe_table(headers, rows, headers[:1])}"


def _bold(who: object) -> str:
    return f"**{who}**" if who == PEOPLE else str(who)


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}"


def write_comparison(
    out: Path,
    comparison: pd.DataFrame,
    pages: list[Page],
    robots: Mapping[str, Callable[[Page], ScribbleMap]],
    copies: list[str],
    fit: pd.DataFrame | None = None,
) -> None:
    """Write OUT/comparison.csv, comparison.md, people.png, and a picture of every image in OUT/overlays.

    `people.png` shows one image of each group, the one with the most people, without its grey values. It can be
    published where the image cannot.

    Args:
        out: folder of the files.
        comparison: as for `comparison_page`.
        pages: images with people's strokes.
        robots: by policy, the function that draws on a page.
        copies: a line for each drawing that was left out.
        fit: as for `comparison_page`.
    """
    write_text(out / "comparison.csv", comparison.to_csv(index=False, lineterminator="\n"))
    write_text(out / "comparison.md", comparison_page(comparison, copies, fit))
    if fit is not None:
        write_text(out / "fit.csv", fit.to_csv(index=False, lineterminator="\n"))
    groups = dict.fromkeys(page.group for page in pages)
    shown = [max((p for p in pages if p.group == name), key=lambda p: len(p.people)) for name in groups]
    _draw_side_by_side(out / "people.png", shown, robots, grey=False)
    for page in pages:
        _draw_side_by_side(out / "overlays" / f"{page.group}-{page.name}.png", [page], robots)


def _draw_side_by_side(
    path: Path, pages: list[Page], robots: Mapping[str, Callable[[Page], ScribbleMap]], grey: bool = True
) -> None:
    """A row an image: every person's strokes, then every policy's, on the image with the object's contour."""
    people = sorted({who for page in pages for who in page.people})
    columns = [*people, *robots]
    figure = Figure(figsize=(1.8 * len(columns), 1.9 * len(pages) + 0.4), layout="constrained")
    grid = figure.subplots(len(pages), len(columns), squeeze=False)
    for row, page in zip(grid, pages, strict=True):
        drawn = {**page.people, **{name: robot(page) for name, robot in robots.items()}}
        for axes, who in zip(row, columns, strict=True):
            axes.set_axis_off()
            if who in drawn:
                _panel(axes, page, drawn[who], grey)
        row[0].text(
            -0.05,
            0.5,
            page.group,
            transform=row[0].transAxes,
            rotation=90,
            va="center",
            ha="right",
            fontsize=8,
        )
    for axes, who in zip(grid[0], columns, strict=True):
        axes.set_title(who, fontsize=8)
    figure.legend(handles=_key(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    with matplotlib.rc_context({"savefig.dpi": 110}), writing(path) as part:
        figure.savefig(part)


def _panel(axes: Axes, page: Page, drawn: ScribbleMap, grey: bool) -> None:
    axes.imshow(
        _coloured(page, drawn, grey), interpolation="nearest", aspect=page.spacing[0] / page.spacing[1]
    )
    axes.contour(page.truth, [0.5], colors=TRUTH, linewidths=0.6)


def _coloured(page: Page, drawn: ScribbleMap, grey: bool) -> np.ndarray:
    """RGB of the strokes on the image, or on white."""
    plain = page.image is None or not grey
    shade = np.ones(page.truth.shape) if plain or page.image is None else unit_range(page.image)
    picture = np.repeat(shade[..., np.newaxis], 3, axis=2)
    for value, colour in ((1, FOREGROUND), (2, BACKGROUND)):
        here: Mask = drawn == value
        picture[here] = to_rgb(colour)
    return picture


def _key() -> list[Line2D | Patch]:
    return [
        Line2D([], [], color=TRUTH, label="the object's border"),
        Patch(color=FOREGROUND, label="foreground strokes"),
        Patch(color=BACKGROUND, label="background strokes"),
    ]
