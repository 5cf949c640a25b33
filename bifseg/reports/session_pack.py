"""The sessions of a cohort, packed small for the report's browser: pictures, masks and strokes.

Every array of an object is cut to its view, brought into canonical axes with the thickest first, and thinned where it
is large. A mask is a bit a voxel; a session's masks and strokes are one zlib stream in base64, which browsers unpack.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as Picture

from bifseg.analysis.names import FAILED, SESSION
from bifseg.analysis.stages import in_step_order, session_numbers
from bifseg.analysis.words import with_words
from bifseg.cards.entries import entry_name
from bifseg.cohorts.cohort import Cohort
from bifseg.core.geometry import Box, Grid, Image, Mask
from bifseg.core.reorientation import Reorientation
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive
from bifseg.sessions.record import Session

_MOST_SESSIONS = 3000  # of a cohort; of more, a sample
_WORST = 5  # sessions of an entry and structure that no sample leaves out
_MOST_VOXELS = (40, 160, 160)  # slices, rows and columns that a browser needs
_MARGIN = 0.15  # of the boxes, shown around them
_STEP = ("step", "dice", "n_prompts", "user_s", "status", "error")  # columns of the scores
_WINDOW = (1, 99)  # percentiles of the intensities inside the view that become black and white
_QUALITY = 80  # of JPEG


@dataclass(frozen=True)
class _View:
    """The part of an object's grid that is shown."""

    grid: Grid
    box: Box
    step: tuple[int, ...] = (1, 1, 1)

    @classmethod
    def around(cls, grid: Grid, boxes: Iterable[Box]) -> _View:
        """The view of an object that holds all its boxes.

        Args:
            grid: of the object's arrays.
            boxes: of its sessions.

        Returns:
            The boxes together with a margin.
        """
        lower, upper = np.array([(box.lower, box.upper) for box in boxes]).swapaxes(0, 1)
        whole = Box(tuple(lower.min(axis=0).tolist()), tuple(upper.max(axis=0).tolist()))
        margin = tuple(max(2, round(_MARGIN * n)) for n in whole.shape)
        box = whole.grow(margin, margin, grid.shape)
        shape = cls(grid, box).of(np.empty(box.shape, bool)).shape
        return cls(grid, box, tuple(-(-n // most) for n, most in zip(shape, _MOST_VOXELS, strict=True)))

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """An array as it is shown.

        Args:
            array: on the voxels of the box.

        Returns:
            Array (slices, rows, columns).
        """
        shown = array[np.newaxis] if array.ndim == 2 else self._turn.apply(array)
        if self._upside_down:
            shown = shown[:, ::-1]
        return shown[tuple(slice(None, None, step) for step in self.step)]

    @cached_property
    def _turn(self) -> Reorientation:
        return self.grid.canonical(thickest_first=True)

    @cached_property
    def _upside_down(self) -> bool:
        """Whether rows are along the world's z, which points up."""
        return len(self.grid.shape) == 3 and self.grid.canonical().axes[0] != self._turn.axes[0]

    @property
    def spacing(self) -> list[float]:
        """Distance of rows and of columns as they are shown."""
        axes = self._turn.axes[1:] if len(self.grid.shape) == 3 else (0, 1)
        return [
            round(self.grid.spacing[axis] * step, 4) for axis, step in zip(axes, self.step[1:], strict=True)
        ]


def pack_sessions(run: Path, cohort: Cohort, scores: pd.DataFrame) -> dict[str, Any]:
    """The sessions of a cohort for the browser.

    Args:
        run: RESULTS/RUN.
        cohort: the prepared cohort.
        scores: its rows of the run's scores.

    Returns:
        `objects`: name, structure, seen, `contrast` (distance of the mean intensities in and around the object
        within the view, in standard deviations), shape, spacing, picture and truth. `sessions`: index of the
        object, entry, protocol, replicate, outcome, steps with their Dice, prompts and user time, and the packed
        masks and strokes. `all`: how many sessions there are; of more than 3,000 a sample is packed, with every failed
        session and the worst five of each entry and structure.
    """
    rows = in_step_order(scores[[*SESSION, "structure", "round", *_STEP]])
    number, is_last = session_numbers(rows)
    sample = _sample(rows[is_last])
    chosen = with_words(sample[SESSION])
    steps: dict[tuple[Any, ...], list[dict[Any, Any]]] = {}
    for row in rows.loc[np.isin(number, number[sample.index]), [*SESSION, *_STEP]].to_dict("records"):
        steps.setdefault(tuple(row[name] for name in SESSION), []).append(row)
    archives: dict[str, Archive] = {}
    objects: list[dict[str, Any]] = []
    sessions: list[dict[str, Any]] = []
    for name, group in chosen.sort_values([*SESSION[4:], *SESSION[1:4]]).groupby("object", sort=True):
        played = []
        for key in zip(*(group[column] for column in SESSION), strict=True):
            entry = f"{key[1]}/{entry_name(key[2], key[3], key[6])}"
            if entry not in archives:
                archives[entry] = Archive(run / "sessions" / cohort.name / entry)
            played.append((key, archives[entry].load(Trial(str(name), key[5]).session)))
        listed = cohort.object(str(name))
        image, truth = cohort.image(listed), cohort.truth(listed)
        view = _View.around(image.grid, [session.box for _, session in played])
        sessions += [{"o": len(objects), **_session(steps[key], session, view)} for key, session in played]
        about = {"name": name, "structure": listed.structure, "seen": listed.seen}
        objects.append(about | _object(image, truth, view))
    return {"objects": objects, "sessions": sessions, "all": int(is_last.sum())}


def _sample(last: pd.DataFrame) -> pd.DataFrame:
    """All sessions, or of too many every failed one, the worst of each entry and structure, and some of the rest.

    The rest is an even sample by Dice of each entry and structure.
    """
    if len(last) <= _MOST_SESSIONS:
        return last
    groups = [group.sort_values("dice") for _, group in last.groupby([*SESSION[1:4], "structure"])]
    failed = [group[group["status"].isin(FAILED)] for group in groups]
    fine = [group[~group["status"].isin(FAILED)] for group in groups]
    each = max(_WORST, (_MOST_SESSIONS - sum(map(len, failed))) // len(groups))
    rest = (np.linspace(_WORST, len(group) - 1, each - _WORST) for group in fine)
    chosen = (
        group if len(group) <= each else group.iloc[np.unique([*range(_WORST), *places.round().astype(int)])]
        for group, places in zip(fine, rest, strict=True)
    )
    return pd.concat([*failed, *chosen])


def _object(image: Image, truth: Mask, view: _View) -> dict[str, Any]:
    voxels, inside = image.voxels[view.box.slices], truth[view.box.slices]
    low, high = np.percentile(voxels, _WINDOW)
    grey = (np.clip((voxels - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    shown = view.of(grey)
    stream = io.BytesIO()
    Picture.fromarray(np.ascontiguousarray(shown.reshape(-1, shown.shape[2]))).save(
        stream, "JPEG", quality=_QUALITY
    )
    return {
        "shape": list(shown.shape),
        "spacing": view.spacing,
        "picture": base64.b64encode(stream.getvalue()).decode(),
        "truth": _packed(_bits(view.of(inside))),
        "contrast": _contrast(voxels, inside),
    }


def _contrast(voxels: NDArray[np.float32], inside: Mask) -> float | None:
    """Distance of the mean intensities in and around the object, in standard deviations of both together."""
    spread = float(voxels.std())
    if not spread or not inside.any() or inside.all():
        return None
    return round(abs(float(voxels[inside].mean() - voxels[~inside].mean())) / spread, 3)


def _session(rows: list[dict[Any, Any]], session: Session, view: _View) -> dict[str, Any]:
    named = {step.name: step for step in session.steps}
    masks, drawn, steps = [], [], []
    for row in rows:
        step = named.get(row["step"])
        user_s = None if np.isnan(row["user_s"]) else round(row["user_s"], 1)
        steps.append([row["step"], round(row["dice"], 6), row["n_prompts"], user_s, int(step is not None)])
        if step is not None:
            whole = session.box.paste(step.mask, view.grid.shape)[view.box.slices]
            masks.append(_bits(view.of(whole)))
            drawn.append(_painted(step.strokes, view))
    ending = rows[-1]
    return {
        "entry": entry_name(ending["method"], ending["network"]),
        "protocol": ending["protocol"],
        "replicate": ending["replicate"],
        "status": ending["status"],
        "error": ending["error"],
        "steps": steps,
        "strokes": [[len(fore), len(back)] for fore, back in drawn],
        "undone": [k for k, step in enumerate(session.steps) if step.undo],
        "data": _packed(b"".join([*masks, *(voxels.tobytes() for pair in drawn for voxels in pair)])),
    }


def _painted(strokes: tuple[Stroke, ...], view: _View) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Flat indices in the view of the voxels that foreground and background strokes paint."""
    if not strokes:
        return np.empty(0, "<u4"), np.empty(0, "<u4")
    marks = Scribbles(view.grid.shape, strokes).label_map()
    shown = view.of(marks[view.box.slices]).ravel()
    fore, back = (np.flatnonzero(shown == label).astype("<u4") for label in (1, 2))
    return fore, back


def _bits(mask: Mask) -> bytes:
    """A bit a voxel, whole bytes."""
    return np.packbits(mask).tobytes()


def _packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 6)).decode()
