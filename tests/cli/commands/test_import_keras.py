"""`septum import-keras`, end to end: a Keras model segments through `septum predict` as it does in Keras."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.lessons import lecture_keras
from tests.lessons.conftest import keras  # noqa: F401 - a fixture

from septum import Grid, Image, io

pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own deprecations are not ours to mend


@pytest.fixture(scope="module")
def saved(keras, tmp_path_factory):  # noqa: F811
    path = tmp_path_factory.mktemp("keras") / "lecture.keras"
    model = lecture_keras.unet(keras, features=(4, 8, 16), num_classes=3)
    model.save(path)
    return model, path


@pytest.fixture
def picture(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (1, 64, 48)).astype(np.uint8)
    io.write_image(tmp_path / "picture.png", Image(array, Grid.from_spacing((64, 48), (1.0, 1.0))))
    return array[0]


def test_predict_gives_the_arg_max_of_keras(septum, saved, picture, tmp_path):
    model, path = saved
    done = septum("import-keras", path, "-o", tmp_path / "model", "--names", "background,cell,border")
    assert done.code == 0, done.err
    assert "divided by 255" in done.out
    assert "0 background, 1 cell, 2 border" in done.out
    done = septum(
        "predict", tmp_path / "model", tmp_path / "picture.png", "-o", tmp_path / "out", "--precision", "32-true"
    )
    assert done.code == 0, done.err
    mask = io.read_labels(tmp_path / "out" / "picture.png").array
    chances = model.predict((picture / 255.0)[None, ..., None].astype(np.float32), verbose=0)[0]
    best = np.sort(chances, axis=-1)
    certain = best[..., -1] - best[..., -2] > 1e-5
    assert certain.mean() > 0.99
    assert np.array_equal(mask[certain], chances.argmax(-1)[certain])


def test_what_the_file_does_not_say_stands_in_the_plan(septum, saved, tmp_path):
    assert septum("import-keras", saved[1], "-o", tmp_path / "a", "--standardise").code == 0
    assert json.loads((tmp_path / "a" / "plan.json").read_text())["normalisation"]["scheme"] == "standard"
    assert septum("import-keras", saved[1], "-o", tmp_path / "b", "--divide-by", "1", "--slices").code == 0
    plan = json.loads((tmp_path / "b" / "plan.json").read_text())
    assert plan["normalisation"]["std"] == [1.0]
    assert plan["slices"]
    assert "not measured here" in (tmp_path / "b" / "card.md").read_text()
    assert "lecture.keras" in (tmp_path / "b" / "provenance.json").read_text()


def test_slices_of_a_volume_are_segmented_one_by_one(septum, saved, tmp_path):
    volume = np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32)).astype(np.uint8)
    io.write_image(tmp_path / "v.nii.gz", Image(volume, Grid.from_spacing((3, 32, 32), (2.0, 1.0, 1.0))))
    assert septum("import-keras", saved[1], "-o", tmp_path / "m", "--slices").code == 0
    done = septum("predict", tmp_path / "m", tmp_path / "v.nii.gz", "-o", tmp_path / "out")
    assert done.code == 0, done.err
    assert io.read_labels(tmp_path / "out" / "v.nii.gz").array.shape == (3, 32, 32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--names", "a,b"], "names must be 3, background first, got 2"),
        (["--divide-by", "0"], "divide_by must be positive"),
        (["--divide-by", "2", "--standardise"], "divided or standardised, got both"),
    ],
)
def test_bad_options_are_refused(septum, saved, tmp_path, arguments, message):
    done = septum("import-keras", saved[1], "-o", tmp_path / "m", *arguments)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "m" / "plan.json").exists()


def test_a_folder_that_holds_something_is_left_alone(septum, saved, tmp_path):
    (tmp_path / "mine").write_text("x")
    done = septum("import-keras", saved[1], "-o", tmp_path)
    assert done.code == 2
    assert "output must be a new or empty folder" in done.err
