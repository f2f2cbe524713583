"""The commands on small data: what they print, and that stopping and resuming leave a usable model."""

from __future__ import annotations

import json
import os
import shutil
import signal

import numpy as np
import pytest
from tests import phantoms
from tests.cli import conftest
from tests.cli.conftest import write_dataset

from septum import Grid, Image, LabelMap, io
from septum.cli.commands.evaluate import score_lines
from septum.cli.progress import Reporter
from septum.workflows.training import train as workflow


def rows(text: str) -> dict[str, str]:
    """The rows `  what   value` of `septum info`; the last one of a name counts."""
    return {line[2:16].strip(): line[16:] for line in text.splitlines() if line.startswith("  ")}


def test_info_shows_geometry_and_the_volume_of_each_label(septum, tmp_path):
    box = phantoms.box((16, 20, 24), (3.0, 0.5, 0.5))
    io.write_labels(tmp_path / "mask.nii.gz", box.labels)
    result = septum("info", tmp_path / "mask.nii.gz")
    found = rows(result.out)
    assert result.code == 0
    assert found["format"] == "NIfTI"
    assert found["shape"] == "z 16  y 20  x 24"
    assert found["spacing"] == "3 x 0.5 x 0.5 mm"
    assert found["orientation"] == "SAR"
    assert found["label 1"] == f"{int(box.mask.sum())} voxels, {box.size:.4g} mm³"


def test_info_says_px_where_a_file_has_no_physical_size(septum, dataset):
    found = rows(septum("info", dataset / "images" / "a.png").out)
    assert found["spacing"] == "1 x 1 px"
    assert "label 1" not in found


def test_info_of_a_movie_shows_frames_and_axes_can_be_declared(septum, tmp_path):
    path = tmp_path / "stack.tif"
    values = np.random.default_rng(0).random((1, 5, 24, 32)).astype(np.float32)
    io.write_image(path, Image(values, Grid.from_spacing((5, 24, 32), (1.0, 1.0, 1.0))))
    assert rows(septum("info", path).out)["shape"] == "z 5  y 24  x 32"
    movie = rows(septum("info", path, "--axes", "TYX").out)
    assert movie["shape"] == "y 24  x 32"
    assert movie["frames"].startswith("5,")


def test_info_of_a_data_set_lists_every_case_once(septum, dataset):
    result = septum("info", dataset)
    found = rows(result.out)
    assert found["data set"] == "folders"
    assert found["cases"] == "4, 4 with a label"
    lines = [line.split() for line in result.out.splitlines()]
    assert ["case", "shape", "spacing", "channels", "type", "labels"] in lines
    for name in "abcd":
        assert [name, "48", "x", "48", "1", "x", "1", "px", "1", "uint8", "1"] in lines


def test_info_takes_numbers_of_objects_for_objects(septum, tmp_path):
    array = np.zeros((20, 20), np.uint8)
    array[::4, ::4] = np.arange(1, 26).reshape(5, 5)
    io.write_labels(tmp_path / "cells.png", LabelMap(array, Grid.from_spacing((20, 20), (1.0, 1.0))))
    out = septum("info", tmp_path / "cells.png").out
    assert rows(out)["objects?"] == "25, of 1 to 1 pixels, if these are no classes"
    assert "label 1" not in rows(out)


def test_info_of_a_table_shows_the_data_set(septum, dataset):
    (dataset / "cases.tsv").write_text("image\tlabel\nimages/a.png\tlabels/a.png\n")
    found = rows(septum("info", dataset / "cases.tsv").out)
    assert (found["data set"], found["cases"]) == ("table", "1, 1 with a label")


def test_info_of_a_broken_table_says_what_is_wrong(septum, tmp_path):
    (tmp_path / "cases.csv").write_text("a,b\n1,2\n")
    result = septum("info", tmp_path / "cases.csv")
    assert result.code == 2
    assert "column image" in result.err


def test_info_of_several_paths_shows_each(septum, dataset):
    result = septum("info", dataset / "images" / "a.png", dataset / "images" / "b.png")
    assert result.out.count("format") == 2


def test_doctor_names_one_fault_of_many_files_once(septum, tmp_path):
    folder = write_dataset(tmp_path / "many", tuple("abcdefgh"))
    for path in (folder / "labels").glob("*.png"):
        io.write_labels(path, LabelMap(np.zeros((48, 40), np.uint8), Grid.from_spacing((48, 40), (1.0, 1.0))))
    out = septum("doctor", folder).out
    assert out.count("[shape-mismatch]") == 1
    assert "8 cases, such as a," in out
    assert "also: b, c, d, e, f, g, h" in out


def test_doctor_suspects_patients_in_names(septum, tmp_path):
    folder = write_dataset(tmp_path / "names", ("STS_002_CT", "STS_002_PET", "STS_012_CT", "STS_012_PET"))
    out = septum("doctor", folder).out
    assert "4 images seem to show 2 patients or specimens, such as STS_002 (CT, PET)" in out
    assert "image,label,group" in out


def test_a_mended_copy_without_labels_is_no_success(septum, dataset, tmp_path):
    shutil.rmtree(dataset / "labels")
    result = septum("doctor", dataset, "--fix", tmp_path / "out")
    assert result.code == 1
    assert "the copy holds no labels" in result.err


def test_doctor_is_content_with_a_sound_data_set(septum, dataset):
    result = septum("doctor", dataset)
    assert result.code == 0
    assert result.out.splitlines()[-1] == "nothing wrong was found"


def test_doctor_writes_a_mended_copy_and_leaves_the_original(septum, dataset, tmp_path):
    (dataset / "labels" / "a.png").write_bytes(b"damaged")
    before = sorted(path.name for path in dataset.rglob("*"))
    assert septum("doctor", dataset).code == 1
    result = septum("doctor", dataset, "--fix", tmp_path / "mended")
    assert result.code == 0
    assert "left out  a" in result.out
    assert sorted(path.name for path in dataset.rglob("*")) == before
    assert septum("doctor", tmp_path / "mended").code == 0


def test_evaluate_prints_the_table_and_the_path(septum, dataset, tmp_path):
    result = septum("evaluate", dataset / "labels", dataset, "-o", tmp_path / "report")
    lines = result.out.splitlines()
    assert result.code == 0
    assert lines[0].split() == ["Dice", "n", "mean", "95", "%", "interval", "median"]
    assert lines[1].split() == ["foreground", "4", "1.000", "-", "1.000"]
    assert lines[-1] == f"report  {tmp_path / 'report' / 'index.html'}"


def test_evaluate_names_what_has_no_partner(septum, dataset, tmp_path):
    (dataset / "labels" / "b.png").rename(tmp_path / "b.png")
    (tmp_path / "predictions").mkdir()
    for path in (dataset / "labels").iterdir():
        (tmp_path / "predictions" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "predictions" / "a.png").unlink()
    result = septum("evaluate", tmp_path / "predictions", dataset / "labels", "-o", tmp_path / "report")
    assert "no prediction for a" in result.err


def test_the_table_of_scores_aligns_long_names():
    row = {"metric": "dice", "n": 12, "mean": 0.5, "mean_ci_low": 0.4, "mean_ci_high": 0.6, "median": 0.55}
    lines = score_lines([row | {"name": "left ventricle"}, row | {"name": "x", "metric": "iou"}, row | {"name": "y"}])
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1


def test_one_case_has_no_interval():
    row = {"metric": "dice", "name": "x", "n": 1, "mean": 0.5, "median": 0.5}
    assert "nan" not in score_lines([row | {"mean_ci_low": float("nan"), "mean_ci_high": float("nan")}])[1]


def test_the_settings_file_gives_way_to_the_command_line(septum, dataset, monkeypatch, tmp_path):
    seen = {}

    def train(dataset, output, *, settings, **options):
        seen["settings"] = settings
        return workflow.TrainResult(output, None, False, None, ())

    monkeypatch.setattr(workflow, "train", train)
    (tmp_path / "s.toml").write_text('minutes = 5.0\nseed = 3\nnetwork = "paper"\n')
    assert (
        septum(
            "train", dataset, "-o", tmp_path / "m", "--settings", tmp_path / "s.toml", "--seed", 4, "--steps", 9
        ).code
        == 0
    )
    assert (seen["settings"].seed, seen["settings"].network) == (4, "paper")
    assert (seen["settings"].minutes, seen["settings"].steps) == (None, 9)
    (tmp_path / "s.toml").write_text("minuts = 5.0\n")
    result = septum("train", dataset, "-o", tmp_path / "m", "--settings", tmp_path / "s.toml")
    assert result.code == 2
    assert "'minutes'" in result.err


def test_ctrl_c_leaves_a_usable_model_and_resume_finishes_it(septum, dataset, tmp_path, monkeypatch):
    original = Reporter.training

    def interrupt(self, status):
        original(self, status)
        if not interrupted:
            interrupted.append(status.step)
            os.kill(os.getpid(), signal.SIGINT)

    interrupted: list[int] = []
    monkeypatch.setattr(Reporter, "training", interrupt)
    command = ("train", dataset, "-o", tmp_path / "m", "--steps", 40, "--folds", "none", "--precision", "32-true")
    stopped = septum(*command)
    assert stopped.code == 130
    assert interrupted
    assert "--resume" in stopped.err
    assert septum("predict", tmp_path / "m", dataset / "images" / "a.png", "-o", tmp_path / "out").code == 0
    resumed = septum(*command, "--resume")
    assert resumed.code == 0
    assert json.loads((tmp_path / "m" / "fold_0" / "run.json").read_text())["steps"] == 40


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_other_engines_write_the_same_masks(septum, model, dataset, tmp_path, engine):
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[engine])
    image = dataset / "images" / "a.png"
    assert septum("predict", model, image, "-o", tmp_path / "torch").code == 0
    assert septum("predict", model, image, "-o", tmp_path / engine, "--engine", engine).code == 0
    first, second = (io.read_labels(tmp_path / name / "a.png").array for name in ("torch", engine))
    assert (first == second).mean() > 0.98


def test_predict_names_the_masks_to_look_at_on_the_error_stream(septum, model, dataset, tmp_path):
    result = septum("predict", model, dataset / "images" / "a.png", "-o", tmp_path / "out")
    assert result.out.split() == [str(tmp_path / "out" / "a.png")]
    assert "quality 0 pass, " in result.err
    assert "  a, " in result.err
    assert "note    no image was held out" in result.err
    assert str(tmp_path / "out" / "quality.csv") in result.err


def test_quality_grades_masks_from_anywhere_by_a_few_references(septum, dataset, tmp_path):
    conftest.write_dataset(tmp_path / "new", ("x", "y"))
    arguments = [tmp_path / "new" / "labels", tmp_path / "new" / "images", "--references", dataset]
    result = septum("quality", *arguments, "-o", tmp_path / "out")
    assert result.code == 0
    assert result.out.split() == [str(tmp_path / "out" / "quality.csv")]
    assert "2 masks, 4 references" in result.err
    again = septum("quality", *arguments, "-o", tmp_path / "out")
    assert again.code == 2
    assert "--overwrite" in again.err
    nothing = septum("quality", tmp_path / "nowhere", *arguments[1:], "-o", tmp_path / "out2")
    assert nothing.code == 2
    assert "nowhere" in nothing.err
