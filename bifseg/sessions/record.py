"""The record of a session: every prompt in world mm, every mask, every second.

An archive holds three entries a session: `session.json` (identity, box, strokes, times, status), `masks.npz` (the
mask of each step inside the box) and `final.nii.gz` (the last mask on the image file's grid).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal

import numpy as np

from bifseg.core.geometry import Box, Grid, Mask
from bifseg.core.images import write_mask
from bifseg.core.scribbles import Scribbles, Stroke

Status = Literal["ok", "failed", "timeout", "stuck"]
Ending = Literal[
    "target", "satisfied", "no visible error", "stuck", "rounds", "no prompts", "failed", "timeout"
]
"""How a session ended. `satisfied`: there is no target, and the user finds no error worth a stroke. `no visible
error`: the result is below the target, and the user sees no error to correct."""


@dataclass(frozen=True)
class Identity:
    """The label that a run gives a session: the key columns of `scores`. A session outside a run needs none."""

    run: str = ""
    cohort: str = ""
    case: str = ""
    object: str = ""
    structure: str = ""
    seen: bool = False
    dimension: int = 2
    split: str = ""
    method: str = ""
    network: str = ""
    protocol: str = ""
    policy: str = ""
    box: str = "margin/1"
    user: str = "expert"
    replicate: int = 0
    disturbance: str = ""
    level: int = 0

    @property
    def seed_key(self) -> tuple[str | int, ...]:
        """The names that seed the draws of boxes and strokes: the same for every method and protocol."""
        return self.cohort, self.case, self.structure, self.object, self.replicate


@dataclass(frozen=True)
class Step:
    """One result in a session.

    Attributes:
        name: `initial`, `unsupervised`, `round-1`, `round-2`, ...
        strokes: the strokes that the user drew for this step, on the object's grid.
        mask: the result inside the box, of the box's shape.
        seconds: seconds of this step alone. `robot` and `machine` (the whole method) by the session's clock;
            `network`, `label_update` and `method` (the whole method) as the method states them.
        undo: whether the user took back the round before, instead of drawing.
    """

    name: str
    strokes: tuple[Stroke, ...]
    mask: Mask
    seconds: dict[str, float]
    undo: bool = False

    @property
    def round(self) -> int:
        """0 for the steps before any scribbles, then the number of the round."""
        return int(self.name.removeprefix("round-")) if self.name.startswith("round-") else 0


@dataclass(frozen=True)
class Session:
    """The record of one method on one object under one protocol.

    Attributes:
        identity: the run's label of the session.
        grid: the object's grid: the image's, or that of one slice of it.
        box: the window on that grid: the robot's box, which the method was given if `box_drawn`, or the image.
        steps: results in order; a failed session keeps the steps before the failure.
        ended: why the session ended.
        status: a `failed` or `timeout` session has no final result; that of a `stuck` one is its last step.
        error: one line; empty if `status` is `ok`.
        fingerprint: hash of everything that the result depends on.
        box_drawn: whether the user drew the box.
        peak_mb: highest memory in MiB of the process (`rss`) and of the GPU (`gpu`), as the method states them.
        confinement: what confined the method (`sandbox.confine`); empty if it ran in the session's own process.
        adaptation: how the user's prompts were changed for the method, in words; empty if they were not.
        drawn_box: the box that the user drew where results may lie outside of it; None: it is `box`, or none was drawn.
    """

    ENTRIES: ClassVar = ("session.json", "masks.npz", "final.nii.gz")
    _PLAIN: ClassVar = (
        "ended",
        "status",
        "error",
        "fingerprint",
        "box_drawn",
        "peak_mb",
        "confinement",
        "adaptation",
    )
    """Fields that session.json holds as they are."""

    identity: Identity
    grid: Grid
    box: Box
    steps: tuple[Step, ...]
    ended: Ending
    status: Status = "ok"
    error: str = ""
    fingerprint: str = ""
    box_drawn: bool = True
    peak_mb: dict[str, float] = field(default_factory=dict)
    confinement: str = ""
    adaptation: str = ""
    drawn_box: Box | None = None

    def scribbles(self, steps: int | None = None) -> Scribbles:
        """All strokes up to a step.

        Args:
            steps: how many steps from the first one count; None: all.

        Returns:
            The strokes on the object's grid in the order of drawing, without those that were taken back.
        """
        drawn: list[tuple[Stroke, ...]] = []
        for step in self.steps[:steps]:
            drawn = drawn[:-1] if step.undo else [*drawn, step.strokes]
        return Scribbles(self.grid.shape, tuple(stroke for strokes in drawn for stroke in strokes))

    def to_entries(self, whole: Grid, plane: tuple[int, int] | None = None) -> dict[str, bytes]:
        """The session as an archive stores it.

        Args:
            whole: grid of the image file.
            plane: (axis, index) of the object's slice; None if the object is on the whole image.

        Returns:
            The bytes of each entry by its name, in the order of `ENTRIES`. Without steps the final mask is empty.
        """
        masks = np.zeros((len(self.steps), *self.box.shape), bool)
        for k, step in enumerate(self.steps):
            masks[k] = step.mask
        packed = io.BytesIO()
        np.savez_compressed(packed, packed=np.packbits(masks), shape=np.array(masks.shape))
        final = masks[-1] if len(masks) else np.zeros(self.box.shape, bool)
        on_slice = self.box.paste(final, self.grid.shape)
        if plane is None:
            on_image = on_slice
        else:
            on_image = np.zeros(whole.shape, bool)
            on_image[(slice(None),) * plane[0] + (plane[1],)] = on_slice
        record = json.dumps(self._to_json(), sort_keys=True)
        contents = (record.encode(), packed.getvalue(), _nifti(on_image, whole))
        return dict(zip(self.ENTRIES, contents, strict=True))

    @classmethod
    def from_entries(cls, entries: Mapping[str, bytes]) -> Session:
        """The session that `to_entries` stored.

        Args:
            entries: bytes by name; `final.nii.gz` is not read.

        Returns:
            An equal session; seconds are rounded to 1e-6.
        """
        data = json.loads(entries["session.json"])
        with np.load(io.BytesIO(entries["masks.npz"])) as stored:
            shape = tuple(int(n) for n in stored["shape"])
            masks = np.unpackbits(stored["packed"], count=int(np.prod(shape))).reshape(shape).astype(bool)
        grid = Grid.from_record(data["grid"])
        box = Box(*(tuple(data["box"][side]) for side in ("lower", "upper"))).within(grid.shape)
        steps = tuple(
            Step(
                s["name"],
                tuple(Stroke.from_record(r, grid) for r in s["strokes"]),
                mask,
                s["seconds"],
                s.get("undo", False),
            )
            for s, mask in zip(data["steps"], masks, strict=True)
        )
        rest = {key: data[key] for key in cls._PLAIN if key in data}  # older sessions lack the last
        drawn = Box(*map(tuple, data["drawn_box"])).within(grid.shape) if data.get("drawn_box") else None
        return cls(Identity(**data["identity"]), grid, box, steps, **rest, drawn_box=drawn)

    def _to_json(self) -> dict[str, Any]:
        corners = self.grid.to_world(np.array([self.box.lower, np.array(self.box.upper) - 1]))
        return {
            "identity": asdict(self.identity),
            "grid": asdict(self.grid),
            "box": {
                "lower": list(self.box.lower),
                "upper": list(self.box.upper),
                "corners_mm": corners.round(4).tolist(),
            },
            "steps": [
                {
                    "name": step.name,
                    "strokes": [stroke.to_record(self.grid) for stroke in step.strokes],
                    "seconds": {key: round(value, 6) for key, value in step.seconds.items()},
                    "undo": step.undo,
                }
                for step in self.steps
            ],
            **{key: getattr(self, key) for key in self._PLAIN},
            "drawn_box": [self.drawn_box.lower, self.drawn_box.upper] if self.drawn_box else None,
        }


def _nifti(mask: Mask, grid: Grid) -> bytes:
    with TemporaryDirectory() as folder:
        write_mask(Path(folder) / "final.nii.gz", mask, grid, durable=False)
        return (Path(folder) / "final.nii.gz").read_bytes()
