"""Engines: ensembles and mirrors are means of logits, parts add up, exported files agree with PyTorch."""

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from septum.errors import ConfigError
from septum.net.architecture.unet import UNet, UNetConfig, paper
from septum.net.engines import exported
from septum.net.engines import torch as engine_module
from septum.net.engines.onnx import onnx_engine
from septum.net.engines.openvino import openvino_engine
from septum.net.engines.protocol import mirrors
from septum.net.engines.torch import torch_engine
from septum.net.inference.predict import TileSettings, predict_classes


def tiny(ndim: int = 2, classes: int = 3, seed: int = 0, **choices: object) -> UNet:
    torch.manual_seed(seed)
    strides, kernels = ((2,) * ndim,), ((3,) * ndim,) * 2
    return UNet(UNetConfig(ndim, 1, classes, features=(4, 6), strides=strides, kernels=kernels, **choices))


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def logits_of(model: UNet, batch: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.eval()(torch.from_numpy(batch)).numpy()


@pytest.mark.parametrize("ndim", [2, 3])
def test_one_model_gives_its_own_logits(ndim: int) -> None:
    model = tiny(ndim, norm="instance")
    batch = noise(2, 1, *(12, 16, 8)[:ndim])
    np.testing.assert_allclose(torch_engine([model])(batch).numpy(), logits_of(model, batch), atol=1e-5)


def test_parts_add_up_however_small_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [tiny(classes=5, seed=seed) for seed in range(2)]
    batch = noise(1, 1, 8, 8)
    engine = torch_engine(models, flips=mirrors((0, 1)))
    whole = engine(batch)
    monkeypatch.setattr(engine_module, "_PART_BYTES", 4 * 64 * 2)
    parts = list(engine.parts(batch))
    assert len(parts) == 2 * 4 * 3  # models, mirrors, class pairs
    assert {part.shape[1] for _, part in parts} == {1, 2}
    np.testing.assert_allclose(engine(batch).numpy(), whole.numpy(), atol=1e-5)


def test_an_ensemble_is_the_mean_of_logits_over_models_and_mirrors() -> None:
    models = [tiny(seed=seed) for seed in range(3)]
    batch = noise(1, 1, 8, 12)
    expected = [np.flip(logits_of(m, np.flip(batch, f).copy()), f) for m in models for f in ((), (2,), (3,), (2, 3))]
    result = torch_engine(models, flips=mirrors((0, 1)))(batch).numpy()
    np.testing.assert_allclose(result, np.mean(expected, axis=0), atol=1e-5)


def test_mirrors_change_nothing_for_a_network_that_does_not_see_left_from_right() -> None:
    model = tiny()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 4:
                parameter.copy_(torch.stack([parameter, *(parameter.flip(f) for f in [(2,), (3,), (2, 3)])]).mean(0))
    image = noise(1, 40, 44)
    settings = TileSettings((16, 16))
    once, often = (
        predict_classes(torch_engine([model], flips=f), image, settings=settings) for f in ([()], mirrors((0, 1)))
    )
    assert (once == often).mean() > 0.999
    assert len(np.unique(once)) > 1


def test_training_mode_is_left_as_it_was() -> None:
    model = tiny(norm="batch", dropout=0.5).train()
    batch = noise(1, 1, 8, 8)
    engine = torch_engine([model])
    np.testing.assert_array_equal(engine(batch).numpy(), engine(batch).numpy())
    assert model.training
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_bfloat16_logits_stay_close_and_are_float32() -> None:
    model = tiny()
    batch = noise(1, 1, 16, 16)
    low = torch_engine([model], precision="bf16-mixed")(batch)
    assert low.dtype == torch.float32
    np.testing.assert_allclose(low.numpy(), logits_of(model, batch), atol=0.1)
    # float32 head: values that bfloat16 could not hold
    assert (low != low.bfloat16().float()).any()


def test_the_papers_network_predicts_by_overlap_tiles_what_it_predicts_on_the_whole() -> None:
    torch.manual_seed(0)
    model = UNet(paper(2, 1, out_channels=2, features=(4, 6)))
    margin = model.margin[0]
    assert model.margin == (8, 8)
    image = noise(1, 40, 52)
    padded = np.pad(image, [(0, 0), (margin, margin), (margin, margin)], mode="reflect")
    expected = logits_of(model, padded[None])[0].argmax(0)
    classes = predict_classes(torch_engine([model]), image, settings=TileSettings((2 * margin + 12, 2 * margin + 20)))
    assert (classes == expected).mean() > 0.995


def test_an_engine_predicts_images_smaller_than_its_tiles() -> None:
    engine = torch_engine([tiny(norm="instance")])
    for shape in [(1, 1), (3, 100), (33, 2)]:
        assert predict_classes(engine, noise(1, *shape), settings=TileSettings((32, 32))).shape == shape


def test_mirrors_are_all_combinations() -> None:
    assert len(mirrors((0, 1, 2))) == 8
    assert mirrors(()) == ((),)


@pytest.mark.parametrize(
    ("models", "settings", "match"),
    [
        ([], {}, "at least one network"),
        ([tiny(), tiny(classes=4)], {}, "must agree in channels, classes"),
        ([tiny()], {"precision": "8-bit"}, "precision must be one of"),
    ],
)
def test_impossible_ensembles_are_refused(models: list[UNet], settings: dict, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        torch_engine(models, **settings)


# --- other runtimes ---------------------------------------------------------------------------------------------------

needs_engines = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime", "openvino")),
    reason="needs the extra `engines`",
)


@pytest.fixture(scope="module")
def models() -> dict[int, UNet]:
    return {2: tiny(norm="instance"), 3: tiny(3, norm="batch", deep_supervision=0)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


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
    with pytest.raises(ConfigError, match="DELETE the file"):
        onnx_engine([other], folder=tmp_path)


@needs_engines
def test_openvino_runs_in_bfloat16_where_asked(models: dict[int, UNet], folder: Path) -> None:
    batch = noise(1, 1, 16, 16)
    low = openvino_engine([models[2]], folder=folder, precision="bf16-mixed")(batch)
    np.testing.assert_allclose(low, logits_of(models[2], batch), atol=0.3)


def test_openvino_refuses_a_precision_it_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for OpenVINO"):
        openvino_engine([tiny()], folder=tmp_path, precision="16-mixed")


@pytest.mark.parametrize("make", [onnx_engine, openvino_engine])
def test_a_missing_runtime_is_named_with_the_command_that_installs_it(
    make: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install 'septum\[engines\]'"):
        make([tiny()], folder=tmp_path)
    assert not list(tmp_path.iterdir())
