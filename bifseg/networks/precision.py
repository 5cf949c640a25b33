"""The arithmetic of gradient steps: float32, or bfloat16 where a card asks for it."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from functools import cache

import torch

from bifseg.cards.card import Precision

log = logging.getLogger(__name__)


def arithmetic(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """A context in which a network computes in this precision; the same rule holds on every device.

    In bfloat16, convolutions and matrix products take their inputs rounded to 8 significant bits (torch's autocast);
    the weights themselves stay float32. A device without such arithmetic computes it slowly, which is logged once.

    Args:
        precision: the card's precision.
        device: device of the network.

    Returns:
        A context for the forward pass; the backward pass follows it.
    """
    lower = precision == "bfloat16"
    if lower and not computes_bfloat16(device.type):
        _warn(device.type)
    return torch.autocast(device.type, torch.bfloat16, enabled=lower)


@cache
def computes_bfloat16(device: str) -> bool:
    """Whether a device has arithmetic for bfloat16.

    Args:
        device: cpu or cuda.

    Returns:
        For a CPU, whether torch's kernels would use it (AVX-512 or the like); for a GPU, since Ampere.
    """
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())


@cache
def _warn(device: str) -> None:
    log.warning(
        "precision: bfloat16 is slower than float32 on this %s, which has no such arithmetic; "
        "write 'precision: float32', or use a machine with AVX-512 or a GPU since Ampere",
        device.upper(),
    )
