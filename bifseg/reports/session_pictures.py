"""Pictures of sessions: the image, the truth, the result and the scribbles in one plane."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.metrics import dice
from bifseg.core.scribbles import Scribbles
from bifseg.sessions.record import Session

TRUTH, RESULT, FOREGROUND, BACKGROUND = "#F05BC8", "#F0E442", "#E8590C", "#56B4E9"
"""Colours of contours and scribbles: told apart by the colour-blind, and on grey."""
_MARGIN = 0.15  # of the box, shown around it
_WINDOW = (1, 99)  # percentiles of the intensities inside the box that become black and white


@dataclass(frozen=True)
class Plane:
    """The slice of an object's arrays that is shown: all of a 2D array, else `index` along `axis`."""

    axis: int | None = None
    index: int = 0

    def of(self, array: NDArray) -> NDArray:
        """The slice of an array."""
        return array if self.axis is None else array.take(self.index, self.axis)

    def pick(self, values: tuple) -> tuple:
        """Of one value per array axis, those of the slice."""
        return tuple(value for axis, value in enumerate(values) if axis != self.axis)

    @property
    def origin(self) -> Literal["upper", "lower"]:
        """Where the first row is shown: z goes up, as people expect, and y down."""
        return "lower" if self.axis in (1, 2) else "upper"


def session_picture(image: Image, truth: Mask, session: Session) -> bytes:
    """PNG of the initial, the unsupervised and the last result, side by side, with Dice of the whole object.

    Args:
        image: of the object, on the session's grid.
        truth: of the object, same shape.
        session: a panel is drawn for each of the steps that it has; without any, the truth alone.

    Raises:
        ValueError: image or truth are not on the session's grid.
    """
    if not image.voxels.shape == truth.shape == session.grid.shape:
        raise ValueError(
            f"image {image.voxels.shape}, truth {truth.shape}, session {session.grid.shape} differ"
        )
    plane = shown_plane(truth, session)
    panels = _panels(session)
    view = _view(plane, session.box, session.grid.shape)
    size = np.array(view.shape) * plane.pick(session.grid.spacing)
    width = 2.7
    height = width * float(np.clip(size[0] / size[1], 0.4, 2.0))
    figure, axes = plt.subplots(
        1, len(panels), figsize=(width * len(panels), height + 0.4), squeeze=False, layout="constrained"
    )
    for axis, (title, mask, scribbles) in zip(axes[0], panels, strict=True):
        score = f"Dice {100 * dice(mask, truth):.1f}%" if mask is not None else "no result"
        axis.set_title(f"{title}: {score}", fontsize=9.5, loc="left")
        _draw(axis, image, truth, mask, scribbles, session.box, plane, view)
    stream = io.BytesIO()
    figure.savefig(
        stream, format="png", dpi=120, bbox_inches="tight", pad_inches=0.03, metadata={"Software": None}
    )
    plt.close(figure)
    return stream.getvalue()


def shown_plane(truth: Mask, session: Session) -> Plane:
    """In 3D the slice with the most scribble voxels; ties, and sessions without any, by the truth's area.

    Axis 0 goes first where two slices are equal.
    """
    if truth.ndim == 2:
        return Plane()
    drawn = session.scribbles().label_map() > 0
    axes = range(3) if drawn.any() else range(1)
    found = []
    for axis in axes:
        others = tuple(k for k in range(3) if k != axis)
        counts, areas = drawn.sum(axis=others), truth.sum(axis=others)
        index = int(np.lexsort((areas, counts))[-1])
        found.append((int(counts[index]), -axis, index))
    _, minus_axis, index = max(found)
    return Plane(-minus_axis, index)


def _panels(session: Session) -> list[tuple[str, Mask | None, Scribbles]]:
    """Title, result on the object's grid, and scribbles drawn so far of each panel."""
    steps = session.steps
    if not steps:
        return [("initial", None, Scribbles(session.grid.shape))]
    chosen = [k for k, step in enumerate(steps) if step.round == 0 or k == len(steps) - 1]
    return [
        (steps[k].name, session.box.paste(steps[k].mask, session.grid.shape), session.scribbles(k + 1))
        for k in chosen
    ]


def _view(plane: Plane, box: Box, shape: tuple[int, ...]) -> Box:
    """The box within the plane with a margin."""
    inside = Box(plane.pick(box.lower), plane.pick(box.upper))
    margin = tuple(max(2, round(_MARGIN * n)) for n in inside.shape)
    return inside.grow(margin, margin, plane.pick(shape))


def _draw(
    axis: Axes,
    image: Image,
    truth: Mask,
    mask: Mask | None,
    scribbles: Scribbles,
    box: Box,
    plane: Plane,
    view: Box,
) -> None:
    low, high = np.percentile(image.voxels[box.slices], _WINDOW)
    spacing = plane.pick(image.grid.spacing)
    axis.imshow(
        plane.of(image.voxels), cmap="gray", vmin=low, vmax=high, origin=plane.origin, interpolation="nearest"
    )
    drawn = plane.of(scribbles.label_map())
    axis.imshow(
        np.ma.masked_equal(drawn, 0),
        cmap=ListedColormap([FOREGROUND, BACKGROUND]),
        vmin=1,
        vmax=2,
        origin=plane.origin,
        interpolation="nearest",
    )
    for contour, colour, width in ((truth, TRUTH, 1.3), (mask, RESULT, 1.6)):
        if contour is not None and plane.of(contour).any():
            # A border of background closes contours at the edge of the image.
            padded = np.pad(plane.of(contour).astype(float), 1)
            rows, columns = (np.arange(-1, n + 1) for n in plane.of(contour).shape)
            axis.contour(columns, rows, padded, [0.5], colors=colour, linewidths=width)
    (top, left), (height, width_) = plane.pick(box.lower), plane.pick(box.shape)
    frame = Rectangle((left - 0.5, top - 0.5), width_, height, fill=False, ec="#BBBBBB", ls=(0, (4, 3)), lw=1)
    axis.add_patch(frame)
    axis.set_xlim(view.lower[1] - 0.5, view.upper[1] - 0.5)
    rows_ = (view.lower[0] - 0.5, view.upper[0] - 0.5)
    axis.set_ylim(rows_ if plane.origin == "lower" else rows_[::-1])
    axis.set_aspect(spacing[0] / spacing[1])
    axis.set_axis_off()
