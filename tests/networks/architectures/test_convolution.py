"""Our 3D convolution gives PyTorch's results and gradients, computed by oneDNN."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv3d

from bifseg.networks.architectures.convolution import Convolution3d

CROPS = {
    "one channel": (1, 1, 12, 11, 10),
    "one small crop": (1, 4, 8, 7, 6),
    "two crops": (2, 4, 8, 7, 6),
    "a large crop": (1, 4, 80, 70, 3),
}
LAYERS = {
    "plain": {"kernel_size": 3, "padding": 1},
    "dilated in the plane": {"kernel_size": (1, 3, 3), "padding": (0, 3, 3), "dilation": (1, 3, 3)},
    "pointwise": {"kernel_size": 1},
    "strided, without bias": {"kernel_size": 3, "stride": 2, "bias": False},
}


def layer_and_crop(shape, settings):
    torch.manual_seed(0)
    return Convolution3d(shape[1], 5, **settings), torch.randn(shape, requires_grad=True)


@pytest.mark.parametrize("shape", CROPS.values(), ids=CROPS)
@pytest.mark.parametrize("settings", LAYERS.values(), ids=LAYERS)
def test_results_and_gradients_are_those_in_double_precision(shape, settings):
    layer, crop = layer_and_crop(shape, settings)
    result = layer(crop)
    weighted = torch.randn_like(result)
    (result * weighted).sum().backward()
    exact_crop, *exact = (p.detach().double().requires_grad_() for p in (crop, *layer.parameters()))
    bias = exact[1] if len(exact) > 1 else None
    expected = conv3d(exact_crop, exact[0], bias, layer.stride, layer.padding, layer.dilation)
    (expected * weighted).sum().backward()
    torch.testing.assert_close(result.double(), expected, rtol=1e-4, atol=1e-4)
    for part, reference in zip((crop, *layer.parameters()), (exact_crop, *exact), strict=True):
        torch.testing.assert_close(part.grad.double(), reference.grad, rtol=1e-4, atol=1e-3)


def test_frozen_weights_get_no_gradient_and_the_crop_does():
    layer, crop = layer_and_crop(CROPS["one small crop"], LAYERS["plain"])
    layer.requires_grad_(False)
    layer(crop).sum().backward()
    assert layer.weight.grad is None
    assert crop.grad is not None
    with torch.inference_mode():
        torch.testing.assert_close(layer(crop.detach()), layer(crop).detach())


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch has no oneDNN")
def test_one_small_crop_is_computed_by_onednn():
    for kind, fast in ((nn.Conv3d, False), (Convolution3d, True)):
        layer = kind(4, 5, 3)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            layer(torch.randn(1, 4, 8, 8, 8)).sum().backward()
        names = " ".join(event.key for event in profile.key_averages())
        assert ("mkldnn_convolution" in names) == fast
        assert ("slow_conv3d" in names) != fast
