"""The table of formats: recognised by name, and outputs that cannot be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.io.contracts import plane_labels

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid, Image


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("m.xyz", "suffix of m.xyz must be one of"),
        ("m", "suffix of m must be one of"),
        ("m.mhd", "two files; write m.mha"),
        ("m.nhdr", "two files; write m.nrrd"),
        ("m.dcm", "cannot be written as m.dcm"),
        ("m.jpg", "without loss"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        io.write_labels(tmp_path / name, plane_labels())
    if name != "m.jpg":
        with pytest.raises(FormatError):
            io.write_image(tmp_path / name, Image(np.zeros((1, 2, 2), np.uint8), Grid.from_spacing((2, 2), (1, 1))))
    assert not list(tmp_path.iterdir())


def test_paths_that_are_no_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    for name, words in (("a.txt", "its format is unknown"), ("absent.nii", "must exist"), ("absent::2", "must exist")):
        with pytest.raises(FormatError, match=words):
            io.read_image(tmp_path / name)
        assert not io.is_image(tmp_path / name)


def test_images_are_recognised_by_name_without_decoding(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.PNG", "c.ome.tif", "d.seg.nrrd", "._a.nii.gz", "e.json"):
        (tmp_path / name).write_bytes(b"x")
    found = [path.name for path in sorted(tmp_path.iterdir()) if io.is_image(path)]
    assert found == ["a.nii.gz", "b.PNG", "c.ome.tif", "d.seg.nrrd"]
    assert [io.stem(name) for name in found] == ["a", "b", "c", "d"]
