"""Pictures of a tracked movie: true proportions, one window, paths that end where objects are, and a thinned film."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from septum.geometry import Grid
from septum.instances.track import track_objects
from septum.workflows.tracking import show
from septum.workflows.tracking.show import show_tracks

SHAPE = (40, 60)


def labels(frame: int) -> np.ndarray:
    """A disc that wanders to the right."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return ((y - 20) ** 2 + (x - 10 - 4 * frame) ** 2 < 25).astype(np.uint16)


@pytest.fixture(scope="module")
def found() -> Any:
    return track_objects([(labels(t), None) for t in range(8)])


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("spacing", "size"), [((1.0, 1.0), (160, 240)), ((2.0, 1.0), (240, 180)), ((0.5, 0.5), (160, 240))]
)
def test_frames_have_the_proportions_of_the_tissue(found: Any, spacing: Any, size: tuple[int, int]) -> None:
    pictures = show_tracks(found, Grid.from_spacing(SHAPE, spacing), most_frames=99)
    pictures.add(0, labels(0), image=None)
    assert opened(pictures._jpegs[0]).shape[:2] == size


def test_the_path_runs_to_where_the_object_is(found: Any) -> None:
    pictures = show_tracks(found, Grid.pixels(SHAPE), most_frames=99)
    for frame in (0, 7):
        pictures.add(frame, np.zeros(SHAPE, np.uint16), image=None)
    first, last = (opened(data) for data in pictures._jpegs)
    assert first.max() < 40  # an object has no path before it came
    drawn = np.argwhere(last.max(axis=-1) > 60)
    x = (np.array([10 + 4 * 1, 10 + 4 * 7]) + 0.5) * pictures._scale  # the last six frames before this one
    assert np.abs(drawn[:, 1].min() - x[0]) < 6
    assert np.abs(drawn[:, 1].max() - x[1]) < 6
    assert np.abs(drawn[:, 0].mean() - 20.5 * pictures._scale) < 4


def test_one_window_holds_for_the_whole_movie(found: Any) -> None:
    pictures = show_tracks(found, Grid.pixels(SHAPE), most_frames=99)
    ramp = np.tile(np.linspace(0, 100, SHAPE[1]), (SHAPE[0], 1))
    nothing = np.zeros(SHAPE, np.uint16)
    pictures.add(0, nothing, image=ramp)
    pictures.add(0, nothing, image=ramp / 2)
    bright, dark = (opened(data).mean() for data in pictures._jpegs)
    assert bright == pytest.approx(2 * dark, rel=0.1)


def test_a_volume_is_seen_from_the_top() -> None:
    volume = np.zeros((3, 4, 5), np.uint16)
    volume[2], volume[1, 1:3, 1:3] = 9, 7
    volume[0, 0, 0] = 5
    seen = show._from_top(volume)
    assert seen[0, 0] == 5
    assert seen[2, 2] == 7
    assert seen[3, 4] == 9


def test_a_long_movie_is_thinned_and_frames_are_counted_as_they_are_shown(found: Any, tmp_path: Path) -> None:
    pictures = show_tracks(found, Grid.pixels(SHAPE), most_frames=3)
    for frame in range(8):
        pictures.add(frame, labels(frame), image=None)
    assert pictures._shown == [0, 3, 6]
    pictures.publish(tmp_path, ["said"])
    with Picture.open(tmp_path / "tracks.gif") as gif:
        assert gif.n_frames == 3
    page = (tmp_path / "index.html").read_text()
    assert "Of 8 frames one in 3 is shown" in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))  # type: ignore[union-attr]
    assert len(data["frames"]) == 3
    assert (tmp_path / "lineage.svg").is_file()


@pytest.mark.parametrize(
    ("begin", "end", "shown"), [(0, 7, (0, 2)), (1, 7, (1, 2)), (4, 4, (2, 2)), (7, 7, (2, 2)), (0, 2, (0, 0))]
)
def test_a_thinned_track_never_ends_before_it_begins(begin: int, end: int, shown: tuple[int, int]) -> None:
    lineage = np.array([[1, begin, end, 0]])
    thin = show._thinned(lineage, 3, count=3)
    assert tuple(thin[0, 1:3].tolist()) == shown
    assert lineage[0, 1] == begin


def test_facts_count_objects_tracks_and_what_happened(found: Any) -> None:
    facts = {name: (value, more) for name, value, more in show._facts(found)}
    assert facts["Frames"][0] == "8"
    assert facts["Objects"] == ("1 → 1", "first and last frame")
    assert facts["Tracks"] == ("1", "median length 8")
    assert (facts["Divisions"][0], facts["Merges"][0]) == ("0", "0")
