"""Networks as users bring them: a small U-Net in plain torch, in 2D and 3D, with any last layer."""

import torch
from torch import nn
from torch.nn.functional import interpolate

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
SETTINGS = {"normalisation": {"per_image": "mean-std"}, "divisible_by": 2}


class SmallUNet(nn.Module):
    """One level down and up; takes even sides only. `end` is what stands behind the last convolution."""

    def __init__(self, dimension=2, outputs=2, kernel=1, end="nothing", inputs=1, width=4, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        conv, self.end, self.mode = CONV[dimension], end, {2: "bilinear", 3: "trilinear"}[dimension]
        self.down = conv(inputs, width, 3, padding=1)
        self.low = conv(width, width, 3, padding=1)
        self.pool = POOL[dimension](2)
        self.up = TRANSPOSED[dimension](width, width, 2, stride=2)
        self.last = conv(2 * width, outputs, kernel, padding=kernel // 2)

    def before(self, image):
        """What goes into the last convolution."""
        fine = torch.relu(self.down(image))
        coarse = self.up(torch.relu(self.low(self.pool(fine))))
        return torch.cat([fine, coarse], 1)

    def forward(self, image):
        raw = self.last(self.before(image))
        if self.end == "sigmoid":
            return torch.sigmoid(raw)
        if self.end == "softmax":
            return torch.softmax(raw, 1)
        return raw


class Ends(nn.Module):
    """A network whose last convolution is followed by something, at half resolution where it is upsampled."""

    def __init__(self, end, dimension=2):
        super().__init__()
        torch.manual_seed(1)
        conv = CONV[dimension]
        self.end, self.mode = end, {2: "bilinear", 3: "trilinear"}[dimension]
        self.first = conv(1, 2, 3, padding=1, stride=2 if "up" in end else 1)
        self.last = conv(2, 2, 3, padding=1)
        self.transposed = TRANSPOSED[dimension](2, 2, 2, stride=2)

    def forward(self, image):
        x = torch.relu(self.first(image))
        if self.end == "up transposed":
            return self.transposed(x)
        raw = self.last(x)
        if self.end == "residual":
            return raw + x
        if self.end == "nan":
            return raw * torch.nan
        if self.end == "up nearest":
            return interpolate(raw, scale_factor=2.0, mode="nearest")
        if self.end == "up linear":
            return interpolate(raw, scale_factor=2.0, mode=self.mode, align_corners=False)
        if self.end == "up aligned":
            return interpolate(raw, scale_factor=2.0, mode=self.mode, align_corners=True)
        if self.end == "relu":
            return torch.relu(raw)
        return raw


def probability(answer, foreground=1):
    """Foreground probability (*shape) of raw softmax channels, by hand."""
    exponents = torch.exp(answer - answer.max(1, keepdim=True).values)
    return (exponents / exponents.sum(1, keepdim=True))[0, foreground]


class Payload:
    """What a file must not hold: it runs code when it is unpickled without care."""

    def __reduce__(self):
        return (print, ("pickled code ran",))
