"""Layers of the image encoder; for inference only."""

from torch import Tensor, nn

trunc_normal_ = nn.init.trunc_normal_


class DropPath(nn.Module):
    """Passes everything on, as stochastic depth does outside of training."""

    def __init__(self, drop_prob: float | None = None) -> None:
        super().__init__()

    def forward(self, values: Tensor) -> Tensor:
        """The values."""
        return values


def to_2tuple(value: object) -> tuple[object, object]:
    """The value twice, or the two values that it is."""
    return value if isinstance(value, tuple) else (value, value)
