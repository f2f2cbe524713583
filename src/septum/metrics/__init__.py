"""Measurement: pure functions on label arrays, and the one table that decides empty cases.

What is named here imports numpy only. The modules `instances`, `neurite`, `tracking`, `calibration`, `agreement` and
`consensus` are imported by name, because most of them load scipy.
"""

from septum.metrics.overlap import (
    SCORES,
    Counts,
    JointTable,
    confusion_counts,
    dice,
    iou,
    joint_table,
    pixel_error,
    precision,
    sensitivity,
)
from septum.metrics.summary import EMPTY_CASES, UNDEFINED, EmptyCase, Summary, empty_case, summarise

__all__ = [
    "EMPTY_CASES",
    "SCORES",
    "UNDEFINED",
    "Counts",
    "EmptyCase",
    "JointTable",
    "Summary",
    "confusion_counts",
    "dice",
    "empty_case",
    "iou",
    "joint_table",
    "pixel_error",
    "precision",
    "sensitivity",
    "summarise",
]
