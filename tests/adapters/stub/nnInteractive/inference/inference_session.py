"""A session that takes what the package's own takes, finds what is bright, and notes every call.

The notes are lines of JSON in the file $STUB_NOTES. $STUB_BBOX3D: whether the model takes three-dimensional boxes.
"""

import json
import os

import numpy as np

print('{"a line": "that looks like an answer"}')


class nnInteractiveInferenceSession:
    def __init__(self, device, torch_n_threads, enable_undo):
        self.supported_interactions = {"bbox2d": True, "bbox3d": bool(os.environ.get("STUB_BBOX3D"))}
        self._note("init", device=str(device), threads=torch_n_threads, undo=enable_undo)

    def initialize_from_trained_model_folder(self, model_training_output_dir, use_fold, checkpoint_name):
        checkpoint = f"{model_training_output_dir}/fold_{use_fold}/{checkpoint_name}"
        if not os.path.isfile(checkpoint):
            raise FileNotFoundError(f"{checkpoint}: no such checkpoint")
        self._note("model", checkpoint=checkpoint)

    def set_image(self, image):
        assert image.ndim == 4
        assert image.shape[0] == 1
        if not image.any():
            raise ValueError("Input image is entirely zero")
        self.image, self.target_buffer = image[0], None
        draw = int(np.random.randint(10**6))  # noqa: NPY002
        self._note("image", shape=image.shape, corner=float(image[0, 0, 0, 1]), draw=draw)

    def set_target_buffer(self, target_buffer):
        assert target_buffer.shape == self.image.shape
        assert target_buffer.dtype == np.uint8
        assert not target_buffer.any()
        self.target_buffer = target_buffer
        self._note("buffer")

    def add_bbox_interaction(self, bbox_coords, include_interaction):
        sizes = [stop - start for start, stop in bbox_coords]
        assert 0 not in sizes
        if not self.supported_interactions["bbox3d"] and 1 not in sizes:
            raise ValueError(f"the box {bbox_coords} is three-dimensional")
        self.target_buffer[:] = self.image > self.image.mean()
        self._note("box", box=bbox_coords, include=include_interaction)

    def add_scribble_interaction(self, scribble_image, include_interaction):
        assert scribble_image.shape == self.image.shape
        assert scribble_image.dtype == np.uint8
        voxels = np.argwhere(scribble_image == 1).tolist()
        assert len(voxels) == np.count_nonzero(scribble_image)
        self._note("scribble", voxels=voxels, include=include_interaction)

    def _note(self, call, **about):
        print("the package prints")
        with open(os.environ["STUB_NOTES"], "a") as notes:
            notes.write(json.dumps({"call": call, **about}) + "\n")
