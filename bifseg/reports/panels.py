"""What the figures of a run share: entries and their colours, one panel for each structure, the legend."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from bifseg.analysis.names import method_label, method_rank
from bifseg.analysis.paired import main_network

# Okabe and Ito's palette, which the colour-blind can tell apart; a method has one colour in every figure.
FIXED = {
    "base-net": "#6f6f6f",
    "base-crf": "#E69F00",
    "bifseg-w": "#56B4E9",
    "bifseg": "#0072B2",
    "grabcut": "#D55E00",
    "grabcut-opencv": "#8C510A",
    "slic-seg": "#009E73",
    "random-walks": "#CC79A7",
    "geos": "#000000",
    "growcut": "#B8A800",
}
OTHERS = ("#7B3294", "#66A61E", "#C51B7D", "#35978F", "#A6761D")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
"""Beside colours, for grey prints and the colour-blind."""
_DARK = {  # colours of a figure, and what they are on a dark page
    "#ffffff": "#1c2026",
    "#000000": "#e8e6e1",
    "#555555": "#a2abb6",
    "#e6e6e6": "#30363e",
    "#6f6f6f": "#a8a8a8",
    "#8c510a": "#cf9140",
    "#7b3294": "#b98ad0",
}
_DASHES = ("-", "--", ":", "-.")
STYLE: Any = {  # matplotlib types the keys one by one
    "svg.hashsalt": "bifseg",  # ids of the SVG's parts
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 150,
}


@dataclass(frozen=True)
class Entry:
    """A method with its network, as figures show it: colour and marker by method, dashes by network."""

    method: str
    network: str
    label: str
    colour: str
    marker: str
    dash: str


def entries(scores: pd.DataFrame) -> list[Entry]:
    """Methods with their networks in reading order.

    Args:
        scores: rows of all that is drawn together; colours and markers depend on the methods of the whole frame.

    Returns:
        An entry for each pair of method and network.
    """
    methods = sorted(scores["method"].unique(), key=method_rank)
    others = [method for method in methods if method not in FIXED]
    colours = FIXED | {method: OTHERS[k % len(OTHERS)] for k, method in enumerate(others)}
    main = main_network(scores)
    networks = sorted(set(scores["network"].unique()) - {""}, key=lambda name: (name != main, name))
    pairs = scores[["method", "network"]].drop_duplicates().itertuples(index=False, name=None)
    return [
        Entry(
            method,
            network,
            method_label(method, network, networks),
            colours[method],
            _MARKERS[methods.index(method) % len(_MARKERS)],
            _DASHES[networks.index(network) % len(_DASHES)] if network else "-",
        )
        for method, network in sorted(pairs, key=lambda pair: (method_rank(pair[0]), pair[1]))
    ]


def structures(scores: pd.DataFrame) -> list[tuple[str, bool]]:
    """The structures of a frame.

    Args:
        scores: with columns `structure` and `seen`.

    Returns:
        (structure, seen), seen ones first, then by name.
    """
    pairs = scores[["structure", "seen"]].drop_duplicates().itertuples(index=False, name=None)
    return sorted(((name, bool(seen)) for name, seen in pairs), key=lambda pair: (not pair[1], pair[0]))


def panels(
    scores: pd.DataFrame, width: float, height: float, scale: str = "Dice"
) -> tuple[Figure, list[Axes]]:
    """A titled panel per structure, two in a row, with one scale.

    Args:
        scores: with columns `structure` and `seen`.
        width: of a panel in inches.
        height: of a panel in inches.
        scale: label of the vertical axis.

    Returns:
        The figure, and its axes in the order of `structures`.
    """
    shown = structures(scores)
    columns = min(2, len(shown))
    lines = -(-len(shown) // columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(width * columns, height * lines), squeeze=False, sharey=True
    )
    for axis in grid[:, 0]:
        axis.set_ylabel(scale)
    axes = list(grid.flat)
    for spare in axes[len(shown) :]:
        spare.remove()
    for axis, (structure, seen) in zip(axes, shown, strict=False):
        axis.set_title(f"{structure.replace('_', ' ')} ({'seen' if seen else 'unseen'})")
    figure.subplots_adjust(wspace=0.16, hspace=0.42)
    return figure, axes[: len(shown)]


def in_protocol(rows: pd.DataFrame, cast: Sequence[Entry], protocol: str) -> list[Entry]:
    """The entries that have sessions under a protocol.

    Args:
        rows: of the scores.
        cast: the entries to choose from.
        protocol: its name.

    Returns:
        Those of `cast`, in its order.
    """
    return with_rows(rows[rows["protocol"] == protocol], cast)


def with_rows(rows: pd.DataFrame, cast: Sequence[Entry]) -> list[Entry]:
    """The entries that have rows.

    Args:
        rows: with columns `method` and `network`.
        cast: the entries to choose from.

    Returns:
        Those of `cast`, in its order.
    """
    pairs = rows[["method", "network"]].drop_duplicates()
    players = set(zip(pairs["method"], pairs["network"], strict=True))
    return [entry for entry in cast if (entry.method, entry.network) in players]


def of(rows: pd.DataFrame, entry: Entry, structure: str) -> pd.DataFrame:
    """The rows of an entry on a structure.

    Args:
        rows: with columns `method`, `network` and `structure`.
        entry: method and network.
        structure: its name.

    Returns:
        A part of `rows`; empty where the entry has none.
    """
    by_entry = (rows["method"] == entry.method) & (rows["network"] == entry.network)
    return rows[by_entry & (rows["structure"] == structure)]


def legend(figure: Figure, cast: Sequence[Entry], lines: bool) -> None:
    """Name the entries above the panels.

    Args:
        figure: with its panels placed.
        cast: the entries.
        lines: whether the figure shows them as lines, and not as boxes of their colours.
    """
    if lines:
        handles = [Line2D([], [], color=p.colour, ls=p.dash, marker=p.marker, ms=4, lw=1.8) for p in cast]
    else:
        handles = [Line2D([], [], color=p.colour, ls="", marker="s", ms=8) for p in cast]
    top = figure.subplotpars.top
    figure.legend(
        handles,
        [p.label for p in cast],
        loc="lower left",
        bbox_to_anchor=(figure.subplotpars.left - 0.01, top + 0.28 / figure.get_figheight()),
        ncols=min(len(cast), 5, max(1, 110 // (8 + max(len(p.label) for p in cast)))),
        borderaxespad=0,
        handletextpad=0.4,
        columnspacing=1.4,
    )


def surroundings(figure: Figure) -> Bbox:
    """The box around everything that a figure shows: found once, it serves all files of the figure.

    Args:
        figure: to be written.

    Returns:
        The box in inches, with the margin that `savefig` leaves.
    """
    return figure.get_tightbbox().padded(plt.rcParams["savefig.pad_inches"])


def svg(figure: Figure, around: Bbox | None = None) -> bytes:
    """The SVG of a figure, without a date, for light and dark pages; closes the figure.

    Args:
        figure: to be drawn.
        around: its `surroundings`, if they are known.

    Returns:
        Bytes of the SVG file.
    """
    text = io.BytesIO()
    figure.savefig(text, format="svg", metadata={"Date": None}, bbox_inches=around or surroundings(figure))
    plt.close(figure)
    return text.getvalue().replace(b"</style>", f"{_dark_style()}</style>".encode(), 1)


def _dark_style() -> str:
    """The style of an SVG on a dark page; text has no colour of its own."""
    rules = "".join(
        f'[style*="{what}: {light}"]{{{what}:{dark}!important}}'
        for light, dark in _DARK.items()
        for what in ("fill", "stroke")
    )
    return f"@media (prefers-color-scheme:dark){{svg{{fill:{_DARK['#000000']}}}{rules}}}"
