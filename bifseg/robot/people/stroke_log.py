"""A viewer's log of strokes: a JSON file for each person and image, with points and perhaps time stamps.

    {"points": "world",
     "strokes": [{"label": "foreground", "radius_mm": 2.0,
                  "path": [[12.0, 40.5, 3.0], [13.0, 41.0, 3.0]], "times_s": [0.0, 0.4]}]}

`points` is `world` (mm, x y z of the image file's world, LPS) or `voxel` (x y z indices from 0). `times_s` has a time
for each point, in seconds from any zero that all strokes of the file share.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bifseg.core.errors import InputError, short
from bifseg.core.files import read_json
from bifseg.core.geometry import Grid
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import brushed
from bifseg.robot.drawing.lines import DECIMALS, rounded
from bifseg.robot.people.recordings import Timed


class _Finite(BaseModel):
    """Base of the records: further keys are ignored, numbers must be finite."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class LoggedStroke(_Finite):
    """A stroke of a log."""

    label: Literal["foreground", "background"]
    radius_mm: Annotated[float, Field(ge=0)]
    path: Annotated[list[Annotated[list[float], Field(min_length=2, max_length=3)]], Field(min_length=1)]
    times_s: list[float] | None = None


class Log(_Finite):
    """The log of a person and an image."""

    points: Literal["world", "voxel"]
    strokes: Annotated[list[LoggedStroke], Field(min_length=1)]


def read_log(path: Path, grid: Grid) -> tuple[Timed, ...]:
    """The strokes of a log on the grid of its image.

    A stroke lies in one slice. Its brush is round in this slice and paints whole voxels.

    Args:
        path: the log.
        grid: grid of the image.

    Returns:
        The strokes in the order of the file; their times begin with 0.

    Raises:
        InputError: the file is missing or not such a log, a stroke leaves the image or its slice, or its times do not
            fit its points.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; correct the path")
    try:
        log = Log.model_validate(read_json(path, "see docs/robot.md"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {where or 'the log'}: {short(first['msg'])}; see docs/robot.md") from error
    zero = min((s.times_s[0] for s in log.strokes if s.times_s), default=0.0)
    timed = []
    for number, stroke in enumerate(log.strokes, 1):
        try:
            timed.append(_timed(stroke, log.points, grid, zero))
        except ValueError as error:
            raise InputError(f"{path}: stroke {number} {error}") from error
    return tuple(timed)


def _timed(logged: LoggedStroke, points: str, grid: Grid, zero: float) -> Timed:
    times = logged.times_s
    if times is not None:
        if len(times) != len(logged.path):
            raise ValueError(f"has {len(times)} times for {len(logged.path)} points; give one for each point")
        if any(b < a for a, b in pairwise(times)):
            raise ValueError("has times that go backwards")
    stroke = _stroke(logged, points, grid)
    return Timed(stroke) if times is None else Timed(stroke, times[0] - zero, times[-1] - zero)


def _stroke(logged: LoggedStroke, points: str, grid: Grid) -> Stroke:
    """The stroke on the image's voxels; raises ValueError if it leaves the image or its slice."""
    n_axes = grid.ndim if points == "voxel" else len(grid.origin)
    if {len(point) for point in logged.path} != {n_axes}:
        raise ValueError(f"has points without {n_axes} coordinates; give {', '.join('xyz'[:n_axes])} of each")
    given = np.array(logged.path, float)
    path = (given[:, ::-1] if points == "voxel" else grid.to_index(given)).round(DECIMALS)
    voxels = rounded(path)
    if (voxels < 0).any() or (voxels >= grid.shape).any():
        raise ValueError("leaves the image; was it drawn on another image or grid?")
    plane = _plane(voxels)
    spacing = (grid.spacing[plane[0]], grid.spacing[plane[1]])
    shown = np.ones((grid.shape[plane[0]], grid.shape[plane[1]]), bool)
    dense = _dense(path[:, plane], min(logged.radius_mm, min(spacing)) or min(spacing), spacing)
    flat = brushed(dense, shown, spacing, logged.radius_mm)
    painted = np.repeat(voxels[:1], len(flat), axis=0)
    painted[:, plane] = flat
    return Stroke(logged.label == "foreground", path, painted)


def _plane(voxels: NDArray[np.intp]) -> list[int]:
    """The two array axes of the slice that holds all voxels."""
    if voxels.shape[1] == 2:
        return [0, 1]
    still = [axis for axis in range(3) if np.ptp(voxels[:, axis]) == 0]
    if not still:
        raise ValueError("leaves its slice; record each slice's part as a stroke of its own")
    return [axis for axis in range(3) if axis != still[0]]


def _dense(line: NDArray[np.float64], step_mm: float, spacing: tuple[float, float]) -> NDArray[np.float64]:
    """The line with points at most a step apart, so that the brush leaves no gap."""
    parts = [line[:1]]
    for a, b in pairwise(line):
        n = max(1, int(np.ceil(np.hypot(*((b - a) * spacing)) / step_mm)))
        parts.append(a + np.outer(np.arange(1, n + 1) / n, b - a))
    return np.concatenate(parts).round(DECIMALS)
