"""Writes a model folder as nnInteractive reads it, with a small network whose weights are random.

    python make_model.py FOLDER      with the Python that has nnInteractive

It segments nothing well; it has the files, the channels and the two-dimensional boxes of a real one.
"""

import json
import sys
from pathlib import Path

import torch
from nnInteractive.trainer.nnInteractiveTrainer import nnInteractiveTrainer_stub
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

CONFIGURATION = "3d_fullres"
STAGES = 3
INPUTS = 1 + 7  # the image; the result before, and two channels each for boxes and lassos, points, scribbles
NETWORK = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "n_stages": STAGES,
        "features_per_stage": [2, 4, 4],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * STAGES,
        "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        "n_conv_per_stage": [1] * STAGES,
        "n_conv_per_stage_decoder": [1] * (STAGES - 1),
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    },
    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
}
PLANS = {
    "dataset_name": "Dataset000_Random",
    "plans_name": "random",
    "image_reader_writer": "SimpleITKIO",
    "transpose_forward": [0, 1, 2],
    "transpose_backward": [0, 1, 2],
    "label_manager": "LabelManager",
    "configurations": {
        CONFIGURATION: {
            "data_identifier": "random",
            "preprocessor_name": "DefaultPreprocessor",
            "batch_size": 1,
            "patch_size": [64, 64, 64],  # with 32 the package's refinement fails
            "spacing": [1.0, 1.0, 1.0],
            "normalization_schemes": ["ZScoreNormalization"],
            "use_mask_for_norm": [False],
            "architecture": NETWORK,
        }
    },
}
DATASET = {
    "channel_names": {"0": "image"},
    "labels": {"background": 0, "object": 1},
    "file_ending": ".nii.gz",
}


def main(folder: Path) -> None:
    torch.manual_seed(1)
    plans = PlansManager(PLANS)
    network = nnInteractiveTrainer_stub.build_network_architecture(
        plans, plans.get_configuration(CONFIGURATION), INPUTS, 2, enable_deep_supervision=False
    )
    with torch.no_grad():  # nothing is found outside the image, else the package zooms out after each prompt
        network.decoder.seg_layers[-1].bias -= torch.tensor([0.0, 1.0])
    weights = {
        "trainer_name": "nnInteractiveTrainer_stub",
        "init_args": {"configuration": CONFIGURATION},
        "network_weights": network.state_dict(),
    }
    (folder / "fold_0").mkdir(parents=True)
    torch.save(weights, folder / "fold_0" / "checkpoint_final.pth")
    session = {"point_radius": 4, "preferred_scribble_thickness": [2, 2, 2], "interaction_decay": 0.98}
    files = {"plans": PLANS, "dataset": DATASET, "inference_session_class": session}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
