"""Single objects in files: ids in a format that holds them, tables, and outlines that lie where the pixels are."""

from __future__ import annotations

import io as memory
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from roifile import ImagejRoi
from tests.workflows.models import PLAN

from septum import io
from septum.errors import ConfigError
from septum.geometry import Grid, Image, LabelMap
from septum.instances.decode import Decoding
from septum.instances.outlines import outlines
from septum.workflows.prediction import objects
from septum.workflows.prediction.objects import (
    SegmentedObjects,
    check_objects,
    geojson,
    imagej_rois,
    write_objects,
)
from septum.workflows.prediction.settings import PredictSettings

OF_OBJECTS = replace(PLAN, instances=Decoding())


def drawn(dtype: Any = np.uint16) -> np.ndarray:
    labels = np.zeros((12, 20), dtype)
    labels[2:5, 3:9] = 1
    labels[7:11, 12:18] = 2
    return labels


@pytest.mark.parametrize(
    ("settings", "plan", "message"),
    [
        ({"semantic": True}, PLAN, "must go to a model of single objects"),
        ({"outlines": ("imagej",)}, PLAN, "must go to a model of single objects"),
        ({"probabilities": True}, OF_OBJECTS, "must go to a model of classes only"),
    ],
)
def test_outputs_that_a_model_does_not_have_are_refused(settings: dict[str, Any], plan: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_objects(PredictSettings(**settings), plan)
    check_objects(PredictSettings(), plan)
    other = OF_OBJECTS if plan is PLAN else PLAN
    check_objects(PredictSettings(**settings), other)


def test_an_object_has_the_class_of_most_of_its_voxels_and_background_only_where_there_is_none() -> None:
    labels = np.zeros((4, 10), np.uint32)
    labels[0, :5], labels[1, :6], labels[2, :4] = 1, 2, 3
    classes = np.zeros((4, 10), np.uint8)
    classes[0, :3], classes[0, 3:5] = 2, 1  # most are 2
    classes[1, :1] = 1  # five are background
    found: Any = SimpleNamespace(labels=labels, count=3)
    assert objects._class_of(found, classes, plan=PLAN).tolist() == [2, 1, 1]


def test_imagej_gets_the_corners_of_the_pixels_counted_from_its_own_origin() -> None:
    stored = imagej_rois(outlines(drawn()))
    with zipfile.ZipFile(memory.BytesIO(stored)) as archive:
        assert archive.namelist() == ["1.roi", "2.roi"]
        roi = ImagejRoi.frombytes(archive.read("2.roi"))
    corners = roi.coordinates()
    assert (roi.name, corners.min(0).tolist(), corners.max(0).tolist()) == ("2", [12.0, 7.0], [18.0, 11.0])


def test_geojson_covers_the_pixels_and_carries_the_row_of_the_object() -> None:
    table = pd.DataFrame({"id": [1, 2], "class": ["cell", "debris"], "area_px2": [18.0, np.nan]})
    found = geojson(outlines(drawn()), table)
    assert found["type"] == "FeatureCollection"
    first, second = found["features"]
    ring = np.array(first["geometry"]["coordinates"][0][0])
    assert (ring.min(0).tolist(), ring.max(0).tolist()) == ([3.0, 2.0], [9.0, 5.0])  # x before y
    assert ring[0].tolist() == ring[-1].tolist()
    assert first["properties"]["class"] == "cell"
    assert second["properties"]["area_px2"] is None
    json.dumps(found, allow_nan=False)


def segmented(labels: np.ndarray, grid: Grid | None = None) -> SegmentedObjects:
    own = grid or Grid.pixels(labels.shape)
    table = pd.DataFrame({"id": [1, 2], "class": ["a", "b"]})
    return SegmentedObjects(LabelMap(labels, own), table, LabelMap((3 * (labels > 0)).astype(np.uint8), own))


def test_everything_that_was_asked_for_lies_in_its_folder(tmp_path: Path) -> None:
    image = Image(np.zeros((1, 12, 20), np.float32), Grid.pixels((12, 20)))
    settings = PredictSettings(semantic=True, outlines=("imagej", "geojson"))
    path = write_objects(tmp_path / "a.png", segmented(drawn()), image=image, settings=settings)
    assert path == tmp_path / "a.png"
    assert np.array_equal(io.read_labels(path).array, drawn())
    assert pd.read_csv(tmp_path / "objects" / "a.csv")["class"].tolist() == ["a", "b"]
    assert set(np.unique(io.read_labels(tmp_path / "semantic" / "a.png").array)) == {0, 3}
    assert sorted(p.name for p in (tmp_path / "outlines").iterdir()) == ["a.geojson", "a.zip"]
    write_objects(tmp_path / "b.png", segmented(drawn()), image=image, settings=PredictSettings())
    assert not (tmp_path / "outlines" / "b.zip").exists()
    assert not (tmp_path / "semantic" / "b.png").exists()


def test_more_ids_than_png_holds_go_to_a_tiff_and_volumes_have_no_outlines(tmp_path: Path) -> None:
    labels = drawn(np.uint32)
    labels[0, 0] = 70000
    image = Image(np.zeros((1, 12, 20), np.float32), Grid.pixels((12, 20)))
    path = write_objects(tmp_path / "a.png", segmented(labels), image=image, settings=PredictSettings())
    assert path == tmp_path / "a.tif"
    assert io.read_labels(path).array.max() == 70000
    cube = np.stack([drawn(), drawn()])
    grid = Grid.from_spacing(cube.shape, (2.0, 1.0, 1.0))
    volume = Image(np.zeros((1, *cube.shape), np.float32), grid)
    settings = PredictSettings(outlines=("geojson",))
    write_objects(tmp_path / "v.nii.gz", segmented(cube, grid), image=volume, settings=settings)
    assert not (tmp_path / "outlines").exists()
    assert (tmp_path / "objects" / "v.csv").is_file()
