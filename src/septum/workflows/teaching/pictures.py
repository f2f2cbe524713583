"""Images for lessons: real ones that come with an installed package, and made ones whose truth is known.

Nothing is downloaded: a lesson must work in a lecture hall without a network.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array


def coins() -> Float64Array:
    """24 Greek coins, (303, 384), 0..255 (scikit-image; the Brooklyn Museum, no known copyright restrictions)."""
    from skimage import data

    return np.asarray(data.coins(), dtype=np.float64)


def fundus() -> NDArray[np.uint8]:
    """A retina in colour, every fourth pixel, (353, 353, 3) (scikit-image; CC0, Häggström 2014)."""
    from skimage import data

    return np.asarray(data.retina()[::4, ::4])


def living_cell() -> NDArray[np.uint8]:
    """A cell by quantitative phase, (660, 550) (scikit-image; CC0)."""
    from skimage import data

    return np.asarray(data.cell())


def ct_slice() -> Path:
    """Path of a small CT slice as DICOM, which comes with pydicom.

    Raises:
        ConfigError: when the installed pydicom does not bring it.
    """
    import pydicom.data

    found = pydicom.data.get_testdata_file("CT_small.dcm", download=False)
    if not isinstance(found, str):
        raise ConfigError("pydicom must bring CT_small.dcm, got none; reinstall pydicom")
    return Path(found)


@lru_cache(maxsize=4)
def made_nuclei(seed: int = 0, *, count: int = 14, side: int = 128) -> tuple[Float64Array, NDArray[np.int32]]:
    """A fluorescence picture (side, side) in 0..1 with its true objects: touching ellipses, blurred, with shot noise.

    Made, not measured: the truth of a real picture is a person's opinion; here every pixel is known.
    """
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    light = np.zeros((side, side))
    for number in range(1, count + 1):
        cy, cx = generator.uniform(0.08 * side, 0.92 * side, 2)
        a, b = generator.uniform(0.05, 0.1, 2) * side
        turn = generator.uniform(0, np.pi)
        u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        v = -(x - cx) * np.sin(turn) + (y - cy) * np.cos(turn)
        inside = (u / a) ** 2 + (v / b) ** 2 < 1
        if (labels[inside] > 0).mean() > 0.15:
            continue
        inside &= labels == 0
        labels[inside] = number
        light[inside] = generator.uniform(0.45, 0.9)
    texture = ndimage.gaussian_filter(generator.normal(size=light.shape), 2.0)
    seen = ndimage.gaussian_filter(0.08 + light * (1 + 0.8 * texture), 1.0)
    image = generator.poisson(np.clip(seen, 0, None) * 90) / 90
    _, order = np.unique(labels, return_inverse=True)
    return np.clip(image, 0, 1.2) / 1.2, order.reshape(labels.shape).astype(np.int32)


def brain_slice(height_mm: int = 90) -> tuple[Float64Array, NDArray[np.uint8]]:
    """An axial slice of the ICBM152 head in 0..1 with its tissues: 1 grey, 2 white matter (Fonov et al. 2011).

    Raises:
        ConfigError: when nilearn, which brings it, is not installed.
    """
    from septum import io
    from septum.workflows.data.template import find_template, tissue_labels

    paths: dict[str, Path] = find_template()
    planes: dict[str, Any] = {}
    for name, path in paths.items():
        volume = io.read_image(path).array[0]
        planes[name] = volume[height_mm, ::-1].astype(np.float64) / float(volume.max())
    return planes["t1"], tissue_labels(planes["gm"], planes["wm"])
