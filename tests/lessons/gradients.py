"""The numerical gradient that every layer's own one is compared with."""

from __future__ import annotations

import numpy as np


def numerical_gradient(function, array, *, step=1e-6):
    """Central differences of a function that returns a number, at every element of `array`."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(*array.shape):
        moved = array.copy()
        moved[index] += step
        above = function(moved)
        moved[index] -= 2 * step
        gradient[index] = (above - function(moved)) / (2 * step)
    return gradient


def assert_gradients_agree(own, numerical, *, tolerance=1e-6):
    """Largest difference relative to the largest gradient."""
    scale = max(np.abs(numerical).max(), 1e-3)
    assert np.abs(own - numerical).max() / scale < tolerance
