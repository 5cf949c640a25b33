"""The record of a session: every prompt in world mm, every mask, every second.

A session is a folder: `session.json` (identity, box, strokes, times, status), `masks.npz` (the mask of
each step inside the box) and `final.nii.gz` (the last mask on the image's own grid).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bifseg.geometry import Box, Grid, Mask
from bifseg.images import write_mask
from bifseg.scribbles import Scribbles, Stroke
from bifseg.store import read_json, write_json, writing_folder

Status = Literal["ok", "failed", "timeout", "stuck"]
Ending = Literal["target", "satisfied", "stuck", "rounds", "no prompts", "failed"]


@dataclass(frozen=True)
class Identity:
    """Which session it is: the key columns of the scores."""

    run: str
    cohort: str
    case: str
    object: str
    structure: str
    seen: bool
    dimension: int
    split: str
    method: str
    network: str
    protocol: str
    policy: str
    box: str = "margin/1"
    user: str = "expert"
    replicate: int = 0


@dataclass(frozen=True)
class Step:
    """One result in a session.

    Attributes:
        name: `initial`, `unsupervised`, `round-1`, `round-2`, ...
        strokes: what the robot drew before this step, on the object's grid.
        mask: the result inside the box.
        seconds: time of this step alone: `robot`, `network`, `label_update` and `machine` (the whole method).
    """

    name: str
    strokes: tuple[Stroke, ...]
    mask: Mask
    seconds: dict[str, float]

    @property
    def round(self) -> int:
        """0 before any scribbles, then the number of the round."""
        return int(self.name.removeprefix("round-")) if self.name.startswith("round-") else 0


@dataclass(frozen=True)
class Session:
    """One method on one object under one protocol.

    Attributes:
        grid: the object's grid: the image's, or that of one slice of it.
        box: the robot's box on that grid: the method's prompt, or only its window (`box_drawn` is False).
        steps: results in order; a failed session keeps the steps before the failure.
        ended: why it ended.
        status: `failed` and `timeout` have no result at the end; `stuck` has one, the last.
        error: one line, empty unless `status` is not ok.
        fingerprint: hash of everything that the result depends on.
        peak_mb: highest memory of the process (`rss`) and of the GPU (`gpu`) in MiB.
    """

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

    def scribbles(self) -> Scribbles:
        """All strokes of the session on the object's grid."""
        return Scribbles(self.grid.shape, tuple(s for step in self.steps for s in step.strokes))

    def save(self, folder: Path, whole: Grid, plane: tuple[int, int] | None = None) -> None:
        """Write the session folder whole.

        Args:
            folder: the session's own folder; what stands there is replaced.
            whole: grid of the image file.
            plane: (axis, index) of the object's slice where the object is a slice of `whole`.
        """
        masks = np.zeros((len(self.steps), *self.box.shape), bool)
        for k, step in enumerate(self.steps):
            masks[k] = step.mask
        final = masks[-1] if len(masks) else np.zeros(self.box.shape, bool)
        on_slice = self.box.paste(final, self.grid.shape)
        if plane is None:
            on_image = on_slice
        else:
            on_image = np.zeros(whole.shape, bool)
            on_image[(slice(None),) * plane[0] + (plane[1],)] = on_slice
        with writing_folder(folder) as part:
            np.savez_compressed(part / "masks.npz", packed=np.packbits(masks), shape=np.array(masks.shape))
            write_mask(part / "final.nii.gz", on_image, whole)
            write_json(part / "session.json", self._to_json())

    @classmethod
    def load(cls, folder: Path) -> Session:
        """The session in a folder that `save` wrote."""
        data = read_json(Path(folder) / "session.json")
        with np.load(Path(folder) / "masks.npz") as stored:
            shape = tuple(int(n) for n in stored["shape"])
            masks = np.unpackbits(stored["packed"], count=int(np.prod(shape))).reshape(shape).astype(bool)
        grid = Grid(**{key: _tuples(value) for key, value in data.pop("grid").items()})
        box = Box(*(tuple(data["box"][side]) for side in ("lower", "upper")))
        steps = tuple(
            Step(s["name"], tuple(Stroke.from_record(r, grid) for r in s["strokes"]), mask, s["seconds"])
            for s, mask in zip(data["steps"], masks, strict=True)
        )
        rest = {key: data[key] for key in ("ended", "status", "error", "fingerprint", "box_drawn", "peak_mb")}
        return cls(Identity(**data["identity"]), grid, box, steps, **rest)

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
                }
                for step in self.steps
            ],
            "ended": self.ended,
            "status": self.status,
            "error": self.error,
            "fingerprint": self.fingerprint,
            "box_drawn": self.box_drawn,
            "peak_mb": self.peak_mb,
        }


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
