"""Folders of masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.workflows.datasets import mask, planes, write_image, write_labels

from septum.errors import DatasetError
from septum.workflows.data.masks import fitting_axes, is_plain, is_probability, mask_cases


def test_a_folder_is_one_case_per_mask_in_natural_order_without_probability_maps(tmp_path: Path) -> None:
    for name in ("case10", "case9"):
        write_labels(tmp_path / f"{name}.png", mask(1))
    write_image(tmp_path / "case9_probability_1.tif", mask(1).astype(np.float32))
    (tmp_path / "quality.csv").write_text("case\n")
    assert [case.id for case in mask_cases(tmp_path, None)] == ["case9", "case10"]


def test_a_folder_of_probability_maps_alone_is_not_empty(tmp_path: Path) -> None:
    write_image(tmp_path / "a_probability_1.tif", mask(1).astype(np.float32))
    assert [case.id for case in mask_cases(tmp_path, None)] == ["a_probability_1"]


def test_a_single_file_is_one_case_and_a_movie_one_per_frame(tmp_path: Path) -> None:
    file = write_labels(tmp_path / "one.png", mask(1))
    assert [case.id for case in mask_cases(file, None)] == ["one"]
    tifffile.imwrite(
        tmp_path / "film.tif", np.stack([mask(i) for i in range(3)]), photometric="minisblack", metadata={"axes": "TYX"}
    )
    found = mask_cases(tmp_path / "film.tif", "TYX")
    assert [case.images[0].frame for case in found] == [0, 1, 2]
    assert len({case.id for case in found}) == 3


def test_names_that_come_twice_are_refused_and_said(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.png", mask(1))
    write_labels(tmp_path / "a.tif", mask(1))
    with pytest.raises(DatasetError, match=r"unique, got a more than once"):
        mask_cases(tmp_path, None)


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="check the path"):
        mask_cases(tmp_path / "nowhere", None)


def test_plain_is_a_mask_or_a_folder_of_masks_without_a_layout(tmp_path: Path) -> None:
    root = planes(tmp_path / "data", 1)
    assert is_plain(root / "labels")
    assert is_plain(root / "labels" / "case0.png")
    assert not is_plain(root)
    (root / "labels" / "dataset.json").write_text("{}")
    assert not is_plain(root / "labels")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("a_probability_1", True), ("a_probability_12", True), ("a_probability_", False), ("probability_1", False)],
)
def test_probability_maps_are_known_by_their_name(name: str, is_one: bool) -> None:
    assert is_probability(name) is is_one


def test_axes_of_the_images_fit_masks_that_have_no_channels_or_no_time(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "film.tif", np.stack([mask(i) for i in range(3)]), photometric="minisblack")
    plane = write_labels(tmp_path / "plane.png", mask(1))
    assert fitting_axes(tmp_path / "film.tif", "TCYX") == "TYX"
    assert fitting_axes(plane, "TCYX") == "TYX"
    assert fitting_axes(plane, None) is None
    assert fitting_axes(plane, "QQQQ") is None
