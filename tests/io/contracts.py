"""Files of every format, written and cut short."""

from __future__ import annotations

import numpy as np

from septum.geometry import Grid, LabelMap

VOLUMES = (".nii", ".nii.gz", ".nrrd", ".seg.nrrd", ".mha", ".tif", ".ome.tif")


PLANES = (*VOLUMES, ".png")


def volume_labels(high: int = 3, *, seed: int = 0) -> LabelMap:
    array = np.random.default_rng(seed).integers(0, high + 1, (5, 6, 7))
    return LabelMap(array, Grid.from_spacing((5, 6, 7), (2.5, 0.75, 0.5)))


def plane_labels(high: int = 3, *, seed: int = 0) -> LabelMap:
    array = np.random.default_rng(seed).integers(0, high + 1, (15, 17))
    return LabelMap(array, Grid.from_spacing((15, 17), (1.0, 1.0)))
