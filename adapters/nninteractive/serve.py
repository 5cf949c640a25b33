"""nnInteractive as a method of bifseg: docs/plugins.md on one side, the package's own session on the other.

    python serve.py MODEL/fold_0/checkpoint_final.pth
    python serve.py http://HOST:1527

Needs the package nnInteractive, for a server only nninteractive-client, with SimpleITK, and nothing of bifseg. Arrays
are (z, y, x), as SimpleITK reads them and as in the package's own example; the package works in voxels.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray


def main() -> None:
    """Answer each line of the input until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that what the package prints goes to the log
    player: Player | None = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if player is None:
                session = opened(sys.argv[1], message["device"], message["threads"])
                player = Player(session, **message["settings"])
                answer = player.about()
            else:
                answer = player.answer(message)
        except Exception as error:  # the package may raise anything
            why = " ".join(f"{type(error).__name__}: {error}".split())
            answer = {"error" if player else "bad_input": why}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    if player:
        player.close()


def opened(place: str, device: str, threads: int) -> Any:
    """The package's session: on a server's model, or on a checkpoint of a fold in the folder of a model."""
    if place.startswith(("http://", "https://")):
        from nnInteractive.inference.remote import nnInteractiveRemoteInferenceSession

        return nnInteractiveRemoteInferenceSession(place)
    import torch
    from nnInteractive.inference.inference_session import nnInteractiveInferenceSession

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    session = nnInteractiveInferenceSession(device=torch.device(device), torch_n_threads=threads)
    checkpoint = Path(place)
    session.initialize_from_trained_model_folder(
        str(checkpoint.parents[1]), checkpoint.parent.name.removeprefix("fold_"), checkpoint.name
    )
    return session


class Player:
    """The loaded model, and the object that it segments.

    Args:
        session: of the package.
        as_drawn: whether drawn voxels have their label in the result; else the model's.
    """

    def __init__(self, session: Any, as_drawn: bool = True) -> None:
        self._session, self._as_drawn = session, as_drawn
        self._takes = session.supported_interactions

    def about(self) -> dict[str, Any]:
        """The first answer: what the checkpoint was trained to take."""
        takes = {
            "box": self._takes.get("bbox2d") or self._takes.get("bbox3d"),
            "scribbles": self._takes.get("scribble"),
            "points": self._takes.get("points"),
            "mask": self._session.supports_initial_label,
        }
        prompts = [name for name, taken in takes.items() if taken]
        undoes = bool(self._session.supports_undo)
        return {"dimensions": [3], "prompts": prompts, "adapts": False, "undoes": undoes}

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message: seconds and memory since `start`; the mask goes to result.nii."""
        begins = message["call"] in ("start", "start_from")
        if begins:
            self._image, self._seconds = sitk.ReadImage(message["image"]), 0.0
            voxels, existing = sitk.GetArrayFromImage(self._image), None
            if "mask" in message:
                existing = sitk.GetArrayFromImage(sitk.ReadImage(message["mask"])).astype(np.uint8)
        start = perf_counter()
        if begins:
            self._start(voxels, existing, **message["box"])
        elif message["call"] == "undo":
            self._undo()
        else:
            self._refine(message["strokes"])
        self._seconds += perf_counter() - start
        result = sitk.GetImageFromArray(self._result())
        result.CopyInformation(self._image)
        sitk.WriteImage(result, "result.nii")
        return {"seconds": {"machine": self._seconds}, "peak_mb": self._peak_mb()}

    def close(self) -> None:
        """Give a server's place back."""
        getattr(self._session, "close", lambda: None)()

    def _start(
        self, voxels: NDArray, existing: NDArray[np.uint8] | None, lower: list[int], upper: list[int]
    ) -> None:
        """Begin an object: `set_image` makes the package forget the object before and its prompts."""
        self._box, self._existing = [list(span) for span in zip(lower, upper, strict=True)], existing
        self._rounds: list[list[dict[str, Any]]] = []
        self._mask = np.zeros(voxels.shape, np.uint8)
        np.random.seed(0)  # noqa: NPY002 - the package places patches with it
        self._session.set_image(voxels[np.newaxis])
        self._session.set_target_buffer(self._mask)
        self._first_prompts()

    def _first_prompts(self) -> None:
        """Give the mask or the box; a box that is the whole image says only that nobody drew one."""
        if self._existing is not None:
            self._session.add_initial_seg_interaction(self._existing.copy())
        elif self._box != [[0, size] for size in self._mask.shape]:
            for box in self._boxes():
                self._session.add_bbox_interaction(box, include_interaction=True)

    def _boxes(self) -> list[list[list[int]]]:
        """The box if the model takes it, else its middle slice across each axis, as people draw it in a viewer."""
        flat = any(stop - start == 1 for start, stop in self._box)
        if flat or self._takes.get("bbox3d"):
            return [self._box]
        middles = [(start + stop) // 2 for start, stop in self._box]
        return [
            [*self._box[:axis], [middle, middle + 1], *self._box[axis + 1 :]]
            for axis, middle in enumerate(middles)
        ]

    def _refine(self, strokes: list[dict[str, Any]]) -> None:
        """Pass each new stroke to the package as an interaction, in drawing order."""
        self._rounds.append(strokes[sum(map(len, self._rounds)) :])
        self._give(self._rounds[-1])

    def _undo(self) -> None:
        """Take back the last round: the package undoes one interaction; else all others are given again."""
        undone = self._rounds.pop()
        if len(undone) != 1 or not self._session.undo():
            np.random.seed(0)  # noqa: NPY002
            self._session.reset_interactions()
            self._first_prompts()
            self._give([stroke for strokes in self._rounds for stroke in strokes])

    def _give(self, strokes: list[dict[str, Any]]) -> None:
        """A stroke of one voxel is a point where the model takes points; a scribble is given as the part it covers."""
        for stroke in strokes:
            voxels, include = np.array(stroke["voxels"], np.intp).reshape(-1, 3), stroke["foreground"]
            if len(voxels) == 1 and self._takes.get("points"):
                self._session.add_point_interaction(voxels[0].tolist(), include_interaction=include)
                continue
            lower, upper = voxels.min(axis=0), voxels.max(axis=0) + 1
            drawn = np.zeros(upper - lower, np.uint8)
            drawn[tuple((voxels - lower).T)] = 1
            place = np.stack([lower, upper], axis=1).tolist()
            self._session.add_scribble_interaction(drawn, include_interaction=include, interaction_bbox=place)

    def _result(self) -> NDArray[np.uint8]:
        """The mask inside the box; the package keeps its mask outside."""
        mask = self._mask.copy()
        for stroke in [stroke for strokes in self._rounds for stroke in strokes] if self._as_drawn else []:
            mask[tuple(np.array(stroke["voxels"], np.intp).reshape(-1, 3).T)] = stroke["foreground"]
        inside = tuple(slice(*span) for span in self._box)
        result = np.zeros_like(mask)
        result[inside] = mask[inside]
        return result

    def _peak_mb(self) -> dict[str, float]:
        """Highest memory so far of this process and of its GPU, in MiB; a server's is not known."""
        torch = sys.modules.get("torch")
        gpu = torch.cuda.max_memory_allocated() / 2**20 if torch and torch.cuda.is_available() else 0.0
        lines = Path("/proc/self/status").read_text().splitlines()
        return {"rss": sum(int(line.split()[1]) for line in lines if "VmHWM" in line) / 1024, "gpu": gpu}


if __name__ == "__main__":
    main()
