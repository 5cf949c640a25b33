"""Pictures of sessions: the image, the truth, the result and the scribbles in one plane."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.overlap import dice
from bifseg.core.scribbles import Scribbles
from bifseg.reports.colours import BACKGROUND, FOREGROUND, RESULT, TRUTH
from bifseg.sessions.record import Session

_MARGIN = 0.15  # of the box, shown around it
_WINDOW = (1, 99)  # percentiles of the intensities inside the box that become black and white
_WIDTH = 2.7  # inches of a panel


class SessionFigure(Figure):
    """A figure that a notebook shows by itself, whatever matplotlib's backend is."""

    def _repr_png_(self) -> bytes:
        return _png(self)


@dataclass(frozen=True)
class Plane:
    """The slice of an object's arrays that is shown: all of a 2D array, else `index` along `axis`."""

    axis: int | None = None
    index: int = 0

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """The slice of an array.

        Args:
            array: on the object's grid, (z, y, x) or (y, x).

        Returns:
            The 2D array.
        """
        return array if self.axis is None else array.take(self.index, self.axis)

    def pick(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The values of the axes that the slice keeps.

        Args:
            values: one per axis of the array.

        Returns:
            Two values.
        """
        return tuple(value for axis, value in enumerate(values) if axis != self.axis)

    @property
    def origin(self) -> Literal["upper", "lower"]:
        """Where the first row is shown: z points up, as readers expect, and y down."""
        return "lower" if self.axis in (1, 2) else "upper"


@dataclass(frozen=True)
class Panel:
    """One picture of a figure: the image, and on it what is not None."""

    title: str
    truth: Mask | None = None
    result: Mask | None = None
    scribbles: Scribbles | None = None


def session_figure(
    image: Image, truth: Mask, session: Session, panels: Sequence[Panel], plane: Plane
) -> SessionFigure:
    """Panels side by side, each around the session's window in one plane, with a frame: the box that the user drew.

    Args:
        image: of the object, on the session's grid.
        truth: of the object, same shape.
        session: for the grid, window and box.
        panels: what is drawn, from the left.
        plane: the slice that is shown.

    Returns:
        The figure.

    Raises:
        ValueError: image or truth are not on the session's grid.
    """
    if not image.voxels.shape == truth.shape == session.grid.shape:
        raise ValueError(
            f"image {image.voxels.shape}, truth {truth.shape}, session {session.grid.shape} differ"
        )
    view = _view(plane, session.box, session.grid.shape)
    size = np.array(view.shape) * plane.pick(session.grid.spacing)
    height = _WIDTH * float(np.clip(size[0] / size[1], 0.4, 2.0))
    figure = SessionFigure(figsize=(_WIDTH * len(panels), height + 0.4), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)
    for axis, panel in zip(axes[0], panels, strict=True):
        axis.set_title(panel.title, fontsize=9.5, loc="left")
        _draw(axis, image, panel, session.box, plane, view)
        _frame(axis, session.drawn_box or session.box, plane)
    return figure


def step_panel(truth: Mask, session: Session, k: int) -> Panel:
    """The result of a session's step with the truth and all scribbles drawn so far; its title gives the Dice.

    Args:
        truth: of the object, on the session's grid.
        session: that was played.
        k: index of the step.

    Returns:
        The panel.
    """
    step = session.steps[k]
    result = session.box.paste(step.mask, session.grid.shape)
    title = f"{step.name}: Dice {100 * dice(result, truth):.1f}%"
    return Panel(title, truth, result, session.scribbles(k + 1))


def add_legend(figure: Figure) -> None:
    """Name the colours below the panels.

    Args:
        figure: of `session_figure`.
    """
    named = (
        ("truth", TRUTH),
        ("result", RESULT),
        ("foreground scribble", FOREGROUND),
        ("background scribble", BACKGROUND),
    )
    handles = [Line2D([], [], color=colour, lw=2, label=name) for name, colour in named]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, fontsize=8, frameon=False)


def shown_plane(truth: Mask, session: Session) -> Plane:
    """The slice that shows most of a session: in 3D the one with the most scribble voxels.

    The area of the truth decides between equal slices and in sessions without scribbles; axis 0 goes first after
    that.

    Args:
        truth: of the object, on the session's grid.
        session: for its scribbles.

    Returns:
        The plane; all of a 2D image.
    """
    if truth.ndim == 2:
        return Plane()
    drawn = session.scribbles().label_map() > 0
    axes = range(3) if drawn.any() else range(1)
    candidates = []
    for axis in axes:
        others = tuple(k for k in range(3) if k != axis)
        counts, areas = drawn.sum(axis=others), truth.sum(axis=others)
        index = int(np.lexsort((areas, counts))[-1])
        candidates.append((int(counts[index]), -axis, index))
    _, minus_axis, index = max(candidates)
    return Plane(-minus_axis, index)


def slice_plane(truth: Mask, session: Session, axis: int | None = None, index: int | None = None) -> Plane:
    """The plane of a slice that a user names.

    Args:
        truth: of the object, on the session's grid.
        session: for its scribbles.
        axis: of the slice; None chooses axis and slice as `shown_plane`.
        index: of the slice along `axis`; None is the slice with most truth.

    Returns:
        The plane.

    Raises:
        InputError: a 2D object has no slices, or there is no such slice.
    """
    if axis is None and index is None:
        return shown_plane(truth, session)
    if truth.ndim == 2:
        raise InputError("axis and index: the image is 2D and has no slices; leave them out")
    axis = axis or 0
    if not 0 <= axis < 3 or (index is not None and not 0 <= index < truth.shape[axis]):
        raise InputError(f"axis {axis}, index {index}: no slice of an image of shape {truth.shape}")
    areas = truth.sum(axis=tuple(k for k in range(3) if k != axis))
    return Plane(axis, int(areas.argmax()) if index is None else index)


def _view(plane: Plane, box: Box, shape: tuple[int, ...]) -> Box:
    """The box within the plane with a margin."""
    inside = Box(plane.pick(box.lower), plane.pick(box.upper))
    margin = tuple(max(2, round(_MARGIN * n)) for n in inside.shape)
    return inside.grow(margin, margin, plane.pick(shape))


def _draw(axis: Axes, image: Image, panel: Panel, box: Box, plane: Plane, view: Box) -> None:
    low, high = np.percentile(image.voxels[box.slices], _WINDOW)
    spacing = plane.pick(image.grid.spacing)
    axis.imshow(
        plane.of(image.voxels), cmap="gray", vmin=low, vmax=high, origin=plane.origin, interpolation="nearest"
    )
    if panel.scribbles is not None:
        axis.imshow(
            np.ma.masked_equal(plane.of(panel.scribbles.label_map()), 0),
            cmap=ListedColormap([FOREGROUND, BACKGROUND]),
            vmin=1,
            vmax=2,
            origin=plane.origin,
            interpolation="nearest",
        )
    for mask, colour, width in ((panel.truth, TRUTH, 1.3), (panel.result, RESULT, 1.6)):
        if mask is not None and plane.of(mask).any():
            _contour(axis, plane.of(mask), colour, width)
    axis.set_xlim(view.lower[1] - 0.5, view.upper[1] - 0.5)
    rows = (view.lower[0] - 0.5, view.upper[0] - 0.5)
    axis.set_ylim(rows if plane.origin == "lower" else rows[::-1])
    axis.set_aspect(spacing[0] / spacing[1])
    axis.set_axis_off()


def _frame(axis: Axes, box: Box, plane: Plane) -> None:
    """Draw a box where the slice crosses it."""
    if plane.axis is None or box.lower[plane.axis] <= plane.index < box.upper[plane.axis]:
        (top, left), (height, width) = plane.pick(box.lower), plane.pick(box.shape)
        corner, dashes = (left - 0.5, top - 0.5), (0, (4, 3))
        axis.add_patch(Rectangle(corner, width, height, fill=False, ec="#BBBBBB", ls=dashes, lw=1))


def _contour(axis: Axes, mask: Mask, colour: str, width: float) -> None:
    # A border of background closes contours at the edge of the image.
    padded = np.pad(mask.astype(float), 1)
    rows, columns = (np.arange(-1, n + 1) for n in mask.shape)
    axis.contour(columns, rows, padded, [0.5], colors=colour, linewidths=width)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(
        stream, format="png", dpi=120, bbox_inches="tight", pad_inches=0.03, metadata={"Software": None}
    )
    return stream.getvalue()
