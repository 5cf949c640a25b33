"""The pictures of docs/robot.md: `python docs/draw_robot.py docs/img` writes them all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch as Swatch
from matplotlib.patches import Rectangle

from bifseg.core.files import writing
from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.core.seeds import generator
from bifseg.robot.box import BOXES, box_kind
from bifseg.robot.policies.registry import POLICIES, Policy, policy
from bifseg.robot.users import USERS

TRUTH, RESULT, MISSED, LEAK = "#1a1a1a", "#1f77b4", "#f6d5b0", "#cfe2f3"
COLOURS = {True: "#d62728", False: "#2ca02c"}
N_BOXES = 6  # people in the picture of the boxes


class Example(NamedTuple):
    """A truth and a result to be corrected, on voxels of 1 mm in plane."""

    title: str
    truth: Mask
    result: Mask
    spacing: tuple[float, ...]


def examples() -> list[Example]:
    """Errors that a person meets: a part missed with a leak, an object missed, a rim, thick slices."""
    lobed = _blob((76, 84), (39, 37), 27, lobes=0.18)
    disc = _blob((76, 84), (38, 42), 24)
    thick = np.stack([_blob((76, 84), (39, 37), 27 - 3 * abs(z - 3), lobes=0.15) for z in range(7)])
    return [
        Example("a part missed, and a leak", lobed, _blob((76, 84), (37, 51), 25, lobes=0.1), (1.0, 1.0)),
        Example("the whole object missed", disc, np.zeros_like(disc), (1.0, 1.0)),
        Example("a rim too much", disc, _blob((76, 84), (38, 42), 33, lobes=0.06), (1.0, 1.0)),
        Example("1 × 1 × 6.5 mm", thick, np.roll(thick, (1, 8, 12), axis=(0, 1, 2)), (6.5, 1.0, 1.0)),
    ]


def draw_all(folder: Path) -> None:
    """Write `robot-NAME.png` of every policy, `robot-boxes.png` and `robot-users.png`."""
    for name in POLICIES:
        draw_policy(folder / f"robot-{policy(name).name}.png", policy(name))
    draw_boxes(folder / "robot-boxes.png")
    draw_users(folder / "robot-users.png")


def draw_policy(path: Path, robot: Policy) -> None:
    """Write the picture of `examples()`, each with a policy's strokes of one round."""
    figure = Figure(figsize=(10, 2.9), layout="constrained")
    for axes, example in zip(figure.subplots(1, 4), examples(), strict=True):
        _panel(axes, example, robot, robot.strokes_per_label)
    _save(figure, path)


def draw_users(path: Path) -> None:
    """Write the picture of one round of `centre-line/1` by each user; the thin leak is overlooked by some."""
    truth = _blob((76, 84), (39, 37), 27, lobes=0.18)
    result = _blob((76, 84), (37, 51), 25, lobes=0.1)
    result[66:71, 12:40] = True
    figure = Figure(figsize=(10, 2.9), layout="constrained")
    for axes, who in zip(figure.subplots(1, len(USERS)), USERS.values(), strict=True):
        _panel(axes, Example(who.name, truth, result, (1.0, 1.0)), who.plays(policy("centre-line/1")), 2)
    _save(figure, path)


def draw_boxes(path: Path) -> None:
    """Write the picture of the boxes that a few people would draw around one object, of each kind."""
    truth = np.pad(_blob((76, 84), (39, 37), 27, lobes=0.18), 25)
    figure = Figure(figsize=(10, 2.9), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(BOXES)), BOXES, strict=True):
        axes.imshow(np.where(truth, 0.85, 1.0), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        for k in range(N_BOXES):
            box = box_kind(name).draw(truth, (1.0, 1.0), 10, generator(k, "picture of boxes"))
            corner = (box.lower[1] - 0.5, box.lower[0] - 0.5)
            axes.add_patch(Rectangle(corner, *box.shape[::-1], fill=False, color=RESULT, linewidth=0.9))
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    with matplotlib.rc_context({"savefig.dpi": 150}), writing(path) as part:
        figure.savefig(part)


def _save(figure: Figure, path: Path) -> None:
    figure.legend(handles=_key(), loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    with matplotlib.rc_context({"savefig.dpi": 150}), writing(path) as part:
        figure.savefig(part)


def _panel(axes: Axes, example: Example, robot: Policy, most: int = 1) -> None:
    """One round: both contours, both kinds of error and the strokes in the slice of the first one."""
    strokes = robot.strokes(example.truth, example.result, example.spacing, generator(0, example.title), most)
    slices = [int(stroke.voxels[0, 0]) if example.truth.ndim == 3 else None for stroke in strokes]
    shown = slices[0]
    truth, result = (m if shown is None else m[shown] for m in (example.truth, example.result))
    here = [stroke for stroke, where in zip(strokes, slices, strict=True) if where == shown]
    axes.imshow(_coloured(truth, result, here), interpolation="nearest")
    axes.contour(truth, [0.5], colors=TRUTH, linewidths=1.2)
    if result.any():
        axes.contour(result, [0.5], colors=RESULT, linewidths=1.2, linestyles="--")
    for stroke in here:
        mark = "." if len(stroke.path) == 1 else ""
        axes.plot(*stroke.path[:, :-3:-1].T, mark, color=COLOURS[stroke.foreground], linewidth=1.3, ms=3)
    note = "" if shown is None else f", slice {shown + 1} of {len(example.truth)}"
    axes.set_title(example.title + note, fontsize=9)
    axes.set_axis_off()


def _coloured(truth: Mask, result: Mask, strokes: list[Stroke]) -> np.ndarray:
    """RGB of both kinds of error, and of the voxels that the brush painted."""
    picture = np.ones((*truth.shape, 3))
    picture[truth & ~result] = to_rgb(MISSED)
    picture[result & ~truth] = to_rgb(LEAK)
    for stroke in strokes:
        rows, columns = stroke.voxels[:, -2:].T
        picture[rows, columns] = 0.5 * picture[rows, columns] + 0.5 * np.array(
            to_rgb(COLOURS[stroke.foreground])
        )
    return picture


def _key() -> list[Line2D | Swatch]:
    return [
        Line2D([], [], color=TRUTH, label="ground truth"),
        Line2D([], [], color=RESULT, linestyle="--", label="result"),
        Swatch(color=MISSED, label="under-segmented"),
        Swatch(color=LEAK, label="over-segmented"),
        Line2D([], [], color=COLOURS[True], linewidth=3, label="foreground stroke"),
        Line2D([], [], color=COLOURS[False], linewidth=3, label="background stroke"),
    ]


def _blob(shape: tuple[int, int], centre: tuple[int, int], radius: float, lobes: float = 0.0) -> Mask:
    """A disc in voxels whose radius swings by the share `lobes`."""
    y, x = (grid - c for grid, c in zip(np.indices(shape), centre, strict=True))
    angle = np.arctan2(y, x)
    swing = np.sin(2 * angle) + 0.6 * np.cos(3 * angle + 1.0)
    return np.hypot(y, x) < radius * (1 + lobes * swing)


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]))
