"""Blocks on all cores: a few ahead of their use, and the linear algebra library held to one thread meanwhile.

The insight: threads within threads wait for each other. With one block per core the cores are busy already, and the
answer comes in order, so that whoever takes it never holds more than a handful of blocks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


R = TypeVar("R")


def on_all_cores(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`work(item)` of every item, in their order, on all cores; what is left is dropped when one fails.

    >>> list(on_all_cores(lambda n: n * n, range(4)))
    [0, 1, 4, 9]
    """
    from threadpoolctl import threadpool_limits

    workers = os.cpu_count() or 1
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        waiting: list[Future[R]] = []
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * workers:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()
