"""`septum predict` with every engine, and the masks to look at on the error stream."""

from __future__ import annotations

import pytest

from septum import io


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


def test_without_a_model_it_is_said_where_one_comes_from_and_what_needs_none(septum, dataset, tmp_path):
    image = dataset / "images" / "a.png"
    for named in ((), (image,), (image, image), (dataset, image), (tmp_path / "nothing", image)):
        result = septum("predict", *named, "-o", tmp_path / "out")
        assert result.code == 2
        assert "`septum train DATASET -o MODEL`" in result.err
        assert "--prompter medsam-lite --box" in result.err
    assert "nothing, which does not exist" in result.err
    assert not (tmp_path / "out").exists()


def test_a_model_behind_the_images_or_without_any_is_told(septum, dataset, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "plan.json").write_text("{}")
    assert "swap them" in septum("predict", dataset, tmp_path / "model", "-o", tmp_path / "out").err
    assert "IMAGES must be named behind the model" in septum("predict", tmp_path / "model", "-o", tmp_path / "out").err


def test_an_output_that_is_a_file_is_refused_as_such(septum, dataset, tmp_path):
    (tmp_path / "out").write_text("mine")
    words = ("--prompter", "medsam-lite", dataset / "images" / "a.png", "--box", "4,4,9,9", "-o", tmp_path / "out")
    result = septum("predict", *words)
    assert result.code == 2
    assert f"the output must be a folder, got the file {tmp_path / 'out'}" in result.err
    assert (tmp_path / "out").read_text() == "mine"
