"""Measurement: pure functions on label arrays, and the one table that decides empty cases.

Named here is what most comparisons need. The modules `instances`, `neurite`, `tracking`, `calibration`, `agreement` and
`consensus` are imported by name.
"""

from septum.metrics.boundary import boundary_iou
from septum.metrics.overlap import (
    OVERLAP_SCORES,
    SCORES,
    Counts,
    JointTable,
    confusion_counts,
    confusion_matrix,
    dice,
    iou,
    joint_table,
    pixel_error,
    precision,
    sensitivity,
    specificity,
    volume_difference_ml,
    volume_difference_percent,
)
from septum.metrics.summary import (
    EMPTY_CASES,
    POLICIES,
    UNDEFINED,
    EmptyCase,
    Summary,
    empty_case,
    empty_value,
    summarise,
    without_few,
)
from septum.metrics.surface import (
    SURFACE_SCORES,
    SurfaceDistances,
    average_surface_distance,
    average_symmetric_surface_distance,
    hausdorff,
    hausdorff_percentile,
    label_surfaces,
    mean_absolute_surface_distance,
    surface_dice,
    surface_distances,
)
from septum.metrics.vessels import cl_dice
from septum.metrics.weighted import dice_coef, generalised_dice, weighted_dice

__all__ = [
    "EMPTY_CASES",
    "OVERLAP_SCORES",
    "POLICIES",
    "SCORES",
    "SURFACE_SCORES",
    "UNDEFINED",
    "Counts",
    "EmptyCase",
    "JointTable",
    "Summary",
    "SurfaceDistances",
    "average_surface_distance",
    "average_symmetric_surface_distance",
    "boundary_iou",
    "cl_dice",
    "confusion_counts",
    "confusion_matrix",
    "dice",
    "dice_coef",
    "empty_case",
    "empty_value",
    "generalised_dice",
    "hausdorff",
    "hausdorff_percentile",
    "iou",
    "joint_table",
    "label_surfaces",
    "mean_absolute_surface_distance",
    "pixel_error",
    "precision",
    "sensitivity",
    "specificity",
    "summarise",
    "surface_dice",
    "surface_distances",
    "volume_difference_ml",
    "volume_difference_percent",
    "weighted_dice",
    "without_few",
]
