"""Pictures and facts of `septum measure`: true proportions, the fullest slice, and units as people write them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture

from septum.geometry import Grid, Image, LabelMap
from septum.workflows.objects import measure_page
from septum.workflows.objects.measure_page import picture_of_objects


def drawn(labels: np.ndarray, spacing: tuple[float, ...], image: Any = None, count: int = 1) -> Any:
    tile = picture_of_objects("a", LabelMap(labels, Grid.from_spacing(labels.shape, spacing)), image=image, count=count)
    return tile, np.asarray(Picture.open(io.BytesIO(tile.panel.data)).convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("spacing", "size"), [((1.0, 1.0), (360, 360)), ((2.0, 1.0), (360, 180)), ((1.0, 3.0), (120, 360))]
)
def test_pictures_have_the_proportions_of_the_tissue(spacing: tuple[float, float], size: tuple[int, int]) -> None:
    labels = np.zeros((40, 40), np.uint16)
    labels[:20] = 1
    tile, found = drawn(labels, spacing)
    assert found.shape[:2] == size
    assert found[: size[0] // 2 - 4].max() > 60
    assert found[size[0] // 2 + 8 :].max() < 40
    assert "1 object" in tile.line
    assert "1 objects" not in tile.line


def test_of_a_volume_the_slice_with_most_objects_is_shown_over_its_image() -> None:
    labels = np.zeros((5, 30, 40), np.uint16)
    labels[1, 3:6, 3:6] = 1
    labels[3, 5:25, 5:35] = 2
    grey = np.zeros((1, *labels.shape), np.float32)
    grey[0, 3] = np.linspace(0, 1, 40)
    grid = Grid.from_spacing(labels.shape, (3.0, 1.0, 1.0))
    tile, found = drawn(labels, (3.0, 1.0, 1.0), Image(grey, grid), count=2)
    assert found.shape[:2] == (270, 360)
    assert found[135, 180].max() > found[10, 10].max() + 20
    assert found[10, 350].mean() > found[10, 10].mean() + 50
    assert "2 objects" in tile.line


def test_facts_count_images_objects_and_conditions_and_name_the_unit() -> None:
    objects = pd.DataFrame({"area_um2": [1.0, 3.0, 8.0]})
    images = pd.DataFrame({"objects": [0, 1, 2], "condition": ["x", "y", "y"]})
    facts = {name: (value, more) for name, value, more in measure_page._facts(objects, images)}
    assert facts["Images"][0] == "3"
    assert facts["Objects"][0] == "3"
    assert facts["Per image"] == ("1", "median; 0 to 2")
    assert facts["Conditions"][0] == "2"
    assert facts["Median area"] == ("3", "µm²")
    empty = pd.DataFrame({"volume_mm3": [np.nan]})
    assert [name for name, *_ in measure_page._facts(empty, images)][-1] == "Conditions"
