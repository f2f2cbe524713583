"""Labels that one run needs several times are decoded once.

The insight: a training asks for the labels of a case four times (which values there are, how large the objects are,
the samples, the score of held-out cases), and decoding a compressed volume takes longer than all of these. So what was
decoded within `labels_kept` stays in memory while there is room; what does not fit is read again as before.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from septum.geometry import LabelMap

MOST_BYTES = 1 << 29
"""Room for the labels of a run: some seventy volumes of 512 x 512 x 30, or thousands of planes."""


class _Shelf:
    """Labels by case, in at most so many bytes."""

    def __init__(self, most: int) -> None:
        self.left = most
        self.labels: dict[Hashable, LabelMap] = {}


_shelf: ContextVar[_Shelf | None] = ContextVar("labels of this run", default=None)


@contextmanager
def labels_kept(*, most_bytes: int = MOST_BYTES) -> Iterator[None]:
    """Within, `load_labels` decodes each case once as long as all of them fit into `most_bytes`; their arrays are then
    read-only. At the end they are forgotten."""
    token = _shelf.set(_Shelf(most_bytes))
    try:
        yield
    finally:
        _shelf.reset(token)


def kept(key: Hashable, read: Callable[[], LabelMap]) -> LabelMap:
    """What `read` gives, from memory where it was read before within `labels_kept`."""
    shelf = _shelf.get()
    if shelf is None:
        return read()
    if key in shelf.labels:
        return shelf.labels[key]
    labels = read()
    if labels.array.nbytes <= shelf.left:
        labels.array.flags.writeable = False
        shelf.left -= labels.array.nbytes
        shelf.labels[key] = labels
    return labels
