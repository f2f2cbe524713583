"""The demonstration builds its data set from the template inside nilearn, in two blocks that are not neighbours."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from septum import io
from septum.errors import ConfigError
from septum.workflows import demo
from septum.workflows.data.cases import load_pair
from septum.workflows.data.load import load_dataset
from septum.workflows.runs.hooks import Hooks

needs_nilearn = pytest.mark.skipif(importlib.util.find_spec("nilearn") is None, reason="the extra demo is absent")


@pytest.fixture
def run(monkeypatch):
    """The demonstration with its three workflows replaced; returns the order in which they were called."""
    calls: list[tuple] = []

    def train(dataset, output, **options):
        calls.append(("train", dataset, output, options["settings"].minutes))
        return SimpleNamespace(model=output)

    def predict(model, images, output, **options):
        calls.append(("predict", *images, output))

    def evaluate(predictions, references, output, **options):
        calls.append(("evaluate", predictions, references, output))
        return SimpleNamespace(report=output / "index.html", mean_dice=0.9)

    monkeypatch.setattr(demo, "train", train)
    monkeypatch.setattr(demo, "predict", predict)
    monkeypatch.setattr(demo, "evaluate", evaluate)

    def start(output: Path, *, stop: bool = False, overwrite: bool = False):
        result = demo.run_demo(
            output,
            minutes=0.5,
            overwrite=overwrite,
            on_status=lambda status: None,
            hooks=Hooks(should_stop=lambda: stop),
        )
        return result, calls

    return start


@needs_nilearn
def test_the_data_set_is_one_that_septum_reads(run, tmp_path):
    run(tmp_path / "out")
    for part, slices in (("training", demo.TRAINING_SLICES), ("test", demo.TEST_SLICES)):
        dataset = load_dataset(tmp_path / "out" / part)
        assert dict(dataset.label_names) == {0: "background", 1: "grey matter", 2: "white matter"}
        assert len(dataset.labelled) == len(dataset.cases) == len(slices)
        for case in dataset.cases:
            image, labels = load_pair(case)
            assert image.array.shape == (1, 233, 197)
            counts = np.bincount(labels.array.ravel(), minlength=3)
            assert len(counts) == 3
            assert counts[1:].min() > 500


@needs_nilearn
def test_white_matter_is_brighter_than_grey_matter(run, tmp_path):
    run(tmp_path / "out")
    image, labels = load_pair(load_dataset(tmp_path / "out" / "training").cases[0])
    means = [image.array[0][labels.array == value].mean() for value in (0, 1, 2)]
    assert means == sorted(means)


def test_the_two_blocks_are_apart():
    gap = min(abs(a - b) for a in demo.TRAINING_SLICES for b in demo.TEST_SLICES)
    assert gap >= 15
    assert max(demo.TRAINING_SLICES) < min(demo.TEST_SLICES)


@needs_nilearn
def test_the_whole_path_runs_in_order(run, tmp_path):
    out = tmp_path / "out"
    result, calls = run(out)
    assert calls == [
        ("train", out / "training", out / "model", 0.5),
        ("predict", out / "test" / "images", out / "predictions"),
        ("evaluate", out / "predictions", out / "test", out / "report"),
    ]
    assert result.report == out / "report" / "index.html"
    assert "not a medical device" in (out / demo.MARKER).read_text().replace("\n", " ")


@needs_nilearn
def test_stopping_leaves_out_what_comes_after(run, tmp_path):
    result, calls = run(tmp_path / "out", stop=True)
    assert [call[0] for call in calls] == ["train"]
    assert result.report is None


@needs_nilearn
def test_a_folder_with_other_things_is_never_touched(run, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(ConfigError, match="new or empty folder"):
        run(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


@needs_nilearn
def test_an_earlier_demo_is_replaced_only_when_asked(run, tmp_path):
    run(tmp_path / "out")
    old = tmp_path / "out" / "model"
    old.mkdir()
    with pytest.raises(ConfigError, match="--overwrite"):
        run(tmp_path / "out")
    assert old.exists()
    run(tmp_path / "out", overwrite=True)
    assert not old.exists()


def test_without_nilearn_the_pip_command_is_named(monkeypatch, tmp_path, run):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'pip install "\.\[demo\]"'):
        run(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_nilearn_without_the_files_is_said(monkeypatch, tmp_path):
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    with pytest.raises(ConfigError, match="mni_icbm152_t1"):
        demo.find_template()


@needs_nilearn
def test_the_template_is_read_in_its_own_geometry():
    image = io.read_image(demo.find_template()["t1"])
    assert image.array.shape == (1, 189, 233, 197)
    assert image.grid.orientation == "SAR"
