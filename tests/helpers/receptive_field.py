"""How far a voxel of a network's output looks."""

import numpy as np
import torch
from torch import nn


def receptive_field(module, shape, voxel=None):
    """Extent per axis of the input voxels that move an output voxel, by default the middle one.

    Positive weights and inputs keep every ReLU open, and pooling by the mean lets every voxel through, so no path
    is hidden.
    """
    module = module.double().eval()
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, nn.AvgPool2d(child.kernel_size))
    for p in module.parameters():
        p.data = p.data.abs() + 1e-3 if p.ndim > 1 else torch.zeros_like(p.data)
    image = torch.ones(1, 1, *shape, dtype=torch.double, requires_grad=True)
    output = module(image)
    voxel = voxel or tuple(n // 2 for n in output.shape[2:])
    output[(0, slice(None), *voxel)].sum().backward()
    moved = np.argwhere(image.grad[0, 0].numpy() != 0)
    return tuple(int(v) for v in moved.max(0) - moved.min(0) + 1)
