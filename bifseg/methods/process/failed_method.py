"""A method that did not open, so that each of its sessions fails with the reason."""

from __future__ import annotations

from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.scribbles import Scribbles
from bifseg.methods.process.process import MethodEndedError


class FailedMethod:
    """Takes the place of a `MethodProcess` that did not open; each of its sessions fails at once.

    Args:
        error: the exception that `start` and `refine` raise.

    Attributes:
        killed: whether its process was killed, so that the next job runs its sessions again.
    """

    dimensions = frozenset({2, 3})
    prompts = frozenset({"box"})
    adapts = undoes = died = False

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.killed = isinstance(error, MethodEndedError) and error.killed

    def open(self) -> None:
        """Do nothing."""

    def start(self, image: Image, box: Box) -> Mask:  # noqa: D102 - described with the class
        raise self._error

    def refine(self, scribbles: Scribbles) -> Mask:  # noqa: D102 - described with the class
        raise self._error

    def close(self) -> None:
        """Do nothing."""
