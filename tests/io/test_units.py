"""Units of length: ImageJ's, and resolutions that are believed or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.io.tiffs import STACK

from septum import io


@pytest.mark.parametrize(
    ("unit", "factor"), [("micron", 1e-3), ("\\u00B5m", 1e-3), ("nm", 1e-6), ("mm", 1), ("cm", 10), ("pixel", None)]
)
def test_imagej_units_are_understood(tmp_path: Path, unit: str, factor: float | None) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", STACK[0], imagej=True, resolution=(2.0, 2.0), metadata={"axes": "YX", "unit": unit}
    )
    spacing = io.read_image(tmp_path / "a.tif").grid.spacing
    np.testing.assert_allclose(spacing, (1.0, 1.0) if factor is None else (0.5 * factor, 0.5 * factor))


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((10000.0, 10000.0), "CENTIMETER", (0.001, 0.001)),
        ((300.0, 300.0), "INCH", (1.0, 1.0)),
        ((118.11, 118.11), "CENTIMETER", (1.0, 1.0)),  # 300 dots per inch is printing, not physics
        ((1.0, 1.0), "CENTIMETER", (1.0, 1.0)),
        ((0.0, 0.0), "CENTIMETER", (1.0, 1.0)),
    ],
)
def test_a_plain_resolution_is_believed_only_where_it_is_no_printing_resolution(
    tmp_path: Path, resolution: tuple[float, float], unit: str, expected: tuple[float, float]
) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", STACK[0], resolution=resolution if resolution[0] else ((0, 1), (0, 1)), resolutionunit=unit
    )
    np.testing.assert_allclose(io.read_image(tmp_path / "a.tif").grid.spacing, expected)
