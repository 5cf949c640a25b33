"""The contract of a method: the calls that a session makes. A plug-in implements the same."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from bifseg.core.geometry import Box, Image, Index, Mask
from bifseg.core.scribbles import Scribbles

__all__ = [
    "Adaptive",
    "Box",
    "ContractError",
    "Correcting",
    "Encoding",
    "Image",
    "Mask",
    "Method",
    "Scribbles",
    "Undoing",
    "adapts",
    "checked_mask",
    "undoes",
]


@runtime_checkable
class Method(Protocol):
    """A complete interactive system. Masks are boolean arrays of the image's shape, False outside the box.

    A method never sees the truth. One instance plays many sessions, one after the other: `start` begins a new one.
    It may keep a dict `seconds` of the time since `start` that it spent in `network` and in `label_update`.

    Attributes:
        dimensions: {2}, {3} or both.
        prompts: what it takes beside the image: "box", "scribbles". A method without "box" starts from scribbles:
            the box that `start` gets is then the window that the user looks at. It is no prompt and costs no effort.
            The robot draws the first scribbles on the object itself.
    """

    dimensions: frozenset[int]
    prompts: frozenset[str]

    def start(self, image: Image, box: Box) -> Mask:
        """The initial result, before any scribble.

        Args:
            image: 2D (y, x) or 3D (z, y, x), with its grid.
            box: in voxels of the image.

        Returns:
            Bool mask of the image's shape; empty from a method that starts from scribbles.
        """
        ...

    def refine(self, scribbles: Scribbles) -> Mask:
        """The result after a round. A session calls it only if `prompts` has "scribbles".

        Args:
            scribbles: all scribbles so far, not only those of the round.

        Returns:
            Bool mask of the image's shape.
        """
        ...


@runtime_checkable
class Adaptive(Method, Protocol):
    """A method that improves its initial result without any prompt."""

    def adapt(self) -> Mask:
        """The unsupervised result; a session calls it once, between `start` and the first `refine`.

        Returns:
            Bool mask of the image's shape.
        """
        ...


def adapts(method: Method) -> bool:
    """Whether a method has an unsupervised step.

    Args:
        method: any method; one in another process says so in its attribute `adapts`.

    Returns:
        True if the session calls `adapt`.
    """
    return bool(getattr(method, "adapts", isinstance(method, Adaptive)))


@runtime_checkable
class Correcting(Method, Protocol):
    """A method that corrects an existing mask: one with "mask" in `prompts`."""

    def start_from(self, image: Image, box: Box, mask: Mask) -> Mask:
        """The first result, from an existing mask; it takes the place of `start` and begins a session.

        Args:
            image: 2D (y, x) or 3D (z, y, x), with its grid.
            box: in voxels of the image: where results may lie.
            mask: the result to be corrected, a bool array of the image's shape.

        Returns:
            Bool mask of the image's shape, such as the mask itself.
        """
        ...


@runtime_checkable
class Undoing(Method, Protocol):
    """A method that can undo the last `refine`."""

    def undo(self) -> Mask:
        """The result without the prompts of the last round.

        Returns:
            Bool mask of the image's shape.
        """
        ...


@runtime_checkable
class Encoding(Method, Protocol):
    """A method that first computes something from the image alone, such as the features of a foundation model.

    Its `start` calls `self.image_encoding(image)`. In a job, that call returns a copy of what was computed once for all
    sessions on the image, whatever their object, protocol and replicate.
    """

    def image_encoding(self, image: Image) -> Any:
        """What the method needs of the image.

        Args:
            image: 2D (y, x) or 3D (z, y, x), with its grid.

        Returns:
            Any value that can be pickled.
        """
        ...


def undoes(method: Method) -> bool:
    """Whether a method takes back its last round by itself.

    Args:
        method: any method; one in another process says so in its attribute `undoes`.

    Returns:
        True if a session calls `undo`; else it calls `refine` with all scribbles but the last.
    """
    return bool(getattr(method, "undoes", isinstance(method, Undoing)))


class ContractError(RuntimeError):
    """A method's result breaks the contract."""


def checked_mask(result: Any, shape: Index) -> Mask:
    """A method's result, unchanged.

    Args:
        result: any object that a method returned.
        shape: of the image, (z, y, x) or (y, x).

    Returns:
        The same array.

    Raises:
        ContractError: the result is not a boolean array of this shape.
    """
    if not isinstance(result, np.ndarray) or result.dtype != bool or result.shape != shape:
        what = f"{getattr(result, 'dtype', type(result).__name__)} {getattr(result, 'shape', '')}".strip()
        raise ContractError(f"the result must be a bool array of the image's shape {shape}, is {what}")
    return result
