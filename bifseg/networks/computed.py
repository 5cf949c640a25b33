"""Results that several methods need for the same image and box, so that a process computes each only once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import perf_counter
from typing import Any, TypeVar

from bifseg.core.geometry import Box, Image

T = TypeVar("T")


class Computed:
    """The results for the last image and box, with the seconds that each took.

    A method that takes a stored result is charged the seconds of its computation, so that its time does not depend on
    the methods that ran before it.

    Attributes:
        reused_s: seconds that stored results have saved so far.
    """

    def __init__(self) -> None:
        self.reused_s = 0.0
        self._subject: tuple[Image, Box] | None = None
        self._results: dict[Hashable, tuple[Any, dict[str, float], float]] = {}

    def begin(self, image: Image, box: Box) -> None:
        """Drop all results, unless they are of this image and box.

        Args:
            image: stored results are used only if this is the same Python object as in the session before.
            box: in voxels of the image.
        """
        if self._subject is None or self._subject[0] is not image or self._subject[1] != box:
            self._subject, self._results = (image, box), {}

    def once(self, key: Hashable, make: Callable[[], T], seconds: dict[str, float] | None = None) -> T:
        """The result of a function, computed once for an image and box.

        Args:
            key: what the result depends on besides image, box and network.
            make: computes the result, perhaps by `once` too. Callers must not change the result.
            seconds: the caller's seconds by part, to which `make` adds; for a stored result we add the same seconds.

        Returns:
            The new or the stored result.
        """
        seconds = {} if seconds is None else seconds
        if key in self._results:
            result, parts, whole = self._results[key]
            self.reused_s += whole
            for part, value in parts.items():
                seconds[part] = seconds.get(part, 0.0) + value
            return result  # type: ignore[no-any-return]
        before, start = dict(seconds), perf_counter() + self.reused_s
        result = make()
        parts = {part: value - before.get(part, 0.0) for part, value in seconds.items()}
        self._results[key] = result, parts, perf_counter() + self.reused_s - start
        return result
