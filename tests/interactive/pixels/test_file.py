"""A classifier in a file: the same again, and whatever a stranger's file holds is refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.interactive.pixels.textures import scene

from septum.errors import CheckpointError, ConfigError
from septum.interactive.pixels import file as classifier_file
from septum.interactive.pixels.classifier import (
    PixelClassifier,
)
from septum.interactive.pixels.file import load_classifier, save_classifier
from septum.interactive.pixels.forest import Forest


def test_the_file_gives_the_same_classifier_and_the_same_bytes(trained, tmp_path):
    save_classifier(tmp_path / "new" / "one.npz", trained)
    again = load_classifier(tmp_path / "new" / "one.npz")
    image = scene(channels=2, seed=3)[0]
    np.testing.assert_array_equal(again.probabilities(image), trained.probabilities(image))
    for name in ("settings", "labels", "channels", "ndim", "importance", "marks", "forecast"):
        assert getattr(again, name) == getattr(trained, name)
    save_classifier(tmp_path / "two.npz", again)
    assert (tmp_path / "two.npz").read_bytes() == (tmp_path / "new" / "one.npz").read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["two.npz"]
    with pytest.raises(ConfigError, match=r"end in \.npz"):
        save_classifier(tmp_path / "one.bin", trained)
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="cannot be made"):
        save_classifier(tmp_path / "file" / "one.npz", trained)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_classifier(tmp_path / "folder.npz", trained)
    assert not list(tmp_path.glob(".septum*"))


def rewritten(path: Path, classifier: PixelClassifier, **changed: object) -> Path:
    """A file of a classifier with parts of the header, or arrays, replaced."""
    header = classifier_file.header_of(classifier)
    arrays = dict(classifier.forest.arrays())
    for name, value in changed.items():
        if name in arrays:
            arrays[name] = value
        else:
            header[name] = value
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
    return path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "other"}, "not a pixel classifier"),
        ({"format": 2}, "upgrade"),
        ({"format": "1"}, "not a pixel classifier"),
        ({"labels": [4, 0]}, "ascend"),
        ({"labels": [0, 4, 5]}, "fit together"),
        ({"labels": [0]}, "ascend"),
        ({"labels": [0, 1 << 40]}, "out of range"),
        ({"ndim": 5}, "out of range"),
        ({"channels": 10**9}, "out of range"),
        ({"channels": 1}, "selection"),
        ({"importance": [0.5]}, "importance"),
        ({"features": None}, "sound"),
        ({"features": {"kinds": ["x"], "scales": [1], "unit": "mm", "selection": None}}, "kinds"),
        ({"marks": [1]}, "sound"),
        ({"forecast": {}}, "sound"),
    ],
)
def test_headers_that_do_not_hold_together_are_refused(trained, tmp_path, changed, message):
    with pytest.raises(CheckpointError, match=message):
        load_classifier(rewritten(tmp_path / "bad.npz", trained, **changed))


@pytest.mark.parametrize("name", list(Forest.__dataclass_fields__))
def test_forests_that_lead_astray_are_refused(trained, tmp_path, name):
    column = trained.forest.arrays()[name]
    wrong = [column.astype(np.float64), column[:-1], column[None]]
    for value in {"threshold": [np.nan], "prob": [-1.0, 2.0, 0.4]}.get(name, [-1, 2**31 - 1]):
        spoiled = column.copy()
        spoiled.flat[0] = value
        wrong.append(spoiled)
    if name == "left":
        for node, target in ((len(column) - 1, 0), (0, len(column) - 1)):  # a circle, and a step beyond the end
            astray = column.copy()
            astray[node] = target
            wrong.append(astray)
    if name == "threshold":
        leaf = column.copy()
        leaf[-1] = 0  # from a leaf to what lies behind it
        wrong.append(leaf)
    for number, value in enumerate(wrong):
        with pytest.raises(CheckpointError, match="damaged"):
            load_classifier(rewritten(tmp_path / f"{number}.npz", trained, **{name: value}))


def test_files_that_are_something_else_are_refused(trained, tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="does not exist"):
        load_classifier(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(CheckpointError, match="another kind"):
        load_classifier(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_classifier(tmp_path / "other.npz")
    save_classifier(tmp_path / "good.npz", trained)
    content = (tmp_path / "good.npz").read_bytes()
    for cut in (len(content) // 2, len(content) - 30):
        (tmp_path / "cut.npz").write_bytes(content[:cut])
        with pytest.raises(CheckpointError):
            load_classifier(tmp_path / "cut.npz")
    monkeypatch.setattr(classifier_file, "MOST_BYTES", 100)
    with pytest.raises(CheckpointError, match="ValueError"):
        load_classifier(tmp_path / "good.npz")


def test_no_pickle_is_opened(trained, tmp_path):
    arrays = dict(trained.forest.arrays())
    arrays["split"] = np.array([{"code": 1}], dtype=object)
    np.savez(tmp_path / "pickle.npz", header=np.zeros(3, np.uint8), **arrays)
    with pytest.raises(CheckpointError, match="ValueError"):
        load_classifier(tmp_path / "pickle.npz")
    save_classifier(tmp_path / "good.npz", trained)
    with zipfile.ZipFile(tmp_path / "good.npz") as archive:
        for name in archive.namelist():
            np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
