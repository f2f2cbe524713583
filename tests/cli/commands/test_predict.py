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
