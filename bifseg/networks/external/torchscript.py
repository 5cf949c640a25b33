"""A network saved as a TorchScript program (`torch.jit.save`): scripted, traced or frozen."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bifseg.core.errors import InputError


def read(path: Path) -> dict[str, Any]:
    """What is kept of the user's file: its bytes, whole. Raises InputError when it cannot be read."""
    try:
        return {"archive": torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)}
    except (OSError, ValueError) as error:  # ValueError: an empty file
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or 'it is empty'}") from error


def make(kept: dict[str, Any]) -> nn.Module:
    """The program. Only operations of torch can stand in one, no Python; raises InputError when it is none."""
    archive = io.BytesIO(kept["archive"].cpu().numpy().tobytes())
    try:
        program: nn.Module = torch.jit.load(archive, map_location="cpu")
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"not a TorchScript archive, which torch.jit.save writes: {reason}") from error
    return program.eval()
