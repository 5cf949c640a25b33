"""nnInteractive as a method of bifseg: docs/plugins.md on one side, the package's own session on the other.

    python serve.py MODEL/fold_0/checkpoint_final.pth

Needs the package nnInteractive with its dependencies, and nothing of bifseg. Arrays are (z, y, x), as SimpleITK reads
them and as in the package's own example; the package works in voxels, without spacing.
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

ABOUT = {"dimensions": [3], "prompts": ["box", "scribbles"], "adapts": False}


def main() -> None:
    """Answer each line of the input until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that what the package prints goes to the log
    player: Player | None = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if player is None:
                player = Player(
                    Path(sys.argv[1]), message["device"], message["threads"], **message["settings"]
                )
                answer: dict[str, Any] = ABOUT
            else:
                answer = player.answer(message)
        except Exception as error:  # the package may raise anything
            why = " ".join(f"{type(error).__name__}: {error}".split())
            answer = {"error" if player else "bad_input": why}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Player:
    """The loaded model, and the object that it segments.

    Args:
        checkpoint: of a fold, in the folder of the model.
        device: cpu, cuda, or auto for the GPU if torch sees one.
        threads: of torch.
        as_drawn: whether scribbled voxels have their label in the result; else the model's.
    """

    def __init__(self, checkpoint: Path, device: str, threads: int, as_drawn: bool = True) -> None:
        import torch
        from nnInteractive.inference.inference_session import nnInteractiveInferenceSession

        self._cuda, self._as_drawn = torch.cuda, as_drawn
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._session = nnInteractiveInferenceSession(
            device=torch.device(device), torch_n_threads=threads, enable_undo=False
        )
        self._session.initialize_from_trained_model_folder(
            str(checkpoint.parents[1]), checkpoint.parent.name.removeprefix("fold_"), checkpoint.name
        )

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message: seconds and memory since `start`; the mask goes to result.nii."""
        if message["call"] == "start":
            self._image, self._seconds = sitk.ReadImage(message["image"]), 0.0
            voxels = sitk.GetArrayFromImage(self._image)
        start = perf_counter()
        if message["call"] == "start":
            self._start(voxels, **message["box"])
        else:
            self._refine(message["strokes"])
        self._seconds += perf_counter() - start
        result = sitk.GetImageFromArray(self._result(message.get("strokes", [])))
        result.CopyInformation(self._image)
        sitk.WriteImage(result, "result.nii")
        return {"seconds": {"machine": self._seconds}, "peak_mb": self._peak_mb()}

    def _start(self, voxels: NDArray, lower: list[int], upper: list[int]) -> None:
        """Begin an object: `set_image` makes the package forget the object before and its prompts."""
        np.random.seed(0)  # noqa: NPY002 - the package places patches with it
        self._box, self._strokes_given = [list(span) for span in zip(lower, upper, strict=True)], 0
        self._mask = np.zeros(voxels.shape, np.uint8)
        self._session.set_image(voxels[np.newaxis])
        self._session.set_target_buffer(self._mask)
        for box in self._boxes():
            self._session.add_bbox_interaction(box, include_interaction=True)

    def _boxes(self) -> list[list[list[int]]]:
        """The box if the model takes it, else its middle slice across each axis, as people draw it in a viewer."""
        flat = any(stop - start == 1 for start, stop in self._box)
        if flat or self._session.supported_interactions["bbox3d"]:
            return [self._box]
        middles = [(start + stop) // 2 for start, stop in self._box]
        return [
            [*self._box[:axis], [middle, middle + 1], *self._box[axis + 1 :]]
            for axis, middle in enumerate(middles)
        ]

    def _refine(self, strokes: list[dict[str, Any]]) -> None:
        """Pass each new stroke to the package as an interaction, in drawing order."""
        for stroke in strokes[self._strokes_given :]:
            drawn = np.zeros_like(self._mask)
            drawn[_index(stroke)] = 1
            self._session.add_scribble_interaction(drawn, include_interaction=stroke["foreground"])
        self._strokes_given = len(strokes)

    def _result(self, strokes: list[dict[str, Any]]) -> NDArray[np.uint8]:
        """The mask inside the box; the package keeps its mask outside."""
        mask = self._mask.copy()
        for stroke in strokes if self._as_drawn else []:
            mask[_index(stroke)] = stroke["foreground"]
        inside = tuple(slice(*span) for span in self._box)
        result = np.zeros_like(mask)
        result[inside] = mask[inside]
        return result

    def _peak_mb(self) -> dict[str, float]:
        """Highest memory so far of this process and of the GPU, in MiB."""
        gpu = self._cuda.max_memory_allocated() / 2**20 if self._cuda.is_available() else 0.0
        lines = Path("/proc/self/status").read_text().splitlines()
        return {"rss": sum(int(line.split()[1]) for line in lines if "VmHWM" in line) / 1024, "gpu": gpu}


def _index(stroke: dict[str, Any]) -> tuple[NDArray[np.intp], ...]:
    """The voxels of a stroke as an index of an array."""
    return tuple(np.array(stroke["voxels"], np.intp).reshape(-1, 3).T)


if __name__ == "__main__":
    main()
