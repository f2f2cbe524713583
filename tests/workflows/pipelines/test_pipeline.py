"""Pipelines: TOML there and back, every mistake named, and steps that do what the functions do one after another."""

from __future__ import annotations

import numpy as np
import pytest
from tests.workflows.pipelines.steps import TEXT

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
