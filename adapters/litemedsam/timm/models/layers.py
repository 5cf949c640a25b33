"""Layers of the image encoder; for inference only."""

from torch import Tensor, nn

trunc_normal_ = nn.init.trunc_normal_


class DropPath(nn.Module):
    """The identity, which stochastic depth is outside of training."""

    def __init__(self, drop_prob: float | None = None) -> None:
        super().__init__()

    def forward(self, values: Tensor) -> Tensor:
        """The values."""
        return values


def to_2tuple(value: object) -> tuple[object, object]:
    """A pair of equal values, or the pair itself."""
    return value if isinstance(value, tuple) else (value, value)
