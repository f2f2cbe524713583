"""Overlap of the rims of two masks, which stays sensitive to the boundary however large the inside is.

The insight: IoU of a large organ hardly moves when its whole rim is wrong by a voxel, because the inside outvotes it.
Boundary IoU counts only voxels that lie within a set distance of their own mask's boundary, so small and large
structures are judged by the same strip.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from septum.errors import ConfigError
from septum.geometry.arrays import as_masks, bounding_box, union_box
from septum.metrics.summary import empty_case, empty_value


def boundary_iou(
    reference: ArrayLike, prediction: ArrayLike, *, width_px: int | None = None, policy: str = "undefined"
) -> float:
    """IoU of the inner rims of two masks, in [0, 1].

    Args:
        reference: mask `(Y, X)` or `(Z, Y, X)`, boolean, or integer where everything but 0 is inside.
        prediction: mask of the same shape.
        width_px: width of the rim in voxels, counted diagonally too (erosions by a cube of three); None takes 2 % of
            the array's diagonal, at least 1, as the paper does. Widths are comparable only between arrays of one size.
        policy: for empty masks, see `summary.POLICIES`.

    Raises:
        GeometryError: masks that are not 2-D or 3-D, not of one shape, or not boolean or integer.
        ConfigError: a width below 1.

    Outside the array is background, as in the paper's code: a mask that touches the edge has a rim there.

    Source: Cheng et al. 2021, CVPR, arXiv:2103.16562, equation 3.

    >>> square = np.zeros((9, 9), int); square[2:7, 2:7] = 1
    >>> boundary_iou(square, square > 0, width_px=1)
    1.0
    """
    ref, pred = as_masks(reference, prediction)
    if width_px is None:
        width_px = max(1, round(0.02 * math.hypot(*ref.shape)))
    if width_px < 1:
        raise ConfigError(f"width_px must be at least 1, got {width_px}; None takes 2 % of the diagonal")
    boxes = [bounding_box(ref), bounding_box(pred)]
    case = empty_case(reference_empty=boxes[0] is None, prediction_empty=boxes[1] is None)
    decided = empty_value("boundary_iou", case, policy=policy)
    if decided is not None:
        return decided
    around = union_box(boxes, ndim=ref.ndim)
    ref_rim, pred_rim = _rim(ref[around], width_px), _rim(pred[around], width_px)
    return float(np.count_nonzero(ref_rim & pred_rim) / np.count_nonzero(ref_rim | pred_rim))


def _rim(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """The voxels that `width` erosions by a full cube of three remove: one minimum over a wider cube, axis by axis."""
    inside = ndimage.minimum_filter(mask.view(np.uint8), size=2 * width + 1, mode="constant", cval=0)
    rim: NDArray[np.bool_] = mask & (inside == 0)
    return rim
