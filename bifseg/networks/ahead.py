"""Work that is done ahead of its use, so that a GPU does not wait for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(make: Callable[[int], T], numbers: Iterable[int], threads: int) -> Iterator[T]:
    """What a function makes of each number, in their order.

    Args:
        make: its result depends on the number alone.
        numbers: read as needed.
        threads: they make at most two results each before these are needed; 0: each is made when it is needed.

    Yields:
        `make(number)`; what it raises is raised here.
    """
    if not threads:
        yield from map(make, numbers)
        return
    with ThreadPoolExecutor(threads) as pool:
        coming: deque[Future[T]] = deque()
        for number in numbers:
            coming.append(pool.submit(make, number))
            if len(coming) > 2 * threads:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
