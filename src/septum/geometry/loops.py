"""Loops as machine code: the two ways in which numba compiles a function of this package.

The insight: a sum whose order the compiler may choose is faster, and differs in its last bits from one processor to the
next. Where a result must be the same everywhere, order is kept; loops that compare and move whole numbers do not care.

Numba compiles on the first call and keeps the result on disk. This module is imported only by those that hold compiled
loops, which are imported where they are used: the command line starts without numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """The function as machine code, kept on disk; other threads run meanwhile, and sums may change their order."""
    made: F = numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})(function)
    return made


def in_order(function: F) -> F:
    """As `compiled`, but sums keep their order and products are rounded: every processor gets the same bits."""
    made: F = numba.njit(cache=True, nogil=True)(function)
    return made
