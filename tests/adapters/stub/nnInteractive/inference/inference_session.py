"""A session that takes what the package's own (2.6.0) takes, finds what is bright, and notes every call.

The notes are lines of JSON in the file $STUB_NOTES. $STUB_LACKS: interactions that the checkpoint was not trained on,
of scribble, points, bbox2d, bbox3d, initial_label; without it all but bbox3d are taken, as by the public checkpoint.
"""

import json
import os

import numpy as np

print('{"a line": "that looks like an answer"}')


class Capabilities:
    """What both kinds of session say of the model, and what they do with prompts."""

    def __init__(self):
        lacks = os.environ.get("STUB_LACKS", "bbox3d").split(",")
        keys = ("scribble", "lasso", "points", "bbox2d", "bbox3d")
        self.supported_interactions = {key: key not in lacks for key in keys}
        self.supports_initial_label = "initial_label" not in lacks
        self.supports_undo = True
        self.target_buffer = None

    def set_image(self, image, image_properties=None):
        assert image.ndim == 4
        assert image.shape[0] == 1
        if not image.any():
            raise ValueError("Input image is entirely zero")
        self.image, self.target_buffer, self._before = image[0], None, None
        draw = int(np.random.randint(10**6))  # noqa: NPY002
        self._note("image", shape=image.shape, corner=float(image[0, 0, 0, 1]), draw=draw)

    def set_target_buffer(self, target_buffer):
        assert target_buffer.shape == self.image.shape
        assert target_buffer.dtype == np.uint8
        assert not target_buffer.any()
        self.target_buffer = target_buffer
        self._note("buffer")

    def reset_interactions(self):
        self.target_buffer.fill(0)
        self._before = None
        self._note("reset")

    def undo(self):
        """One level, as the package's."""
        undone = self._before is not None
        if undone:
            self.target_buffer[:], self._before = self._before, None
        self._note("undo", undone=undone)
        return undone

    def add_bbox_interaction(
        self, bbox_coords, include_interaction, run_prediction=True, override_capability_checks=False
    ):
        sizes = [stop - start for start, stop in bbox_coords]
        assert 0 not in sizes
        if not self.supported_interactions["bbox3d"] and 1 not in sizes:
            raise ValueError(f"the box {bbox_coords} is three-dimensional")
        self._remember()
        self.target_buffer[:] = self.image > self.image.mean()
        self._note("box", box=bbox_coords, include=include_interaction)

    def add_point_interaction(
        self, coordinates, include_interaction, run_prediction=True, override_capability_checks=False
    ):
        self._check("points")
        assert len(coordinates) == 3
        self._remember()
        self.target_buffer[tuple(coordinates)] = include_interaction
        self._note("point", voxel=coordinates, include=include_interaction)

    def add_scribble_interaction(
        self,
        scribble_image,
        include_interaction,
        run_prediction=True,
        override_capability_checks=False,
        interaction_bbox=None,
    ):
        self._check("scribble")
        assert list(scribble_image.shape) == [stop - start for start, stop in interaction_bbox]
        assert scribble_image.dtype == np.uint8
        voxels = np.argwhere(scribble_image == 1)
        assert len(voxels) == np.count_nonzero(scribble_image)
        self._remember()
        voxels = (voxels + [start for start, _ in interaction_bbox]).tolist()
        self._note("scribble", voxels=voxels, include=include_interaction)

    def add_initial_seg_interaction(
        self, initial_seg, run_prediction=False, override_capability_checks=False
    ):
        """As the package's: it forgets all other interactions."""
        if not self.supports_initial_label:
            raise ValueError("Interaction 'initial_label' is not supported by this checkpoint")
        assert initial_seg.shape == self.image.shape
        self._remember()
        self.target_buffer[:] = initial_seg
        self._note("mask", voxels=int(initial_seg.sum()), predicts=run_prediction)

    def _check(self, name):
        if not self.supported_interactions[name]:
            raise ValueError(f"Interaction '{name}' is not supported by this checkpoint")

    def _remember(self):
        self._before = self.target_buffer.copy()

    def _note(self, call, **about):
        print("the package prints")
        with open(os.environ["STUB_NOTES"], "a") as notes:
            notes.write(json.dumps({"call": call, **about}) + "\n")


class nnInteractiveInferenceSession(Capabilities):
    def __init__(
        self,
        device,
        use_torch_compile=False,
        verbose=False,
        torch_n_threads=8,
        do_autozoom=True,
        interactions_storage="auto",
        enable_undo=True,
    ):
        super().__init__()
        self._note("init", device=str(device), threads=torch_n_threads, undo=enable_undo)

    def initialize_from_trained_model_folder(
        self, model_training_output_dir, use_fold=None, checkpoint_name="checkpoint_final.pth"
    ):
        checkpoint = f"{model_training_output_dir}/fold_{use_fold}/{checkpoint_name}"
        if not os.path.isfile(checkpoint):
            raise FileNotFoundError(f"{checkpoint}: no such checkpoint")
        self._note("model", checkpoint=checkpoint)
