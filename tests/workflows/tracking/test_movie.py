"""A movie is found in its order, and a frame that is missing is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.workflows.datasets import mask, write_labels

from septum.errors import DatasetError
from septum.workflows.tracking.movie import find_movie


def frames(folder: Path, *names: str) -> Path:
    for name in names:
        write_labels(folder / name, mask(0))
    return folder


def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    movie = find_movie(frames(tmp_path / "m", "t10.tif", "t9.tif", "t11.tif", "t8.tif"))
    assert [source.path.name for source in movie.frames] == ["t8.tif", "t9.tif", "t10.tif", "t11.tif"]
    assert movie.first == 8


def test_the_last_number_of_a_name_counts_and_names_without_one_have_no_holes(tmp_path: Path) -> None:
    assert find_movie(frames(tmp_path / "a", "exp3_t0.tif", "exp3_t1.tif", "exp3_t2.tif")).first == 0
    plain = find_movie(frames(tmp_path / "b", "a.tif", "b.tif"))
    assert (len(plain.frames), plain.first) == (2, 0)


def test_one_file_is_a_movie_along_its_time_axis(tmp_path: Path) -> None:
    stack = np.stack([mask(n) for n in range(3)])
    tifffile.imwrite(tmp_path / "m.tif", stack, photometric="minisblack")
    movie = find_movie(tmp_path / "m.tif", axes="TYX")
    assert [source.frame for source in movie.frames] == [0, 1, 2]
    with pytest.raises(DatasetError, match=r"whose 3 planes were read as slices of a volume: --axes TYX reads them as"):
        find_movie(tmp_path / "m.tif")
    (tmp_path / "folder").mkdir()
    (tmp_path / "m.tif").rename(tmp_path / "folder" / "m.tif")
    assert len(find_movie(tmp_path / "folder", axes="TYX").frames) == 3
    with pytest.raises(DatasetError, match=r"at least two frames, got 1 in one\.png; add the others"):
        find_movie(write_labels(tmp_path / "one.png", mask(0)))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("t0.tif", "t1.tif", "t3.tif", "t4.tif"), "got none for 2"),
        (("a1.tif", "b1.tif"), "different numbers"),
        ((), "got 0"),
    ],
)
def test_a_movie_with_a_hole_or_two_movies_at_once_are_refused(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(DatasetError, match=message):
        find_movie(frames(tmp_path / "m", *names))


def test_far_numbers_are_times_of_day_not_holes_and_nothing_there_is_said(tmp_path: Path) -> None:
    assert find_movie(frames(tmp_path / "m", "t100.tif", "t200.tif", "t300.tif")).first == 100
    with pytest.raises(DatasetError, match="the movie must exist"):
        find_movie(tmp_path / "none.tif")


def test_two_frames_are_a_movie(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "two.tif", np.stack([mask(0), mask(1)]), photometric="minisblack")
    assert len(find_movie(tmp_path / "two.tif", axes="TYX").frames) == 2
