"""`split_masks`: one label map per mask, a table of counts, a picture of both kinds of mask."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture

from septum import io
from septum.errors import ConfigError, DatasetError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.folders import entries
from septum.workflows.data.masks import mask_cases
from septum.workflows.objects.split import SplitSettings, read_case_mask, split_masks
from septum.workflows.runs.hooks import Hooks


def write(path, array, spacing=None):
    array = np.asarray(array, np.uint8)
    path.parent.mkdir(exist_ok=True)
    io.write_labels(path, LabelMap(array, Grid.from_spacing(array.shape, spacing or (1.0,) * array.ndim)))


def width(path):
    with Picture.open(path) as picture:
        return picture.width


@pytest.fixture
def dumbbell():
    mask = np.zeros((30, 50), np.uint8)
    mask[5:25, 4:23] = mask[5:25, 27:46] = mask[13:17] = 1
    mask[:, :2] = mask[:, -2:] = 0
    return mask


def test_masks_in_2d_and_3d_become_objects_counted_and_drawn(tmp_path, dumbbell):
    write(tmp_path / "in" / "flat.png", dumbbell)
    write(tmp_path / "in" / "stack.tif", np.stack([dumbbell] * 12), (2.0, 1.0, 1.0))
    write(tmp_path / "in" / "nothing.png", dumbbell * 0)
    heard = []
    result = split_masks(
        tmp_path / "in", tmp_path / "out", images=None, settings=SplitSettings(), hooks=Hooks(on_note=heard.append)
    )
    assert not result.failures
    assert {p.name for p in result.written} == {"flat.png", "stack.tif", "nothing.png"}
    for name in ("flat.png", "stack.tif"):
        assert io.read_labels(tmp_path / "out" / name).array.max() == 2
    table = pd.read_csv(tmp_path / "out" / "objects.csv").set_index("mask")
    assert table["objects"].to_dict() == {"flat": 2, "stack": 2, "nothing": 0}
    assert "nothing: no object" in heard
    assert width(tmp_path / "out" / "pictures" / "flat.png") > 1000
    assert len(entries(tmp_path / "out")) == len(entries(tmp_path / "in"))  # the pictures are no masks


def test_the_image_is_shown_beside(tmp_path, dumbbell):
    write(tmp_path / "in" / "a.png", dumbbell)
    image = tmp_path / "images" / "a.png"
    image.parent.mkdir()
    io.write_image(image, Image(dumbbell[None] * 100, Grid.from_spacing(dumbbell.shape, (1, 1))))
    split_masks(tmp_path / "in", tmp_path / "out", images=image.parent, settings=SplitSettings(), hooks=Hooks())
    assert width(tmp_path / "out" / "pictures" / "a.png") > 1500


def test_images_of_other_names_and_present_results_are_refused(tmp_path, dumbbell):
    for name in "ab":
        write(tmp_path / "in" / f"{name}.png", dumbbell)
        write(tmp_path / "images" / f"other{ord(name)}.png", dumbbell)
    with pytest.raises(DatasetError, match="every mask must have an image"):
        split_masks(
            tmp_path / "in", tmp_path / "out", images=tmp_path / "images", settings=SplitSettings(), hooks=Hooks()
        )
    split_masks(tmp_path / "in", tmp_path / "out", images=None, settings=SplitSettings(), hooks=Hooks())
    with pytest.raises(ConfigError, match="already holds"):
        split_masks(tmp_path / "in", tmp_path / "out", images=None, settings=SplitSettings(), hooks=Hooks())


def test_a_background_of_255_is_turned(tmp_path, dumbbell):
    write(tmp_path / "in" / "a.png", np.where(dumbbell, 0, 255))
    labels = read_case_mask(mask_cases(tmp_path / "in", None)[0], 255)
    assert np.array_equal(labels.array > 0, dumbbell > 0)


def test_more_objects_than_png_holds_go_to_a_tiff(tmp_path):
    dots = np.zeros((520, 520), np.uint8)
    dots[::2, ::2] = 1
    write(tmp_path / "in" / "dots.png", dots)
    settings = SplitSettings(pictures=False)
    result = split_masks(tmp_path / "in", tmp_path / "out", images=None, settings=settings, hooks=Hooks())
    assert [p.name for p in result.written] == ["dots.tif"]
    assert io.read_labels(result.written[0]).array.max() == 260 * 260


def test_one_bad_file_does_not_stop_the_rest(tmp_path, dumbbell):
    write(tmp_path / "in" / "a.png", dumbbell)
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    result = split_masks(tmp_path / "in", tmp_path / "out", images=None, settings=SplitSettings(), hooks=Hooks())
    assert [name for name, _ in result.failures] == ["b"]


@pytest.mark.parametrize("values", [{"depth": -1.0}, {"smallest": -1.0}])
def test_settings_have_their_rules(values):
    with pytest.raises(ConfigError, match="must lie between 0 and"):
        SplitSettings(**values)
