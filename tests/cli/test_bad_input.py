"""Bad input, end to end: a clear message, exit code 2, and nothing lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests import phantoms

from septum import Grid, Image, LabelMap, io
from septum.io import safe


def truncate(path: Path, share: float = 0.5) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(result, *words):
    assert result.code == 2, result
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err + result.out


# ---- data sets ----


def test_a_label_without_its_image_is_named(septum, dataset, tmp_path):
    (dataset / "images" / "b.png").unlink()
    before = snapshot(dataset)
    assert_refused(septum("train", dataset, "-o", tmp_path / "m", "--steps", 1), "b")
    assert snapshot(dataset) == before
    assert septum("doctor", dataset).code == 1


def test_no_labels_at_all_is_refused(septum, dataset, tmp_path):
    shutil.rmtree(dataset / "labels")
    assert_refused(septum("train", dataset, "-o", tmp_path / "m", "--steps", 1), "label")


def test_images_to_learn_from_without_labels_are_found_or_refused_before_anything_is_written(septum, dataset, tmp_path):
    (tmp_path / "empty").mkdir()
    command = ("train", dataset, "-o", tmp_path / "m", "--steps", 1, "--unlabelled")
    assert_refused(septum(*command, tmp_path / "empty"), "empty")
    assert_refused(septum(*command, tmp_path / "nowhere"), "nowhere")
    assert_refused(septum(*command, dataset), "4 images that it knows")
    assert_refused(septum(*command, dataset, "--prompts"), "without prompts")
    assert not (tmp_path / "m").exists()
    (dataset / "labels" / "b.png").unlink()
    result = septum(*command, dataset, "--folds", "none")
    assert result.code == 0, result
    assert "1 image without labels is learnt from, as --unlabelled asks; 3 were left out" in " ".join(
        result.err.split()
    )


def test_an_image_without_a_label_is_kept_for_prediction(septum, dataset):
    (dataset / "labels" / "b.png").unlink()
    result = septum("info", dataset)
    assert result.code == 0
    assert "4, 3 with a label" in result.out


def test_a_label_of_another_shape_is_named(septum, dataset, tmp_path):
    small = phantoms.ball((40, 48), radius_mm=9)
    io.write_labels(dataset / "labels" / "c.png", small.labels)
    result = septum("train", dataset, "-o", tmp_path / "m", "--steps", 1)
    assert_refused(result, "c", "40")
    assert "shape" in septum("doctor", dataset).out


def test_a_truncated_image_is_named(septum, dataset, tmp_path):
    truncate(dataset / "images" / "d.png")
    result = septum("train", dataset, "-o", tmp_path / "m", "--steps", 1)
    assert result.code == 1
    assert "failed: d: " in result.err
    assert "d.png" in result.err


def test_a_data_set_of_which_half_cannot_be_read_is_refused(septum, dataset, tmp_path):
    for name in ("b", "d"):
        truncate(dataset / "images" / f"{name}.png")
    assert_refused(septum("train", dataset, "-o", tmp_path / "m", "--steps", 1), "2 of 4", "b.png", "d.png")


def test_an_unknown_layout_lists_what_is_known(septum, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert_refused(septum("train", tmp_path, "-o", tmp_path / "m", "--steps", 1), "images and labels", "nnU-Net")


def test_a_data_set_that_is_not_there_is_said(septum, tmp_path):
    assert_refused(septum("train", tmp_path / "nowhere", "-o", tmp_path / "m"), "does not exist")


# ---- files ----


def test_an_unknown_format_lists_the_known_ones(septum, tmp_path):
    (tmp_path / "image.xyz").write_bytes(b"what is this")
    assert_refused(septum("info", tmp_path / "image.xyz"), "image.xyz", ".nii.gz", ".png")


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nii", "scan.png", "scan.tif", "scan.nrrd", "scan.mha"])
def test_a_truncated_file_is_named(septum, tmp_path, name):
    ndim = 2 if name.endswith(("png", "tif")) else 3
    shape = (24, 28, 36)[-ndim:]
    values = np.random.default_rng(0).integers(0, 255, (1, *shape)).astype(np.uint8)
    path = tmp_path / name
    io.write_image(path, Image(values, Grid.from_spacing(shape, (1.0,) * ndim)))
    assert septum("info", path).code == 0
    assert_refused(septum("info", truncate(path)), name)


@pytest.mark.realdata
def test_a_folder_with_two_dicom_series_asks_for_one(septum, realdata, tmp_path):
    folder = tmp_path / "series"
    folder.mkdir()
    sources = (
        realdata / "ct-dicom-seg-dcmqi" / "images" / "ct-3slice",
        realdata / "ct-dicom-seg-dcmqi" / "synthetic_disc" / "24x38x3" / "image",
    )
    for number, source in enumerate(sources):
        for file in source.glob("*.dcm"):
            shutil.copy(file, folder / f"{number}-{file.name}")
    assert_refused(septum("info", folder), "series", "::")


def test_a_file_that_is_not_there_is_said(septum, tmp_path):
    assert_refused(septum("info", tmp_path / "none.png"), "none.png")


# ---- models and outputs ----


def test_predict_writes_one_mask_per_image(septum, model, dataset, tmp_path):
    result = septum("predict", model, dataset / "images", "-o", tmp_path / "out")
    assert result.code == 0
    assert result.out.splitlines() == [str(tmp_path / "out" / f"{name}.png") for name in "abcd"]
    assert io.read_labels(tmp_path / "out" / "a.png").array.shape == (48, 48)
    assert "not a medical device" in result.err


@pytest.mark.parametrize("command", ["segment", "instances", "measure", "track"])
def test_an_output_that_is_a_file_is_refused_before_any_work(septum, dataset, tmp_path, command):
    (tmp_path / "out").write_text("mine")
    more = ("--method", "otsu") if command == "segment" else ()
    result = septum(command, dataset / "labels", *more, "-o", tmp_path / "out")
    assert_refused(result, "the output must be a folder, got the file", "choose another name")
    assert "100 %" not in result.err
    assert (tmp_path / "out").read_text() == "mine"


def test_one_bad_file_does_not_stop_the_rest(septum, model, dataset, tmp_path):
    truncate(dataset / "images" / "b.png")
    result = septum("predict", model, dataset / "images", "-o", tmp_path / "out")
    assert result.code == 1
    assert [Path(line).name for line in result.out.splitlines()] == ["a.png", "c.png", "d.png"]
    assert "failed: b:" in result.err
    assert "1 image" in result.err


def test_a_bad_file_alone_exits_with_2(septum, model, dataset, tmp_path):
    result = septum("predict", model, truncate(dataset / "images" / "b.png"), "-o", tmp_path / "out")
    assert_refused(result, "b.png")


def test_results_are_replaced_only_when_asked(septum, model, dataset, tmp_path):
    out = tmp_path / "out"
    septum("predict", model, dataset / "images" / "a.png", "-o", out)
    before = snapshot(out)
    assert_refused(septum("predict", model, dataset / "images", "-o", out), "--overwrite")
    assert snapshot(out) == before
    assert septum("predict", model, dataset / "images", "-o", out, "--overwrite").code == 0


def test_a_model_is_replaced_only_when_asked(septum, model, dataset):
    before = snapshot(model)
    assert_refused(septum("train", dataset, "-o", model, "--steps", 1), "--resume", "--overwrite")
    assert snapshot(model) == before


def test_a_report_is_replaced_only_when_asked(septum, dataset, tmp_path):
    arguments = ("evaluate", dataset / "labels", dataset, "-o", tmp_path / "report")
    assert septum(*arguments).code == 0
    before = snapshot(tmp_path / "report")
    assert_refused(septum(*arguments), "--overwrite")
    assert snapshot(tmp_path / "report") == before


def test_a_model_of_a_newer_version_is_refused(septum, model, dataset, tmp_path):
    newer = shutil.copytree(model, tmp_path / "newer")
    plan = json.loads((newer / "plan.json").read_text())
    plan["format_version"] += 1
    (newer / "plan.json").write_text(json.dumps(plan))
    assert_refused(septum("predict", newer, dataset / "images", "-o", tmp_path / "out"), "newer")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_model_is_refused(septum, dataset, tmp_path):
    assert_refused(septum("predict", dataset, dataset / "images", "-o", tmp_path / "out"), "model folder")


def test_damaged_weights_are_refused(septum, model, dataset, tmp_path):
    copy = shutil.copytree(model, tmp_path / "damaged")
    truncate(copy / "fold_0" / "weights.pt")
    assert_refused(septum("predict", copy, dataset / "images", "-o", tmp_path / "out"), "weights.pt")


def test_label_values_that_are_not_in_the_plan_are_named(septum, model, dataset, tmp_path):
    labels = io.read_labels(dataset / "labels" / "a.png")
    strange = labels.array * 7
    io.write_labels(dataset / "labels" / "a.png", LabelMap(strange, labels.grid))
    result = septum("train", dataset, "-o", tmp_path / "m", "--plan", model / "plan.json", "--steps", 1)
    assert_refused(result, "7")


def test_a_plan_with_a_misspelt_key_names_the_nearest(septum, model, dataset, tmp_path):
    plan = json.loads((model / "plan.json").read_text())
    plan["spacin"] = plan.pop("spacing")
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    result = septum("train", dataset, "-o", tmp_path / "m", "--plan", tmp_path / "plan.json", "--steps", 1)
    assert_refused(result, "'spacing'")


@pytest.fixture
def full_disk(monkeypatch):
    """Every file that Septum puts in place meets a full disk."""

    def fsync(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(safe.os, "fsync", fsync)


def test_a_full_disk_ends_prediction_without_half_a_mask(septum, model, dataset, tmp_path, full_disk):
    result = septum("predict", model, dataset / "images" / "a.png", "-o", tmp_path / "out")
    assert_refused(result, "No space left")
    assert not list((tmp_path / "out").glob("*.png"))


def test_a_full_disk_ends_training_with_a_message(septum, dataset, tmp_path, full_disk):
    result = septum("train", dataset, "-o", tmp_path / "m", "--steps", 1, "--network", "lecture")
    assert_refused(result, "No space left")
    assert not list((tmp_path / "m").rglob("*.pt"))
