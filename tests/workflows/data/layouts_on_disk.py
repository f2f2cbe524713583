"""What several tests of this room share."""

from __future__ import annotations

import tifffile


def ids(dataset):
    return [case.id for case in dataset.cases]


def _tiff(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, photometric="minisblack")
