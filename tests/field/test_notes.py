"""What people suffered when a doubt stayed in `info`: other commands must say it, and their records keep it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from septum.cli.main import main
from septum.geometry import Grid, Image
from septum.workflows.data.doubts import Doubts


def test_segment_says_that_a_photo_was_turned_and_keeps_it(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[274] = 3
    (tmp_path / "in").mkdir()
    PIL.Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8)).save(
        tmp_path / "in" / "a.png", exif=exif
    )
    with pytest.raises(SystemExit) as ending:
        main(["segment", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--method", "otsu"])
    captured = capfd.readouterr()
    assert not ending.value.code
    assert "EXIF orientation (3)" in " ".join((captured.out + captured.err).split())
    record = json.loads((tmp_path / "out" / "septum-segment.json").read_text())
    assert [cases for note, cases in record["notes"].items() if "EXIF" in note] == [["a"]]


def test_a_sentence_is_said_once_and_kept_for_every_case() -> None:
    said: list[str] = []
    doubts = Doubts(said.append)
    image = Image(np.zeros((1, 2, 2)), Grid.from_spacing((2, 2), (1, 1)), (), ("a guess",))
    doubts.hear("one", image)
    doubts.hear("two", image)
    assert said == ["one: a guess"]
    assert doubts.cases == {"a guess": ["one", "two"]}
