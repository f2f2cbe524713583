"""A Keras U-Net as a model folder: what the file does not say stands in the plan, and nothing is invented."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from septum.errors import ConfigError
from septum.geometry import Grid, Image
from septum.net.architecture.unet import UNet, UNetConfig
from septum.net.learning.keras_file import KerasUNet
from septum.workflows.model import keras_folder
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.keras_folder import ImportSettings, import_keras, keras_plan
from septum.workflows.model.prepare import to_network


def network(size: tuple[int, int] | None = (20, 30)) -> KerasUNet:
    config = UNetConfig(2, 1, 3, features=(4, 8, 16), strides=((2, 2),) * 2, kernels=((3, 3),) * 3)
    return KerasUNet(UNet(config).eval(), size)


def test_intensities_are_divided_and_never_clipped() -> None:
    plan = keras_plan(network(), ImportSettings(divide_by=255.0))
    values = np.array([[-510.0, 0.0, 255.0, 1e6]], np.float32).repeat(4, 0).repeat(4, 1)
    array, _ = to_network(Image(values[None], Grid.pixels(values.shape)), plan)
    assert array[0] == pytest.approx(values / 255.0, rel=1e-6)


def test_or_each_image_gets_mean_0_and_deviation_1() -> None:
    plan = keras_plan(network(), ImportSettings(standardise=True))
    values = np.random.default_rng(0).normal(70, 9, (16, 16)).astype(np.float32)
    array, _ = to_network(Image(values[None], Grid.pixels(values.shape)), plan)
    assert float(array.mean()) == pytest.approx(0, abs=1e-4)
    assert float(array.std()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("size", "patch"), [((20, 30), (20, 32)), ((64, 64), (64, 64)), (None, (256, 256))])
def test_the_patch_is_the_declared_size_rounded_up_to_what_the_network_takes(size: Any, patch: tuple[int, int]) -> None:
    assert keras_plan(network(size), ImportSettings()).patch == patch


def test_names_are_numbered_or_given_one_for_each_output() -> None:
    assert keras_plan(network(), ImportSettings()).classes.names == ("background", "class 1", "class 2")
    named = keras_plan(network(), ImportSettings(names=("none", "cell", "border")))
    assert dict(zip(named.classes.values, named.classes.names, strict=True)) == {0: "none", 1: "cell", 2: "border"}
    with pytest.raises(ConfigError, match="names must be 3, background first, got 2: a, b"):
        keras_plan(network(), ImportSettings(names=("a", "b")))


def test_slices_of_volumes_are_planes_to_the_network() -> None:
    plan = keras_plan(network(), ImportSettings(slices=True))
    assert (plan.slices, plan.reorient, len(plan.patch)) == (True, True, 2)
    assert plan.fingerprint.shape_median == (1, 20, 32)
    assert plan.fingerprint.anatomical
    flat = keras_plan(network(), ImportSettings())
    assert flat.fingerprint.shape_median == (20, 32)
    assert not flat.fingerprint.anatomical
    assert flat.fingerprint.median_voxels == 20 * 32


@pytest.mark.parametrize("divisor", [0.0, -1.0, 1e31, float("nan")])
def test_a_divisor_that_divides_nothing_is_refused(divisor: float) -> None:
    with pytest.raises(ConfigError, match="divide_by must be positive"):
        ImportSettings(divide_by=divisor)


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(keras_folder, "read_keras", lambda path: network())
    (tmp_path / "m.keras").write_bytes(b"bytes of a model")
    return tmp_path / "m.keras"


def test_the_folder_holds_weights_plan_card_and_where_they_come_from(stored: Path, tmp_path: Path) -> None:
    plan = import_keras(stored, tmp_path / "model", settings=ImportSettings(divide_by=99.0))
    folder = ModelFolder(tmp_path / "model")
    assert folder.read_plan() == plan
    assert folder.trained_folds() == (0,) or list(folder.trained_folds()) == [0]
    origin = json.loads((folder.path / "provenance.json").read_text())["imported"]
    assert origin == {"keras": "m.keras", "sha256": hashlib.sha256(b"bytes of a model").hexdigest()}
    card = (folder.path / "card.md").read_text()
    for words in ("divided by 99", "not measured here", "not a medical device", "- 2: class 2"):
        assert words in card
    with pytest.raises(ConfigError, match="new or empty folder"):
        import_keras(stored, tmp_path / "model", settings=ImportSettings())
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="new or empty folder"):
        import_keras(stored, tmp_path / "file", settings=ImportSettings())
    (tmp_path / "empty").mkdir()
    import_keras(stored, tmp_path / "empty", settings=ImportSettings(standardise=True))
    assert "mean 0 and deviation 1" in (tmp_path / "empty" / "card.md").read_text()
