"""`--settings FILE.toml`: read, written beside every result, and an unknown key refused by each command."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from septum import Grid, LabelMap, io


def written(path: Path) -> dict[str, Any]:
    """The settings beside a result."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def given(tmp_path: Path, text: str) -> tuple[str, Path]:
    """`--settings FILE` with this text."""
    path = tmp_path / "chosen.toml"
    path.write_text(text, encoding="utf-8")
    return "--settings", path


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """A volume with three drawn slices."""
    labels = np.zeros((9, 20, 20), np.uint8)
    labels[[0, 4, 8], 5:15, 5:15] = 1
    io.write_labels(tmp_path / "sparse.nii.gz", LabelMap(labels, Grid(labels.shape, np.diag([2.0, 1, 1, 1])), {}))
    return tmp_path / "sparse.nii.gz"


def test_evaluate_takes_a_file_and_flags_over_it_and_its_own_file_again(septum, dataset, tmp_path):
    words = ("evaluate", dataset / "labels", dataset)
    file = given(tmp_path, 'metrics = ["overlap"]\ngallery = 1\ntolerance_mm = 3.0\noverwrite = true\n')
    assert septum(*words, "-o", tmp_path / "one", *file, "--gallery", 2, "--instances").code == 0
    found = written(tmp_path / "one" / "settings.toml")
    assert (found["metrics"], found["gallery"], found["tolerance_mm"]) == (["overlap", "instances"], 2, 3.0)
    assert "overwrite" not in found
    again = septum(*words, "-o", tmp_path / "two", "--settings", tmp_path / "one" / "settings.toml", "--instances")
    assert again.code == 0
    assert written(tmp_path / "two" / "settings.toml") == found
    assert septum(*words, "-o", tmp_path / "two", "--settings", tmp_path / "one" / "settings.toml").code == 2


def test_segment_writes_what_the_pipeline_does_not_say(septum, dataset, tmp_path):
    words = ("segment", dataset / "images" / "a.png", "-m", "confidence-connected", "-o", tmp_path / "out")
    assert septum(*words, *given(tmp_path, 'seeds = ["24,24"]\naxes = "YX"\n')).code == 0
    assert written(tmp_path / "out" / "septum-segment.toml") == {
        "seeds": [], "axes": "YX", "rectify": False, "page": True,
    }  # fmt: skip
    assert written(tmp_path / "out" / "pipeline.toml")["seeds"] == ["24,24"]


def test_suggest_and_classifier_have_settings_of_their_own(septum, dataset, tmp_path):
    refused = septum("segment", "--suggest", dataset, "-o", tmp_path / "out", *given(tmp_path, "worker = 2\n"))
    assert refused.code == 2
    assert "did you mean 'workers'?" in refused.err
    wrong = septum(
        "segment", dataset / "images", "--classifier", tmp_path / "k.npz", "-o", tmp_path / "out",
        *given(tmp_path, 'seeds = ["1,1"]\n'),
    )  # fmt: skip
    assert wrong.code == 2
    assert "unknown key 'seeds'" in wrong.err


def test_pixels_and_its_classifier_leave_their_settings(septum, dataset, tmp_path):
    drawn = np.zeros((48, 48), np.uint8)
    drawn[[20, 28], 18:30] = 1
    drawn[[3, 45], 6:42] = 2
    io.write_labels(tmp_path / "marks.png", LabelMap(drawn, Grid.from_spacing((48, 48), (1.0, 1.0))))
    words = ("pixels", dataset / "images" / "a.png", "--scribbles", tmp_path / "marks.png", "-o", tmp_path / "k.npz")
    file = given(tmp_path, "background = 2\ntrees = 9\nscales = [0.7, 1.6]\n")
    assert septum(*words, *file, "--trees", 7).code == 0
    found = written(tmp_path / "k.toml")
    assert (found["background"], found["trees"], found["depth"], found["scales"]) == (2, 7, 8, [0.7, 1.6])
    applied = septum(
        "segment", dataset / "images" / "b.png", "--classifier", tmp_path / "k.npz", "-o", tmp_path / "out",
        *given(tmp_path, 'clean = ["keep-largest"]\n'),
    )  # fmt: skip
    assert applied.code == 0, applied.err
    assert written(tmp_path / "out" / "septum-segment.toml")["clean"] == ["keep-largest"]


def test_interpolate_takes_a_file_and_leaves_one(septum, sparse, tmp_path):
    words = ("interpolate", sparse, "-o", tmp_path / "filled.nii.gz")
    assert septum(*words, *given(tmp_path, 'drawn = ["z:0,8"]\nends = "half"\n'), "--method", "nearest").code == 0
    found = written(tmp_path / "filled.septum-interpolate.toml")
    assert found == {"drawn": ["z:0,8"], "method": "nearest", "ends": "half"}


def test_edit_takes_a_file_and_leaves_one_but_in_a_dry_run(septum, files):
    folder, _, _, script = files
    steps = script('[[step]]\ndo = "paint"\npoints = [[6, 16, 18]]\nradius_mm = 2.0\nlabel = 2\n')
    words = ("edit", folder / "image.nii.gz", "-s", steps)
    assert septum(*words, *given(folder, "new = true\ndry_run = true\n")).code == 0
    assert not list(folder.glob("*.septum-edit-settings.toml"))
    assert septum(*words, "-o", folder / "out.nii.gz", *given(folder, "new = true\n")).code == 0
    assert written(folder / "out.septum-edit-settings.toml")["new"] is True


def test_predict_leaves_its_settings_beside_the_masks(septum, dataset, model, tmp_path):
    done = septum("predict", model, dataset / "images" / "a.png", "-o", tmp_path / "out", "--precision", "32-true")
    assert done.code == 0, done.err
    found = written(tmp_path / "out" / "septum-predict.toml")
    assert (found["precision"], found["engine"]) == ("32-true", "torch")
    assert "overwrite" not in found


def test_the_settings_of_a_study_lie_with_its_key(septum: Callable[..., Any], dataset: Path, tmp_path: Path) -> None:
    done = septum(
        "review", "create", dataset / "images", "--masks", f"human={dataset / 'labels'}", "-o", tmp_path / "study",
        *given(tmp_path, "n = 2\nseed = 5\n"),
    )  # fmt: skip
    assert done.code == 0, done.err
    found = written(tmp_path / "study" / "key" / "settings.toml")
    assert (found["n"], found["seed"], found["design"]) == (2, 5, "crossed")


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "a", "b", "-o", "out"),
        ("segment", "a", "-m", "otsu", "-o", "out"),
        ("pixels", "a", "--scribbles", "s", "-o", "k.npz"),
        ("edit", "a", "b", "-s", "s.toml", "-o", "out"),
        ("interpolate", "a", "-o", "out"),
        ("quality", "a", "b", "--references", "r", "-o", "out"),
        ("predict", "m", "a", "-o", "out"),
        ("train", "d", "-o", "out"),
        ("review", "create", "a", "--masks", "m=b", "-o", "out"),
    ],
    ids=lambda words: words[0],
)
def test_a_key_that_no_command_knows_is_refused_by_each_before_a_file_is_read(septum, tmp_path, words):
    result = septum(*words, *given(tmp_path, "nothing_such = 1\n"))
    assert result.code == 2
    assert "unknown key 'nothing_such'" in result.err
