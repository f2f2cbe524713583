"""The challenge of vessels: inside of the field of view, beside the second reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.workflows.challenges.oracle import Oracle, taken
from tests.workflows.datasets import write_labels

from septum import io
from septum.errors import DatasetError
from septum.geometry import Grid, Image
from septum.workflows.challenges import vessels


def eyes(root: Path, *, first: int, count: int, second: bool = False) -> None:
    """Images with a vessel in a round field of view, named as DRIVE names them."""
    y, x = np.mgrid[:40, :44]
    field = ((y - 20) ** 2 + (x - 22) ** 2 < 18**2).astype(np.uint8) * 255
    for number in range(first, first + count):
        vessel = (((np.abs(x - 12 - number % 5) < 3) | (y == 5)) & (field > 0)).astype(np.uint8) * 255
        image = np.repeat((60 + 50 * (field > 0) - vessel // 6)[..., None], 3, -1).astype(np.uint8)
        for kind, array, name in (
            ("1st_manual", vessel, f"{number:02d}_manual1.png"),
            ("mask", field, f"{number:02d}_test_mask.png"),
            *((("2nd_manual", np.roll(vessel, 1, 1), f"{number:02d}_manual2.png"),) if second else ()),
        ):
            write_labels(root / kind / name, array)
        (root / "images").mkdir(parents=True, exist_ok=True)
        io.write_image(root / "images" / f"{number:02d}_x.png", Image(np.moveaxis(image, -1, 0), Grid.pixels((40, 44))))


def test_vessels_score_inside_the_field_of_view_and_beside_the_second_reader(tmp_path: Path) -> None:
    data = tmp_path / "drive"
    eyes(data / "training", first=21, count=4)
    eyes(data / "test", first=1, count=2, second=True)

    def outside(chances: np.ndarray) -> np.ndarray:
        y, x = np.mgrid[:40, :44]
        return np.where((y - 20) ** 2 + (x - 22) ** 2 < 18**2, chances, 1.0).astype(np.float32)

    division, found = taken("vessels", data, tmp_path / "out", Oracle(outside))
    assert found.values["dice"] == found.values["auc"] == found.values["accuracy"] == 1
    (rival,) = vessels.rivals(division).values()
    assert 0.3 < rival["dice"] < 1
    assert np.isnan(rival["auc"])


def test_vessels_take_one_folder_and_say_that_it_is_not_drives_division(tmp_path: Path) -> None:
    eyes(tmp_path / "drive", first=21, count=5)
    division = vessels.divide(tmp_path / "drive", tmp_path / "work")
    assert "not DRIVE" in division.notes[0]
    assert vessels.rivals(division) == {}
    with pytest.raises(DatasetError, match="at least 4"):
        vessels.divide(tmp_path, tmp_path / "work")
