"""Masks in a notebook."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from tests import phantoms

import septum
from septum import io
from septum.errors import ConfigError, GeometryError

BALL = phantoms.ball((12, 24, 26), (2.0, 1.0, 1.0), radius_mm=8.0)


def test_segment_takes_a_method_or_steps_and_keeps_the_grid() -> None:
    image = BALL.image(contrast=20.0)
    labels = septum.segment(image, "otsu")
    assert labels.grid == image.grid
    assert septum.dice(labels, BALL.labels) > 0.99
    steps = septum.segment(image.array[0], ["gaussian:sigma_mm=0.5", "otsu", "fill-holes"], spacing=(2, 1, 1))
    assert septum.dice(steps.array, BALL.array) > 0.95
    assert septum.segment(image, "otsu", side="dark").array.sum() == labels.array.size - labels.array.sum()


def test_a_misspelt_method_or_option_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'otsu'"):
        septum.segment(BALL.image(), "otus")
    with pytest.raises(ConfigError, match="has no option 'bin'"):
        septum.segment(BALL.image(), "otsu", bin=3)
    with pytest.raises(ConfigError, match="written into the steps"):
        septum.segment(BALL.image(), ["otsu"], bins=3)


def test_a_photograph_is_three_channels() -> None:
    photograph = np.full((30, 40, 3), 100, np.uint8)
    photograph[:, 20:] = (200, 100, 0)  # the mean of the channels is the same everywhere
    labels = septum.segment(photograph, ["channel:use=red", "otsu"])
    assert labels.array[:, 20:].all()
    assert not labels.array[:, :20].any()


def test_interpolate_fills_between_slices_and_follows_an_image() -> None:
    sparse = np.zeros_like(BALL.array)
    sparse[1::2] = BALL.array[1::2]
    drawn = {0: [1, 3, 5, 7, 9, 11]}
    filled = septum.interpolate(sparse, spacing=(2, 1, 1), drawn=drawn)
    assert septum.dice(filled.array, BALL.array) > 0.93 > septum.dice(sparse, BALL.array)
    noisy = np.where(BALL.array, 9.0, 0.0) + np.random.default_rng(1).normal(0, 2, BALL.array.shape)
    followed = septum.interpolate(sparse, image=noisy, spacing=(2, 1, 1), drawn=drawn)
    assert septum.dice(followed.array, BALL.array) > 0.93
    assert not np.array_equal(followed.array, filled.array)
    assert np.array_equal(septum.interpolate(BALL.labels, drawn=drawn).array[1], BALL.array[1])


def test_dice_of_one_label_of_all_and_of_nothing() -> None:
    a, b = np.array([[1, 1, 2, 0]]), np.array([[1, 2, 2, 0]])
    assert septum.dice(a, b) == 1.0
    assert septum.dice(a, b, label=1) == pytest.approx(2 / 3)
    assert math.isnan(septum.dice(a * 0, b * 0))


def test_evaluate_gives_a_row_per_label_with_distances_in_millimetres() -> None:
    moved = np.roll(BALL.array, 1, axis=0)
    table = septum.evaluate(moved, BALL.array, spacing=(2, 1, 1))
    assert table["label"].tolist() == [1]
    assert table["hausdorff"][0] == pytest.approx(2.0)
    assert table["dice"][0] == pytest.approx(septum.dice(moved, BALL.array))
    more = septum.evaluate(moved, BALL.array, metrics=("boundary",))
    assert "boundary_iou" in more
    assert "hausdorff" not in more


def test_evaluate_of_folders_gives_a_row_per_case_and_a_report_on_request(tmp_path: Path) -> None:
    for kind, shift in (("refs", 0), ("masks", 1)):
        (tmp_path / kind).mkdir()
        for i in range(3):
            array = np.roll(phantoms.ball((30, 32), radius_mm=6.0 + i).array, shift, axis=0)
            io.write_labels(
                tmp_path / kind / f"c{i}.png", septum.LabelMap(array, septum.Grid.from_spacing(array.shape, (1.0, 1.0)))
            )
    table = septum.evaluate(tmp_path / "masks", tmp_path / "refs")
    assert table["case"].tolist() == ["c0", "c1", "c2"]
    assert "report" not in table.attrs
    reported = septum.evaluate(str(tmp_path / "masks"), tmp_path / "refs", output=tmp_path / "report")
    assert reported.attrs["report"].path.is_file()
    assert "index.html" in reported.attrs["report"]._repr_html_()
    with pytest.raises(ConfigError, match="did you mean 'tolerance_mm'"):
        septum.evaluate(tmp_path / "masks", tmp_path / "refs", tolerance=2)


def test_masks_on_different_grids_are_not_compared() -> None:
    other = septum.LabelMap(BALL.array, septum.Grid.from_spacing(BALL.array.shape, (3.0, 1.0, 1.0)))
    with pytest.raises(GeometryError, match="must lie on one grid"):
        septum.evaluate(other, BALL.labels)
    with pytest.raises(GeometryError, match="must lie on one grid"):
        septum.dice(BALL.array[1:], BALL.array)
    with pytest.raises(ConfigError, match="output must come with files"):
        septum.evaluate(BALL.array, BALL.array, output="x")


def test_an_overlay_is_a_picture_that_can_be_saved(tmp_path: Path) -> None:
    shown = septum.overlay(BALL.image(), BALL.labels)
    assert repr(shown) == "Overlay()"
    assert "base64," in shown._repr_html_()
    assert shown._repr_png_().startswith(b"\x89PNG")
    path = shown.save(tmp_path / "o.png")
    with Picture.open(path) as picture:
        assert picture.size[0] >= 256
    plane = septum.overlay(BALL.image().array[0], BALL.array, spacing=(2, 1, 1), plane={0: 0})
    assert plane.png != septum.overlay(BALL.image().array[0], BALL.array, spacing=(2, 1, 1)).png
    with pytest.raises(GeometryError):
        septum.overlay(BALL.image(), BALL.array[1:])
