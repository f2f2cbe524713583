"""Pipelines: TOML there and back, every mistake named, and steps that do what the functions do one after another."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi
from tests import phantoms

from septum import Grid, Image, LabelMap, io
from septum.classical import cleanup, smooth, threshold
from septum.errors import ConfigError, DatasetError, GeometryError
from septum.workflows.pipelines.pipeline import (
    Pipeline,
    make_step,
    parse_pipeline,
    parse_spec,
    read_pipeline,
    run_pipeline,
)
from septum.workflows.pipelines.segment import SegmentSettings, read_seed, segment, segment_image
from septum.workflows.runs.hooks import Hooks

TEXT = """
about = "nuclei"

[[step]]
do = "gaussian"
sigma_mm = 1.5

[[step]]
do = "otsu"

[[step]]
do = "fill-holes"

[[step]]
do = "keep-largest"
count = 2
"""


def quiet(**more):
    return {"hooks": Hooks(**more)}


@pytest.fixture
def image() -> Image:
    return phantoms.ball((10, 24, 26), (2.0, 1.0, 1.0), radius_mm=7.0).image(contrast=20.0)


def test_steps_do_what_the_functions_do_one_after_another(image):
    spacing = image.grid.spacing
    found = run_pipeline(parse_pipeline(TEXT), image.array, spacing=spacing)
    mask = threshold.automatic(smooth.gaussian(image.array[0], spacing=spacing, sigma_mm=1.5))
    expected = cleanup.keep_largest(cleanup.fill_holes(mask, spacing=spacing), count=2)
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected)


def test_what_is_written_reads_back_as_the_same_pipeline():
    pipeline = parse_pipeline(TEXT)
    text = pipeline.to_toml()
    assert parse_pipeline(text) == pipeline
    assert parse_pipeline(text).to_toml() == text
    assert text.count("[[step]]") == 4
    assert "bins = 256" in text  # defaults are written too
    assert pipeline.describe() == "gaussian (sigma_mm 1.5) → otsu → fill-holes → keep-largest (count 2)"


@pytest.mark.parametrize("name", ["kmeans", "ridges", "manual", "combine", "assign"])
def test_every_kind_of_option_survives_the_file(name):
    steps = [make_step("otsu", name="first")] if name in ("combine", "assign") else []
    last = make_step(name, {}, other="first" if name == "combine" else None)
    steps += [last, make_step("otsu")] if name == "ridges" else [last]
    pipeline = Pipeline(tuple(steps), seeds=("1,2",), about="why")
    assert parse_pipeline(pipeline.to_toml()) == pipeline


def test_results_can_be_named_gone_back_to_and_combined(image):
    text = """
    [[step]]
    do = "otsu"
    as = "object"
    [[step]]
    do = "margin"
    distance_mm = 2
    as = "wide"
    [[step]]
    do = "combine"
    from = "wide"
    other = "object"
    operation = "subtract"
    as = "shell"
    [[step]]
    do = "gaussian"
    from = "image"
    [[step]]
    do = "li"
    [[step]]
    do = "combine"
    other = "shell"
    """
    spacing, array = image.grid.spacing, image.array[0]
    found = run_pipeline(parse_pipeline(text), image.array, spacing=spacing)
    mask = threshold.automatic(array)
    shell = cleanup.margin(mask, spacing=spacing, distance_mm=2.0) & ~mask
    expected = threshold.automatic(smooth.gaussian(array, spacing=spacing), method="li") | shell
    assert np.array_equal(found > 0, expected)


def test_smoothing_works_channel_by_channel_and_a_channel_can_be_chosen():
    array = np.random.default_rng(0).integers(0, 250, (3, 20, 22)).astype(np.uint8)
    array[1, 5:12, 5:12] = 255
    pipeline = Pipeline((make_step("gaussian"), make_step("channel", {"use": "green"}), make_step("otsu")))
    found = run_pipeline(pipeline, array, spacing=(1, 1), channels=("red", "green", "blue"))
    assert np.array_equal(found > 0, threshold.automatic(smooth.gaussian(array[1])))


def test_a_method_of_one_channel_refuses_a_photograph_and_says_how_to_choose():
    pipeline = Pipeline((make_step("otsu"),))
    with pytest.raises(GeometryError, match=r"3 \(red, green, blue\).*--channel"):
        run_pipeline(pipeline, np.zeros((3, 8, 9)), spacing=(1, 1), channels=("red", "green", "blue"))


def test_a_method_of_planes_refuses_a_volume():
    pipeline = Pipeline((make_step("felzenszwalb"),))
    with pytest.raises(GeometryError, match="2-D, got a 3-D"):
        run_pipeline(pipeline, np.zeros((1, 4, 8, 9)), spacing=(1, 1, 1))


def test_an_image_that_is_not_finite_is_refused():
    with pytest.raises(DatasetError, match="NaN"):
        run_pipeline(Pipeline((make_step("otsu"),)), np.full((1, 4, 4), np.nan), spacing=(1, 1))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("step = 3", "one .*step.* or more"),
        ("", "one .*step.* or more"),
        ("[[step]\n", "read as TOML"),
        ("colour = 1\n[[step]]\ndo='otsu'", "unknown key 'colour'"),
        ("stpe = 1\n[[step]]\ndo='otsu'", "did you mean 'step'"),
        ("format = 9\n[[step]]\ndo='otsu'", "format must be 1"),
        ("seeds = [1]\n[[step]]\ndo='otsu'", "seeds must be a list of texts"),
        ("[[step]]\nmethod='otsu'", "must name its method"),
        ("[[step]]\ndo='otus'", "did you mean 'otsu'"),
        ("[[step]]\ndo='gaussian'\nsigma=2\n[[step]]\ndo='otsu'", "did you mean 'sigma_mm'"),
        ("[[step]]\ndo='gaussian'\nsigma_mm=-2\n[[step]]\ndo='otsu'", "a number from 0"),
        ("[[step]]\ndo='gaussian'", "must segment"),
        ("[[step]]\ndo='fill-holes'\n[[step]]\ndo='otsu'", "there is none yet"),
        ("[[step]]\ndo='otsu'\nas='image'", "must be new"),
        ("[[step]]\ndo='otsu'\nas=3", "as of step 1 must be a name"),
        ("[[step]]\ndo='otsu'\nas='a'\n[[step]]\ndo='invert'\nfrom='b'", "earlier result, got 'b'"),
        ("[[step]]\ndo='otsu'\nas='a'\n[[step]]\ndo='li'\nfrom='a'", "needs an image"),
        ("[[step]]\ndo='otsu'\n[[step]]\ndo='combine'", "needs the name of an earlier mask"),
        ("[[step]]\ndo='otsu'\n[[step]]\ndo='invert'\nother='image'", "must be a mask"),
    ],
)
def test_mistakes_in_a_file_are_named(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_pipeline(text)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_pipeline(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("text", "words"), [("gaussian:2", "option=value"), ("gaussian:sigma_mm=1:sigma_mm=2", "once")]
)
def test_mistakes_in_a_typed_step_are_named(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_spec(text)


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
