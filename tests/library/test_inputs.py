"""Whatever a person holds becomes the one type to work with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests import phantoms

from septum import io
from septum.errors import FormatError, GeometryError
from septum.library.inputs import as_image, as_label_map

BALL = phantoms.ball((10, 12, 14), (3.0, 1.0, 1.0), radius_mm=5.0)


def test_an_array_takes_its_spacing_and_files_and_images_have_their_own(tmp_path: Path) -> None:
    image = BALL.image()
    io.write_image(tmp_path / "a.nii.gz", image)
    for given, options in (
        (image.array[0], {"spacing": (3, 1, 1)}),
        (image, {}),
        (tmp_path / "a.nii.gz", {}),
        (str(tmp_path / "a.nii.gz"), {}),
    ):
        found = as_image(given, **options)
        assert np.allclose(found.array, image.array)
        assert found.grid.spacing == pytest.approx((3.0, 1.0, 1.0))
    for given in (image, tmp_path / "a.nii.gz"):
        with pytest.raises(GeometryError, match=r"has its own|which has"):
            as_image(given, spacing=(1, 1, 1))


def test_channels_may_stand_first_or_last_where_they_are_expected() -> None:
    photograph = np.zeros((20, 30, 3), np.uint8)
    assert as_image(photograph, channels=3).array.shape == (3, 20, 30)
    assert as_image(np.moveaxis(photograph, -1, 0), channels=3).array.shape == (3, 20, 30)
    assert as_image(photograph).array.shape == (1, 20, 30, 3)
    for narrow in ((20, 3), (3, 20)):  # a plane that happens to be three samples wide or high is no photograph
        assert as_image(np.zeros(narrow, np.uint8), channels=3).array.shape == (1, *narrow)
    assert as_image(np.zeros((20, 30), bool)).array.dtype == np.uint8


def test_labels_may_be_masks_and_what_is_none_is_refused(tmp_path: Path) -> None:
    assert as_label_map(BALL.mask).array.dtype == np.uint8
    assert as_label_map(BALL.labels) is not None
    io.write_labels(tmp_path / "l.nii.gz", BALL.labels)
    assert np.array_equal(as_label_map(tmp_path / "l.nii.gz").array, BALL.array)
    with pytest.raises(GeometryError, match="integers"):
        as_label_map(BALL.array / 2)
    with pytest.raises(GeometryError, match="reference must have 2 or 3 axes"):
        as_label_map(np.zeros(3, int), name="reference")
    with pytest.raises(GeometryError, match="2 or 3 spatial axes"):
        as_image(np.zeros((2, 2, 2, 2)))
    with pytest.raises(FormatError):
        as_image(tmp_path / "nowhere.png")
