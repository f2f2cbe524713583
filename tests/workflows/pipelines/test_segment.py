"""A pipeline on files: seeds and markers on each image, masks on its grid, and what makes them again."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.ndimage as ndi
from tests.workflows.datasets import write_image
from tests.workflows.pipelines.steps import TEXT

from septum import Grid, Image, LabelMap, io
from septum.errors import ConfigError, GeometryError
from septum.workflows.data.cases import Case, Source
from septum.workflows.pipelines.pipeline import (
    Pipeline,
    make_step,
    parse_pipeline,
    read_pipeline,
    run_pipeline,
)
from septum.workflows.pipelines.segment import (
    RECORD,
    SegmentSettings,
    first_in_colour,
    read_seed,
    refuse_missing,
    segment,
    segment_image,
    takes_one_channel,
)
from septum.workflows.runs.hooks import Hooks


def quiet(**more):
    return {"hooks": Hooks(**more)}


def test_seeds_are_voxels_or_millimetres_of_the_world():
    grid = Grid((10, 12, 14), np.array([[0, 0, -0.8, 30.0], [0, -0.8, 0, 20.0], [3.0, 0, 0, -10.0], [0, 0, 0, 1]]))
    assert read_seed("2,3,4", grid).tolist() == [2, 3, 4]
    x, y, z = grid.index_to_world([2, 3, 4])
    assert read_seed(f"{x},{y},{z}mm", grid).tolist() == [2, 3, 4]
    for text, error in [
        ("2,3", ConfigError),
        ("a,b,c", ConfigError),
        ("1.5,2,3", ConfigError),
        ("nan,2,3", ConfigError),
        ("2,3,99", GeometryError),
        ("-1,3,4", GeometryError),
        ("900,0,0mm", GeometryError),
    ]:
        with pytest.raises(error):
            read_seed(text, grid)


def test_region_growing_takes_seeds_from_text_or_from_marked_voxels(image):
    step = make_step("connected-threshold", {"low": 10.0})
    middle = tuple(n // 2 for n in image.grid.shape)
    marked = np.zeros(image.grid.shape, np.uint8)
    marked[middle] = 1
    by_text = segment_image(image, Pipeline((step,), seeds=(",".join(map(str, middle)),)))
    by_mask = segment_image(image, Pipeline((step,)), markers=marked)
    assert by_text.array[middle] == 1
    assert np.array_equal(by_text.array, by_mask.array)
    components, _ = ndi.label(image.array[0] >= 10.0)
    assert np.array_equal(by_text.array > 0, components == components[middle])


def test_files_get_masks_on_their_own_grid_and_the_run_can_be_repeated(tmp_path, image):
    io.write_image(tmp_path / "in" / "a.nii.gz", image) if (tmp_path / "in").mkdir() is None else None
    (tmp_path / "in" / "broken.nii.gz").write_bytes(b"nothing")
    pipeline = parse_pipeline(TEXT)
    result = segment([tmp_path / "in"], tmp_path / "out", pipeline=pipeline, settings=SegmentSettings(), **quiet())
    assert [path.name for path in result.written] == ["a.nii.gz"]
    assert [name for name, _ in result.failures] == ["broken"]
    labels = io.read_labels(tmp_path / "out" / "a.nii.gz")
    assert labels.grid.matches(image.grid, tolerance=1e-3)
    assert np.array_equal(labels.array, run_pipeline(pipeline, image.array, spacing=image.grid.spacing))
    again = read_pipeline(tmp_path / "out" / "pipeline.toml")
    assert again == pipeline
    with pytest.raises(ConfigError, match="--overwrite"):
        segment([tmp_path / "in"], tmp_path / "out", pipeline=again, settings=SegmentSettings(), **quiet())


def test_a_method_that_needs_seeds_or_markers_says_so_before_any_image_is_read(tmp_path):
    pipeline = Pipeline((make_step("connected-threshold", {"low": 1.0}),))
    with pytest.raises(ConfigError, match="give --seeds"):
        segment([tmp_path / "no.png"], tmp_path / "out", pipeline=pipeline, settings=SegmentSettings(), **quiet())


def test_markers_of_another_grid_are_refused_and_a_folder_is_looked_through(tmp_path, image):
    (tmp_path / "markers").mkdir()
    io.write_image(tmp_path / "a.nii.gz", image)
    pipeline = Pipeline((make_step("watershed"),))
    settings = SegmentSettings(markers=tmp_path / "markers")
    result = segment([tmp_path / "a.nii.gz"], tmp_path / "o1", pipeline=pipeline, settings=settings, **quiet())
    assert "must hold markers named a" in result.failures[0][1]
    seeds = np.zeros(image.grid.shape, np.uint8)
    seeds[5, 12, 13], seeds[0, 0, 0] = 1, 2
    io.write_labels(tmp_path / "markers" / "a.nii.gz", LabelMap(seeds, image.grid))
    result = segment([tmp_path / "a.nii.gz"], tmp_path / "o2", pipeline=pipeline, settings=settings, **quiet())
    assert not result.failures
    assert set(np.unique(io.read_labels(result.written[0]).array)) == {1, 2}
    io.write_labels(tmp_path / "markers" / "a.nii.gz", LabelMap(seeds[1:], Grid.from_spacing((9, 24, 26), (1, 1, 1))))
    result = segment([tmp_path / "a.nii.gz"], tmp_path / "o3", pipeline=pipeline, settings=settings, **quiet())
    assert "must lie on the grid" in result.failures[0][1]


OTSU, CHANNEL = make_step("otsu"), make_step("channel", {"use": "0"})


def test_a_pipeline_takes_one_channel_unless_a_step_chooses_or_takes_any() -> None:
    assert takes_one_channel(Pipeline((OTSU,)))
    assert not takes_one_channel(Pipeline((CHANNEL, OTSU)))
    assert not takes_one_channel(Pipeline((make_step("kmeans"),)))


def write_colour(path: Path) -> Case:
    red = np.zeros((3, 8, 9), np.uint8)
    red[0] = 200
    io.write_image(path, Image(red, Grid.pixels((8, 9))))
    return Case(path.stem, (Source(path),))


def write_grey(path: Path) -> Case:
    return Case(path.stem, (Source(write_image(path, np.full((8, 9), 100, np.uint8))),))


def test_colour_among_grey_is_found_and_one_kind_alone_is_not(tmp_path: Path) -> None:
    grey = [write_grey(tmp_path / f"{name}.png") for name in "ab"]
    colour = [write_colour(tmp_path / f"{name}.png") for name in "xy"]
    assert first_in_colour([*grey, *colour]) == "x"
    assert first_in_colour([colour[1], grey[0]]) == "y"
    assert first_in_colour(grey) is None
    assert first_in_colour(colour) is None
    volume = Case("v", (Source(tmp_path / "v.nii.gz"),))
    assert first_in_colour([volume, *grey]) is None


@pytest.mark.parametrize("text", ["2,3,4 ", " 2,3,4", "2.0,3,4"])
def test_blanks_and_whole_numbers_with_a_point_are_taken(text: str) -> None:
    assert read_seed(text, Grid.from_spacing((10, 12, 14), (1.0, 1.0, 1.0))).tolist() == [2, 3, 4]


def test_the_last_voxel_is_inside_and_the_next_one_is_not() -> None:
    grid = Grid.from_spacing((4, 5), (1.0, 1.0))
    assert read_seed("3,4", grid).tolist() == [3, 4]
    assert read_seed("0,0", grid).tolist() == [0, 0]
    for text in ("4,4", "3,5", "-1,0"):
        with pytest.raises(GeometryError, match="seeds must lie in the image"):
            read_seed(text, grid)


def test_seeds_and_markers_are_asked_for_where_a_step_needs_them() -> None:
    growing = Pipeline((make_step("connected-threshold", {"low": 1.0}),))
    flooding: Any = SimpleNamespace(needs={"markers"}, seeds=())
    refuse_missing(growing, SegmentSettings(markers=Path("m.png")))
    refuse_missing(Pipeline(growing.steps, seeds=("1,2",)), SegmentSettings())
    refuse_missing(flooding, SegmentSettings(markers=Path("m.png")))
    with pytest.raises(ConfigError, match="needs seeds"):
        refuse_missing(growing, SegmentSettings())
    with pytest.raises(ConfigError, match="needs markers"):
        refuse_missing(flooding, SegmentSettings(seeds=("1,2",)))


def test_the_record_names_what_was_written_and_what_failed(tmp_path: Path) -> None:
    write_grey(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"nothing")
    notes: list[str] = []
    settings = SegmentSettings(page=False, seeds=("1,2",))
    low = Pipeline((make_step("connected-threshold", {"low": 1.0}),))
    result = segment(
        [tmp_path / "in"], tmp_path / "out", pipeline=low, settings=settings, **quiet(on_note=notes.append)
    )
    record = json.loads((tmp_path / "out" / RECORD).read_text())
    assert set(record["images"]) == {"a.png"}
    assert [row["image"] for row in record["failures"]] == ["b"]
    assert record["seeds"] == ["1,2"]
    assert result.page is None
    assert not any("the mask is empty" in note for note in notes)


def test_an_empty_mask_is_said(tmp_path: Path) -> None:
    write_grey(tmp_path / "in" / "a.png")
    notes: list[str] = []
    high = Pipeline((make_step("connected-threshold", {"low": 201.0}),), seeds=("1,2",))
    settings = SegmentSettings(page=False)
    segment([tmp_path / "in"], tmp_path / "out", pipeline=high, settings=settings, **quiet(on_note=notes.append))
    assert "a: the mask is empty" in notes
