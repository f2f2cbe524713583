"""Exported networks: they agree with PyTorch, and a file that does not is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.net.engines.small import needs_engines, noise, tiny

from septum.errors import ConfigError
from septum.net.architecture.unet import UNet
from septum.net.engines import exported
from septum.net.engines.onnx import onnx_engine
from septum.net.engines.openvino import openvino_engine
from septum.net.engines.protocol import mirrors
from septum.net.engines.torch import torch_engine
from septum.net.inference.predict import TileSettings, predict_classes


@needs_engines
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("make", [onnx_engine, openvino_engine])
def test_exported_engines_agree_with_pytorch_for_any_tile_size(
    models: dict[int, UNet], folder: Path, ndim: int, make: Callable[..., exported.ExportedEngine]
) -> None:
    model = models[ndim]
    flips = mirrors((0,))
    exported = make([model], folder=folder, flips=flips)
    for shape in [(8, 4, 6), (10, 22, 4)]:
        batch = noise(2, 1, *shape[:ndim])
        np.testing.assert_allclose(exported(batch), torch_engine([model], flips=flips)(batch).numpy(), atol=1e-4)
    image = noise(1, *(30, 21, 9)[:ndim])
    settings = TileSettings((8, 8, 8)[:ndim])
    expected = predict_classes(torch_engine([model], flips=flips), image, settings=settings)
    assert (predict_classes(exported, image, settings=settings) == expected).mean() > 0.999
    assert not list(folder.glob(".*"))


@needs_engines
def test_a_network_is_exported_once_and_again_when_its_weights_change(models: dict[int, UNet], folder: Path) -> None:
    onnx_engine([models[2]], folder=folder)
    files = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    onnx_engine([models[2]], folder=folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == files
    assert exported._fingerprint(models[2]) != exported._fingerprint(tiny(seed=1))


@needs_engines
def test_a_file_that_disagrees_with_its_model_is_refused(models: dict[int, UNet], folder: Path, tmp_path: Path) -> None:
    onnx_engine([models[2]], folder=folder)
    other = tiny(norm="instance", seed=5)
    right, wrong = (f"unet-{exported._fingerprint(model)}.onnx" for model in (models[2], other))
    (tmp_path / wrong).write_bytes((folder / right).read_bytes())
    with pytest.raises(ConfigError, match="delete the file"):
        onnx_engine([other], folder=tmp_path)
