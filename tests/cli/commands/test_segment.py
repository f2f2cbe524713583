"""`septum segment` from the command line: methods, pipelines, lists, comparison, exit codes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from septum import Grid, Image, io
from septum.classical import cleanup, smooth, threshold
from septum.classical.methods import METHODS
from septum.workflows.pipelines import suggest as suggestion
from septum.workflows.pipelines.candidates import Candidate
from septum.workflows.pipelines.pipeline import make_step


def test_a_folder_is_segmented_with_smoothing_and_mending(septum, dataset, tmp_path):
    result = septum(
        "segment", dataset / "images", "--method", "li", "--smooth", "gaussian:sigma_mm=1.5",
        "--clean", "fill-holes", "--clean", "keep-largest", "-o", tmp_path / "out",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert "empty" not in result.err
    assert len(result.out.splitlines()) == 4
    image = io.read_image(dataset / "images" / "a.png").array[0]
    mask = threshold.automatic(smooth.gaussian(image, sigma_mm=1.5), method="li")
    expected = cleanup.keep_largest(cleanup.fill_holes(mask))
    assert np.array_equal(io.read_labels(tmp_path / "out" / "a.png").array > 0, expected)


def test_the_saved_pipeline_gives_the_same_masks_again(septum, dataset, tmp_path):
    septum("segment", dataset / "images", "-m", "niblack", "-p", "radius_mm=9", "-p", "k=0.3", "-o", tmp_path / "one")
    result = septum(
        "segment", dataset / "images", "--pipeline", tmp_path / "one" / "pipeline.toml", "-o", tmp_path / "two"
    )
    assert result.code == 0
    for name in ("a.png", "b.png", "pipeline.toml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_masks_that_exist_are_kept_unless_told_otherwise(septum, dataset, tmp_path):
    arguments = ("segment", dataset / "images", "-m", "otsu", "-o", tmp_path / "out")
    assert septum(*arguments).code == 0
    again = septum(*arguments)
    assert again.code == 2
    assert "--overwrite" in again.err
    assert septum(*arguments, "--overwrite").code == 0


def test_one_bad_file_does_not_stop_the_rest(septum, dataset, tmp_path):
    (dataset / "images" / "b.png").write_bytes(b"broken")
    result = septum("segment", dataset / "images", "-m", "otsu", "-o", tmp_path / "out")
    assert result.code == 1
    assert "failed: b" in result.err
    assert (tmp_path / "out" / "d.png").is_file()


def test_a_photograph_needs_a_channel(septum, tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (3, 20, 24)).astype(np.uint8)
    io.write_image(tmp_path / "p.png", Image(array, Grid.from_spacing((20, 24), (1, 1)), ("red", "green", "blue")))
    result = septum("segment", tmp_path / "p.png", "-m", "otsu", "-o", tmp_path / "out")
    assert result.code == 2
    assert "--channel" in result.err
    result = septum(
        "segment", tmp_path / "p.png", "-m", "otsu", "--channel", "green", "-o", tmp_path / "out", "--overwrite"
    )
    assert result.code == 0
    found = io.read_labels(tmp_path / "out" / "p.png").array > 0
    assert np.array_equal(found, threshold.automatic(array[1]))


def test_a_constant_image_gives_an_empty_mask(septum, tmp_path):
    io.write_image(tmp_path / "flat.png", Image(np.full((1, 9, 9), 5, np.uint8), Grid.from_spacing((9, 9), (1, 1))))
    result = septum("segment", tmp_path / "flat.png", "-m", "otsu", "-o", tmp_path / "out")
    assert result.code == 0
    assert "flat: the mask is empty" in result.err
    assert not io.read_labels(tmp_path / "out" / "flat.png").array.any()


def test_the_list_holds_every_method_and_explains_one(septum):
    listed = septum("segment", "--list-methods")
    assert listed.code == 0
    for method in METHODS:
        assert f"  {method.name} " in listed.out
        assert method.what in listed.out
    explained = septum("segment", "--list-methods", "-m", "niblack")
    assert "half-width of the window (a number from 0, mm; default 15)" in explained.out
    assert septum("segment", "--list-methods", "-m", "nonsense").code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.png", "-m", "otsu"], "-o OUT"),
        (["a.png", "-o", "out"], "--method NAME"),
        (["-m", "otsu", "-o", "out"], "images must be given"),
        (["a.png", "-m", "otus", "-o", "out"], "did you mean 'otsu'"),
        (["a.png", "-m", "otsu", "-p", "bin=3", "-o", "out"], "did you mean 'bins'"),
        (["a.png", "-m", "otsu", "-p", "bins=many", "-o", "out"], "a whole number"),
        (["a.png", "-m", "fill-holes", "-o", "out"], "mends a mask"),
        (["a.png", "-m", "otsu", "--smooth", "otsu", "-o", "out"], "segments an image"),
        (["a.png", "-m", "otsu", "--pipeline", "x.toml", "-o", "out"], "must stand alone"),
        (["a.png", "--pipeline", "x.toml", "-o", "out"], "cannot be read"),
        (["a.png", "-m", "otsu", "--suggest", "data", "-o", "out"], "leave them out"),
        (["a.png", "-m", "otsu", "-o", "out"], "does not exist"),
        (["a.png", "-m", "confidence-connected", "-o", "out"], "--seeds"),
        (["--suggest", "data", "-o", "out"], "does not exist"),
        (["--suggest", "data", "-o", "out", "--workers", "0"], "workers must be auto"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_to_do(septum, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    result = septum("segment", *arguments)
    assert result.code == 2
    assert words in result.err
    assert "Traceback" not in result.err


def test_seeds_outside_the_image_are_named(septum, dataset, tmp_path):
    image = dataset / "images" / "a.png"
    arguments = ("segment", image, "-m", "connected-threshold", "-p", "low=80", "-o", tmp_path / "out")
    result = septum(*arguments, "--seeds", "500,3")
    assert result.code == 2
    assert "seeds must lie in the image" in result.err
    assert septum(*arguments, "--seeds", "24,24", "--overwrite").code == 0
    assert io.read_labels(tmp_path / "out" / "a.png").array[24, 24] == 1


def test_the_comparison_prints_a_table_and_writes_a_pipeline(septum, dataset, tmp_path, monkeypatch):
    grid = tuple(Candidate((make_step(name),), name, False) for name in ("otsu", "triangle"))
    monkeypatch.setattr(suggestion, "first_stage", lambda **given: grid)
    result = septum("segment", "--suggest", dataset, "-o", tmp_path / "out", "--workers", "1")
    assert result.code == 0, result.err
    assert "otsu" in result.out
    assert "best of all" in result.out
    replay = septum(
        "segment", dataset / "images", "--pipeline", tmp_path / "out" / "pipeline.toml", "-o", tmp_path / "m"
    )
    assert replay.code == 0
    assert len(replay.out.splitlines()) == 4


def test_training_reports_what_the_network_gained_over_classical_methods(septum, dataset, tmp_path, monkeypatch):
    grid = tuple(Candidate((make_step(name),), name, False) for name in ("otsu", "triangle"))
    monkeypatch.setattr(suggestion, "first_stage", lambda **given: grid)
    result = septum(
        "train",
        dataset,
        "-o",
        tmp_path / "m",
        "--steps",
        2,
        "--network",
        "lecture",
        "--baselines",
        "--precision",
        "32-true",
    )
    assert result.code == 0, result.err
    page = (tmp_path / "m" / "report" / "index.html").read_text()
    assert "gain of the network" in page
    dice, best, word, gain = re.search(
        r"mean Dice of (\d\.\d{3}); .* (\d\.\d{3}) on the same held-out cases: the network (gained|lost) (\d\.\d{3})",
        page,
    ).groups()  # type: ignore[union-attr]
    assert (word == "gained") == (float(dice) >= float(best))
    assert float(gain) == pytest.approx(abs(float(dice) - float(best)), abs=0.0015)
    assert "triangle" in page


def test_a_folder_of_grey_and_colour_is_segmented_with_a_note_and_one_of_colour_alone_is_not(septum, dataset, tmp_path):
    red = np.zeros((3, 48, 48), np.uint8)
    red[0, 10:30, 10:30] = 255
    grid = Grid.from_spacing((48, 48), (1.0, 1.0))
    io.write_image(dataset / "images" / "red.png", Image(red, grid))
    result = septum("segment", dataset / "images", "-m", "otsu", "-o", tmp_path / "out")
    assert result.code == 0
    assert "grey and colour images, such as red, lie together" in result.err
    assert io.read_labels(tmp_path / "out" / "red.png").array[20, 20] == 1
    assert 'do = "channel"' in (tmp_path / "out" / "pipeline.toml").read_text()
    (tmp_path / "colour").mkdir()
    io.write_image(tmp_path / "colour" / "red.png", Image(red, grid))
    assert septum("segment", tmp_path / "colour", "-m", "otsu", "-o", tmp_path / "no").code == 2


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (["-m", "split-touching"], "--method otsu --clean split-touching"),
        (["-m", "gaussian"], "--method otsu --smooth gaussian"),
        (["-m", "otsu", "--clean", "gaussian"], "--smooth gaussian"),
        (["-m", "otsu", "--clean", "otsu"], "--method otsu"),
    ],
)
def test_a_step_in_the_wrong_place_is_answered_with_what_to_type(septum, dataset, tmp_path, arguments, typed):
    result = septum("segment", dataset / "images", *arguments, "-o", tmp_path / "out")
    assert result.code == 2
    assert f"type {typed}" in result.err


def test_the_page_is_written_unless_told_otherwise_and_its_address_is_said(septum, dataset, tmp_path):
    result = septum("segment", dataset / "images", "-m", "otsu", "-o", tmp_path / "out")
    assert f"look at it: {(tmp_path / 'out' / 'index.html').as_uri()}" in result.err
    assert (tmp_path / "out" / "septum-page" / "contact-sheet.png").is_file()
    assert "Research software" in (tmp_path / "out" / "index.html").read_text()
    septum("segment", dataset / "images", "-m", "otsu", "-o", tmp_path / "plain", "--no-page")
    assert not (tmp_path / "plain" / "index.html").exists()
    assert not (tmp_path / "plain" / "septum-page").exists()
    again = septum("evaluate", tmp_path / "out", dataset, "-o", tmp_path / "report")
    assert again.code == 0
    assert "no reference" not in again.err
