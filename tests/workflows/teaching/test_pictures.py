"""Images of lessons: made ones are numbered and repeat, real ones come with what is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from septum import io
from septum.errors import ConfigError
from septum.geometry import Grid, Image
from septum.workflows.teaching import pictures


def test_made_nuclei_are_numbered_without_gaps_and_the_same_for_a_seed():
    picture, truth = pictures.made_nuclei(7)
    assert sorted(np.unique(truth)) == list(range(truth.max() + 1))
    assert 0 <= picture.min() <= picture.max() <= 1
    assert picture[truth > 0].mean() > 2 * picture[truth == 0].mean()
    assert np.array_equal(pictures.made_nuclei(7)[0], picture)


def test_touching_nuclei_touch_and_none_hides_another() -> None:
    for seed in range(5):
        _, truth = pictures.made_nuclei(seed)
        sizes = np.bincount(truth.ravel())[1:]
        assert sizes.min() > 50
        assert ndimage.label(truth > 0)[1] <= truth.max()
    few = pictures.made_nuclei(3, count=3, side=64)[1]
    assert few.shape == (64, 64)
    assert 1 <= few.max() <= 3


def test_real_images_have_the_shape_and_range_that_lessons_count_on() -> None:
    coins = pictures.coins()
    assert (coins.shape, coins.dtype) == ((303, 384), np.float64)
    assert coins.max() > 200
    assert pictures.fundus().shape == (353, 353, 3)
    assert pictures.living_cell().shape == (660, 550)
    assert pictures.ct_slice().name == "CT_small.dcm"


def test_a_scan_that_pydicom_does_not_bring_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import pydicom.data

    monkeypatch.setattr(pydicom.data, "get_testdata_file", lambda name, download: None)
    with pytest.raises(ConfigError, match=r"must bring CT_small\.dcm"):
        pictures.ct_slice()


def test_the_brain_is_scaled_to_one_and_turned_upright(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    volume = np.zeros((3, 4, 5), np.float32)
    volume[1, 0, 2], volume[2, 3, 3] = 50.0, 200.0
    paths = {}
    for name in ("t1", "gm", "wm"):
        paths[name] = tmp_path / f"{name}.nii.gz"
        io.write_image(paths[name], Image(volume[None], Grid.from_spacing(volume.shape, (1.0, 1.0, 1.0))))
    monkeypatch.setattr("septum.workflows.data.template.find_template", lambda: paths)
    image, tissue = pictures.brain_slice(1)
    assert image.shape == (4, 5)
    assert image[3, 2] == pytest.approx(0.25)
    assert np.count_nonzero(image) == 1
    assert set(np.unique(tissue)) == {0}
