"""A model of your own as a method of bifseg, in an environment of its own: copy this folder and fill in `Model`.

    python serve.py CHECKPOINT

Needs numpy and SimpleITK, and nothing of bifseg. docs/plugins.md describes the messages.
Arrays are (z, y, x), or (y, x).
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

ABOUT = {"dimensions": [2, 3], "prompts": ["box", "scribbles"], "adapts": False}
"""The images and prompts that your model takes."""


class Model:
    """An example: a threshold between the mean intensities of both labels' scribbles, at first the box's mean.

    Args:
        checkpoint: file of the weights, the first word after `serve.py`.
        device: cpu, cuda, or auto for the GPU if there is one.
        settings: of the card.
    """

    def __init__(self, checkpoint: str, device: str, settings: dict[str, Any]) -> None:
        self._offset = settings.get("offset", 0.0)

    def start(self, voxels: NDArray[np.float32], box: tuple[slice, ...]) -> NDArray[np.bool_]:
        """A first mask of the image's shape, from the box alone."""
        self._voxels = voxels
        return voxels > voxels[box].mean() + self._offset

    def refine(self, foreground: NDArray[np.bool_], background: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask from all scribbles so far."""
        means = [self._voxels[drawn].mean() for drawn in (foreground, background) if drawn.any()]
        return (self._voxels > np.mean(means) + self._offset) & ~background | foreground


def main() -> None:
    """Answer each line of the input until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that what the model prints goes to the log
    session: Session | None = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if session is None:
                checkpoint = sys.argv[1] if len(sys.argv) > 1 else ""
                session = Session(Model(checkpoint, message["device"], message["settings"]))
                answer: dict[str, Any] = ABOUT
            else:
                answer = session.answer(message)
        except Exception as error:  # the session fails, the program goes on
            why = " ".join(f"{type(error).__name__}: {error}".split())
            answer = {"error" if session else "bad_input": why}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Session:
    """The messages about one object after the other."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message; the mask goes to result.nii."""
        if message["call"] == "start":
            self._image = sitk.ReadImage(message["image"])
            voxels = sitk.GetArrayFromImage(self._image).astype(np.float32)
            box = message["box"]
            self._box = tuple(slice(*span) for span in zip(box["lower"], box["upper"], strict=True))
        start = perf_counter()
        if message["call"] == "start":
            self._seconds, mask = 0.0, self._model.start(voxels, self._box)
        else:
            labels = sitk.GetArrayFromImage(sitk.ReadImage(message["scribbles"]))
            mask = self._model.refine(labels == 1, labels == 2)
        self._seconds += perf_counter() - start
        inside = np.zeros(mask.shape, np.uint8)  # results lie inside the box
        inside[self._box] = mask[self._box]
        result = sitk.GetImageFromArray(inside)
        result.CopyInformation(self._image)
        sitk.WriteImage(result, "result.nii")
        return {"seconds": {"machine": self._seconds}}


if __name__ == "__main__":
    main()
