"""The mean over the eight ways to lay a square on a table: four rotations, and each of them mirrored.

The insight: a plane of tissue has no up, so what a network says of a turned image is a second opinion about the same
pixels, and the mean of opinions errs less than each. Ronneberger et al. 2015 averaged seven rotated versions of the
input; with turns by quarters and mirrors no pixel is interpolated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from septum.geometry.arrays import Float32Array


def averaged(
    predict: Callable[[npt.NDArray[np.generic]], Float32Array], image: npt.NDArray[np.generic]
) -> Float32Array:
    """The mean of what `predict` says of all eight views of `image`, each turned back.

    Args:
        predict: `(C, y, x)` to `(K, y, x)`; also asked about `(C, x, y)`.
        image: `(C, y, x)`.

    >>> averaged(lambda view: np.asarray(2.0 * view, np.float32), np.arange(6.0).reshape(1, 2, 3)).tolist()
    [[[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]]
    """
    total: Float32Array | None = None
    for turns in range(4):
        turned = np.rot90(image, turns, axes=(1, 2))
        for mirrored in (False, True):
            view = np.ascontiguousarray(turned[..., ::-1] if mirrored else turned)
            found = predict(view)
            back = np.rot90(found[..., ::-1] if mirrored else found, -turns, axes=(1, 2))
            total = back.astype(np.float32) if total is None else total + back
    assert total is not None
    return np.ascontiguousarray(total / 8)
