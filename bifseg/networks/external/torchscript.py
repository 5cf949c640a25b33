"""A network saved as a TorchScript program (`torch.jit.save`): scripted, traced or frozen."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bifseg.core.errors import InputError


def read(path: Path) -> dict[str, Any]:
    """The bytes of the user's file.

    Args:
        path: file of the TorchScript program.

    Returns:
        The key `archive`: a uint8 tensor of the whole file.

    Raises:
        InputError: the file cannot be read or is empty.
    """
    try:
        return {"archive": torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)}
    except (OSError, ValueError) as error:  # ValueError: an empty file
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or 'it is empty'}") from error


def make(content: dict[str, Any]) -> nn.Module:
    """The network of a TorchScript program, which runs operations of torch only, no Python.

    Args:
        content: what `read` returned.

    Returns:
        The network in evaluation mode.

    Raises:
        InputError: the bytes are not a TorchScript archive.
    """
    archive = io.BytesIO(content["archive"].cpu().numpy().tobytes())
    try:
        program: nn.Module = torch.jit.load(archive, map_location="cpu")
    except RuntimeError as error:
        reason = next(iter(str(error).splitlines()), "")  # a trace of C++ follows
        raise InputError(f"not a TorchScript archive, which torch.jit.save writes: {reason}") from error
    return program.eval()
