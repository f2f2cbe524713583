"""What people suffered with broken models and empty images: masks that meant nothing, and exit code 0."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from septum import io
from septum.cli.main import main
from septum.errors import CheckpointError, DatasetError
from septum.geometry import Grid, Image
from septum.net.learning.checkpoint import digest_of, load_model, load_tensors, save_tensors
from septum.workflows.data.load import load_dataset
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.prepare import to_sample


def run(*words: object) -> int | str:
    with pytest.raises(SystemExit) as ending:
        main([str(word) for word in words])
    return ending.value.code or 0


def copied(model: Path, folder: Path) -> Path:
    shutil.copytree(model, folder / "model")
    return folder / "model"


def with_weights(model: Path, change: object) -> None:
    path = model / "fold_0" / "weights.pt"
    content = load_tensors(path)
    del content["format_version"]
    change(content["weights"])  # type: ignore[operator]
    save_tensors(path, content)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(
    small_model: tuple[Path, Path], tmp_path: Path, value: float, capfd: pytest.CaptureFixture[str]
) -> None:
    model = copied(small_model[1], tmp_path)
    with_weights(model, lambda weights: next(iter(weights.values())).view(-1)[:1].fill_(value))
    assert run("predict", model, small_model[0] / "images", "-o", tmp_path / "out") == 2
    assert "weights must be finite" in " ".join(capfd.readouterr().err.split())
    assert not list(tmp_path.glob("out/*.tif"))


def test_a_network_whose_output_overflows_writes_no_mask(
    small_model: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = copied(small_model[1], tmp_path)
    with_weights(model, lambda weights: [w.fill_(3e38) for w in weights.values() if w.is_floating_point()])
    assert run("predict", model, small_model[0] / "images", "-o", tmp_path / "out") == 2  # every image failed
    assert "output must be finite" in " ".join(capfd.readouterr().err.split())
    assert not list(tmp_path.glob("out/*.tif"))


def test_one_flipped_byte_in_the_weights_is_noticed(small_model: tuple[Path, Path], tmp_path: Path) -> None:
    model = copied(small_model[1], tmp_path)
    for path in (model / "fold_0" / "weights.pt", model / "fold_0" / "state.pt"):
        whole = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            largest = max(archive.infolist(), key=lambda entry: entry.file_size)
            with archive.open(largest):
                data = archive.read(largest)
        damaged = bytearray(whole)
        damaged[whole.index(data) + len(data) // 2] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="damaged"):
            load_tensors(path)
    with pytest.raises(CheckpointError, match="copy it again"):
        ModelFolder(model).load()


def test_weights_of_earlier_versions_have_no_digest_and_still_load(
    small_model: tuple[Path, Path], tmp_path: Path
) -> None:
    path = small_model[1] / "fold_0" / "weights.pt"
    content = torch.load(path, weights_only=True)
    del content["digest"]
    torch.save(content, tmp_path / "old.pt")
    assert load_model(tmp_path / "old.pt").config == load_model(path).config


def test_the_digest_tells_types_shapes_names_and_order_apart() -> None:
    ones = torch.ones(4)
    variants = [
        {"a": ones}, {"b": ones}, {"a": ones.reshape(2, 2)}, {"a": ones.double()}, {"a": ones.view(torch.int32)},
        {"a": [1, 2]}, {"a": [12]}, {"a": ["1", 2]}, {"a": 1.0}, {"a": 1}, {"a": True}, {"a": {"b": 1}}, {},
    ]  # fmt: skip
    assert len({digest_of(content) for content in variants}) == len(variants)


def test_an_image_of_nothing_but_nan_gets_a_reason_and_no_mask(
    small_model: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data, model = small_model
    grid = Grid.from_spacing((32, 32), (1.0, 1.0))
    (tmp_path / "in").mkdir()
    io.write_image(tmp_path / "in" / "empty.tif", Image(np.full((1, 32, 32), np.nan, np.float32), grid))
    shutil.copy(data / "images" / "s0.tif", tmp_path / "in" / "s0.tif")
    assert run("predict", model, tmp_path / "in", "-o", tmp_path / "out") == 1
    assert [p.name for p in (tmp_path / "out").glob("*.tif")] == ["s0.tif"]
    assert "empty" not in (tmp_path / "out" / "quality.csv").read_text()
    assert "images must hold finite samples" in " ".join(capfd.readouterr().err.split())


def test_holes_in_an_image_are_said_and_kept(
    small_model: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = io.read_image(small_model[0] / "images" / "s0.tif")
    array = image.array.copy()
    array[0, :8] = np.nan
    (tmp_path / "in").mkdir()
    io.write_image(tmp_path / "in" / "a.tif", Image(array, image.grid))
    assert run("predict", small_model[1], tmp_path / "in", "-o", tmp_path / "out") == 0
    captured = capfd.readouterr()
    assert "25 % of the samples are NaN" in " ".join((captured.out + captured.err).split())
    record = json.loads((tmp_path / "out" / "septum-predict.json").read_text())
    assert record["notes"] == {"25 % of the samples are NaN or infinite": ["a"]}


def test_training_refuses_an_image_of_nothing(small_model: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(small_model[0], tmp_path / "data")
    image = io.read_image(tmp_path / "data" / "images" / "s1.tif")
    io.write_image(tmp_path / "data" / "images" / "s1.tif", Image(np.full_like(image.array, np.nan), image.grid))
    case = load_dataset(tmp_path / "data").case("s1")
    with pytest.raises(DatasetError, match=r"s1.*finite samples"):
        to_sample(case, ModelFolder(small_model[1]).read_plan())
