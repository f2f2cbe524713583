"""The planes of a SEG lie where they say, in any order, whatever the encoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from tests.io.dicoms import series, stored
from tests.io.structures import save, seg

from septum import io
from septum.errors import FormatError, GeometryError
from septum.geometry import Grid
from septum.io.dicom.seg import segment_names, segmented


def disc(row: int, column: int, *, size: int = 3) -> np.ndarray:
    mask = np.zeros((12, 10), bool)
    mask[row : row + size, column : column + size] = True
    return mask


FRAMES = [(2, 10.0, disc(1, 1)), (1, 5.0, disc(4, 2)), (1, 7.5, disc(5, 2))]
NAMES = {1: "Liver", 2: "Heart"}


def volume(path: Path, grid: Grid | None = None) -> tuple[np.ndarray, Grid]:
    found = segmented(path, pydicom.dcmread(path), grid=grid)
    labels = np.zeros(found.grid.shape, int)
    for number, index in found.voxels.items():
        labels.flat[index] = number
    return labels, found.grid


def test_frames_in_any_order_lie_at_their_places_in_the_image(tmp_path: Path) -> None:
    image = io.read_image(series(tmp_path / "ct", stored((4, 12, 10))))
    path = save(seg(FRAMES, NAMES), tmp_path / "seg.dcm")
    labels, _ = volume(path, image.grid)
    assert [np.unique(plane).tolist() for plane in labels] == [[0, 1], [0, 1], [0, 2], [0]]
    assert np.array_equal(labels[0] == 1, disc(4, 2))
    assert np.array_equal(labels[2] == 2, disc(1, 1))


def test_without_an_image_the_planes_span_their_own_grid(tmp_path: Path) -> None:
    image = io.read_image(series(tmp_path / "ct", stored((3, 12, 10))))
    labels, grid = volume(save(seg(FRAMES, NAMES), tmp_path / "seg.dcm"))
    assert grid.matches(image.grid)
    assert labels.shape == (3, 12, 10)
    with pytest.raises(FormatError, match="even distances"):
        volume(save(seg([*FRAMES, (1, 8.3, disc(0, 0))], NAMES), tmp_path / "uneven.dcm"))


def test_label_maps_and_fractions_are_read_as_what_they_mean(tmp_path: Path) -> None:
    both = disc(1, 1).astype(np.uint8) + 2 * disc(6, 5)
    listed = {0: "Background", **NAMES}
    path = save(seg([(0, 5.0, both)], listed, kind="LABELMAP"), tmp_path / "map.dcm")
    assert np.array_equal(volume(path)[0][0], both)
    assert segment_names(pydicom.dcmread(path)) == NAMES
    shares = np.where(disc(1, 1), 200, 0) + np.where(disc(6, 5), 100, 0)
    path = save(seg([(1, 5.0, shares)], NAMES, kind="FRACTIONAL", MaximumFractionalValue=255), tmp_path / "part.dcm")
    assert np.array_equal(volume(path)[0][0] == 1, disc(1, 1))
    assert segmented(path, pydicom.dcmread(path)).doubts == ("fractions are cut at one half",)


def test_planes_beside_the_voxels_or_outside_the_image_are_refused(tmp_path: Path) -> None:
    path = save(seg(FRAMES, NAMES), tmp_path / "seg.dcm")
    image = io.read_image(series(tmp_path / "ct", stored((3, 12, 10))))
    shifted = image.grid.affine.copy()
    shifted[0, 3] += 0.2
    with pytest.raises(GeometryError, match=r"0\.4 voxels beside"):
        volume(path, Grid(image.grid.shape, shifted, unit="mm"))
    short = io.read_image(series(tmp_path / "short", stored((2, 12, 10))))
    with pytest.raises(GeometryError, match="9 marked samples outside"):
        volume(path, short.grid)
    cut = pydicom.dcmread(path)
    cut.PixelData = cut.PixelData[:10]
    with pytest.raises(FormatError, match="promises"):
        segmented(path, cut)
