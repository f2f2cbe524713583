"""What people suffered when one file of many was bad: the others were not done, or nobody said which one it was."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.field.conftest import Ended, septum, square, write_case

from septum import io
from septum.errors import Cancelled, FormatError, MismatchError, SeptumError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.readable import readable
from septum.workflows.pipelines import segment as segmenting
from septum.workflows.runs.failures import CONTRADICTIONS, Failed, Failures, attempt, parted

GOOD, BAD = ("s0", "s1", "s2", "s4"), "s3"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of five planes; of the copies `images` and `labels`, one file each is cut short."""
    root = tmp_path_factory.mktemp("five")
    for number in range(5):
        write_case(root / "data", f"s{number}", square(number), seed=number)
    for kind in ("images", "labels"):
        shutil.copytree(root / "data", root / kind)
        truncate(root / kind / kind / f"{BAD}.tif")
    return root


def assert_one_failed(ended: Ended, counted: str) -> None:
    assert ended.code == 1, ended
    rows = [line for line in ended.err.splitlines() if line.startswith("failed: ")]
    assert len(rows) == 1, ended.err
    assert rows[0].startswith("failed: ")
    assert f"{BAD}.tif must be a complete TIFF" in rows[0]
    assert counted in ended.err


def test_segment_does_the_others(five: Path, tmp_path: Path) -> None:
    ended = septum("segment", five / "images" / "images", "-m", "otsu", "-o", tmp_path / "o", "--no-page")
    assert_one_failed(ended, "4 masks written, 1 image failed")
    assert {path.stem for path in (tmp_path / "o").glob("*.tif")} == set(GOOD)


def test_predict_does_the_others(five: Path, small_model: tuple[Path, Path], tmp_path: Path) -> None:
    images = five / "images" / "images"
    ended = septum("predict", small_model[1], images, "-o", tmp_path / "o", "--no-page", "--devices", "cpu")
    assert_one_failed(ended, "4 masks written, 1 image failed")
    assert {path.stem for path in (tmp_path / "o").glob("*.tif")} == set(GOOD)


@pytest.mark.parametrize("side", ["prediction", "reference"])
def test_evaluate_scores_the_others_and_lists_the_case(five: Path, tmp_path: Path, side: str) -> None:
    good, bad = five / "data" / "labels", five / "labels" / "labels"
    sides = (bad, good) if side == "prediction" else (good, bad)
    ended = septum("evaluate", *sides, "-o", tmp_path / "r", "--metrics", "overlap", "--gallery", 0)
    assert_one_failed(ended, "1 failed")
    rows = pd.read_csv(tmp_path / "r" / "cases.csv").set_index("case")
    assert set(rows.index[rows["dice"] == 1.0]) == set(GOOD)
    assert "must be a complete TIFF" in rows.loc[BAD, "status"]


def test_evaluate_without_the_picture_of_one_image_scores_all(five: Path, tmp_path: Path) -> None:
    ended = septum("evaluate", five / "data" / "labels", five / "images", "-o", tmp_path / "r", "--metrics", "overlap")
    assert_one_failed(ended, f"picture of {BAD}")
    assert (pd.read_csv(tmp_path / "r" / "cases.csv")["dice"] == 1.0).sum() == 5


def test_evaluate_says_which_probability_map_is_bad(five: Path, tmp_path: Path) -> None:
    for number in range(5):
        chances = np.clip(square(number) * 0.8 + 0.1, 0, 1).astype(np.float32)[None]
        grid = Grid.from_spacing(chances.shape[1:], (1.0, 1.0))
        (tmp_path / "maps").mkdir(exist_ok=True)
        io.write_image(tmp_path / "maps" / f"s{number}_probability_1.tif", Image(chances, grid))
    truncate(tmp_path / "maps" / f"{BAD}_probability_1.tif")
    labels = five / "data" / "labels"
    ended = septum("evaluate", labels, labels, "-o", tmp_path / "r", "--metrics", "overlap", "--probabilities",
                   tmp_path / "maps", "--gallery", 0)  # fmt: skip
    assert ended.code == 1
    assert f"failed: probability map of {BAD}: " in ended.err


def test_train_learns_from_the_others_says_so_and_resumes_without_it(five: Path, tmp_path: Path) -> None:
    words = ("train", five / "labels", "-o", tmp_path / "m", "--steps", 2, "--devices", "cpu")
    assert_one_failed(septum(*words), "1 case failed; the model was trained without them")
    assert BAD in (tmp_path / "m" / "report" / "index.html").read_text()
    shutil.copytree(five / "data", tmp_path / "mended")
    again = septum("train", tmp_path / "mended", *words[2:], "--resume")  # it began without the case and ends without
    assert_one_failed(again, "1 case failed")


def test_doctor_finds_the_case_and_mends_the_others(five: Path, tmp_path: Path) -> None:
    ended = septum("doctor", five / "images", "--fix", tmp_path / "fixed")
    assert f"{BAD}  " in ended.out
    assert "[unreadable-image]" in ended.out
    assert "4 cases copied, 0 changes, 1 left out" in ended.out


def test_info_shows_the_others(five: Path) -> None:
    ended = septum("info", five / "images")
    assert_one_failed(ended, "1 file could not be read")
    assert ended.out.count("32 x 32") == 4
    ended = septum("info", *sorted((five / "images" / "images").iterdir()))
    assert_one_failed(ended, "1 file could not be read")
    assert ended.out.count("y 32  x 32") == 4
    assert septum("info", five / "images" / "images" / f"{BAD}.tif").code == 2


def test_instances_and_measure_do_the_others(five: Path, tmp_path: Path) -> None:
    masks = five / "labels" / "labels"
    assert_one_failed(septum("instances", masks, "-o", tmp_path / "i", "--no-pictures"), "4 masks written")
    assert_one_failed(septum("measure", masks, "-o", tmp_path / "m", "--gallery", 0), "4 objects in 4 images")
    assert set(pd.read_csv(tmp_path / "m" / "images.csv")["image"]) == set(GOOD)


def test_pixels_learns_from_the_others(five: Path, tmp_path: Path) -> None:
    shutil.copytree(five / "data" / "labels", tmp_path / "scribbles")
    for path in (tmp_path / "scribbles").iterdir():
        labels = io.read_labels(path)
        array = labels.array.astype(np.uint8)
        array[0, :10] = 2
        io.write_labels(path, LabelMap(array, labels.grid))
    words = ("--scribbles", tmp_path / "scribbles", "--background", 2, "--scales", "1", "--trees", 3)
    ended = septum("pixels", five / "images" / "images", *words, "-o", tmp_path / "p.npz")
    assert_one_failed(ended, "1 image failed; the classifier was trained without them")


def test_a_reader_study_leaves_the_case_out_for_every_source(five: Path, tmp_path: Path) -> None:
    masks = ("--masks", f"a={five / 'data' / 'labels'}", "--masks", f"b={five / 'labels' / 'labels'}")
    ended = septum("review", "create", five / "data" / "images", *masks, "-o", tmp_path / "s")
    assert_one_failed(ended, "1 case failed; the study is without them")
    assert "8 items of 4 cases" in ended.out
    assert len(list((tmp_path / "s" / "pictures").glob("*.png"))) == 16


@pytest.mark.parametrize(
    "error", [MemoryError(), KeyError("x"), RecursionError(), ZeroDivisionError(), OSError("gone")]
)
def test_an_error_of_any_kind_is_a_row(
    five: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    calls = []

    def one(image: object, pipeline: object, **keywords: object) -> LabelMap:
        calls.append(image)
        if len(calls) == 2:
            raise error
        return segment_image(image, pipeline, **keywords)  # type: ignore[arg-type]

    segment_image: Callable[..., LabelMap] = segmenting.segment_image
    monkeypatch.setattr(segmenting, "segment_image", one)
    ended = septum("segment", five / "data" / "images", "-m", "otsu", "-o", tmp_path / "o", "--no-page")
    assert ended.code == 1
    assert "failed: s1: " in ended.err
    assert "4 masks written, 1 image failed" in ended.err


def test_a_full_disk_ends_the_run_because_every_further_file_would_fail() -> None:
    failures = Failures()
    with pytest.raises(OSError, match="full"), failures.of("a"):
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(Cancelled), failures.of("b"):
        raise Cancelled
    assert failures.rows == []


def test_results_of_other_processes_are_parted_and_nothing_but_failures_is_an_error() -> None:
    done, failed = parted("ab", [1, attempt(int, "x")])  # type: ignore[list-item]
    assert done == [("a", 1)]
    assert failed[0][0] == "b"
    assert "ValueError" in failed[0][1]
    with pytest.raises(FormatError, match="damaged"):
        parted("a", [Failed("damaged", FormatError("damaged"))])


def test_what_learns_asks_a_person_where_image_and_labels_contradict_each_other(tmp_path: Path) -> None:
    for number in range(3):
        write_case(tmp_path, f"s{number}", square(number), seed=number)
    from septum.workflows.data.load import load_dataset

    cases = load_dataset(tmp_path).labelled
    truncate(tmp_path / "images" / "s0.tif")
    failures = Failures(raised=CONTRADICTIONS)
    assert [case.id for case in readable(cases, failures)] == ["s1", "s2"]
    assert failures.names == {"s0"}
    with pytest.raises(SeptumError, match="at least 3 cases must be readable, got 2 of 3"):
        readable(cases, Failures(), least=3)
    io.write_labels(
        tmp_path / "labels" / "s1.tif", LabelMap(np.ones((9, 9), np.uint8), Grid.from_spacing((9, 9), (1, 1)))
    )
    with pytest.raises(MismatchError, match="s1"):
        readable(cases, failures)
