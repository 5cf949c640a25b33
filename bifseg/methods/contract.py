"""The contract of a method: the calls that a session makes. A plug-in implements the same."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from bifseg.core.geometry import Box, Image, Index, Mask
from bifseg.core.scribbles import Scribbles

__all__ = [
    "Adaptive",
    "Box",
    "BrokenContract",
    "Image",
    "Mask",
    "Method",
    "Scribbles",
    "adapts",
    "checked_mask",
]


@runtime_checkable
class Method(Protocol):
    """A complete interactive system. Masks are boolean arrays of the image's shape, False outside the box.

    A method never sees the truth. One instance plays many sessions, one after the other: `start` begins a new one.
    It may keep a dict `seconds` with what it has spent in `network` and `label_update` since `start`.

    Attributes:
        dimensions: {2}, {3} or both.
        prompts: what it takes beside the image: "box", "scribbles". A method without "box" starts from scribbles:
            the box that `start` gets is the window that the user looks at, not a prompt, and costs no effort. The
            robot draws its first scribbles on the object itself.
    """

    dimensions: frozenset[int]
    prompts: frozenset[str]

    def start(self, image: Image, box: Box) -> Mask:
        """The initial result, from the image and a box in voxels; empty for a method that starts from scribbles."""
        ...

    def refine(self, scribbles: Scribbles) -> Mask:
        """The result after a round, given all scribbles so far. Never called without "scribbles" in `prompts`."""
        ...


@runtime_checkable
class Adaptive(Method, Protocol):
    """A method that improves its initial result without any prompt."""

    def adapt(self) -> Mask:
        """The unsupervised result."""
        ...


def adapts(method: Method) -> bool:
    """Whether a method has an unsupervised step. A method in another process has an attribute `adapts`."""
    return bool(getattr(method, "adapts", isinstance(method, Adaptive)))


class BrokenContract(RuntimeError):
    """A method's result breaks the contract."""


def checked_mask(result: Any, shape: Index) -> Mask:
    """A method's result, unchanged.

    Args:
        result: what the method returned.
        shape: of the image.

    Raises:
        BrokenContract: the result is not a boolean array of this shape.
    """
    if not isinstance(result, np.ndarray) or result.dtype != bool or result.shape != shape:
        got = f"{getattr(result, 'dtype', type(result).__name__)} {getattr(result, 'shape', '')}".strip()
        raise BrokenContract(f"the result must be a bool array of the image's shape {shape}, is {got}")
    return result
