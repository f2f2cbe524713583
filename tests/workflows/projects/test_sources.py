"""A data set's case as plain data: the same case comes back, wherever the project is moved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid, Image
from septum.workflows.data.cases import Case, Source
from septum.workflows.projects.sources import case_from_plain, case_to_plain, copied


def case(folder: Path) -> Case:
    """A case with everything a case can have."""
    image = folder / "images" / "x.nii.gz"
    slices = ((3, folder / "a.png"), (5, folder / "b.png"))
    label = Source(folder / "labels", None, None, slices)
    return Case(
        "x", (Source(image, 2, "TYX"),), label, "patient-1", "test", Source(folder / "roi.png"), ("red", "green")
    )


def test_a_case_comes_back_from_json_and_moves_with_its_project(tmp_path: Path) -> None:
    first = tmp_path.resolve() / "here"
    plain = json.loads(json.dumps(case_to_plain(case(first), first)))
    assert case_from_plain(plain, first) == case(first)
    assert case_from_plain(plain, tmp_path / "there") == case(tmp_path / "there")
    outside = replace(case(first), images=(Source(tmp_path.resolve() / "elsewhere.png"),))
    kept = case_from_plain(case_to_plain(outside, first), tmp_path / "there")
    assert kept.images[0].path == tmp_path.resolve() / "elsewhere.png"


def test_a_copy_is_of_one_piece_and_a_frame_becomes_a_file(tmp_path: Path) -> None:
    grid = Grid.from_spacing((4, 5), (1.0, 1.0))
    movie = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    import tifffile

    tifffile.imwrite(tmp_path / "movie.tif", movie, photometric="minisblack", metadata={"axes": "TYX"})
    io.write_image(tmp_path / "plain.png", Image(movie[:1], grid, ("intensity",)))
    one = Case("m", (Source(tmp_path / "movie.tif", 1, "TYX"),), None, None, None, None, ())
    frame = copied(one, tmp_path / "frame")
    assert np.array_equal(io.read_image(frame.images[0].path).array[0], movie[1])
    whole = copied(Case("p", (Source(tmp_path / "plain.png"),), None, None, None, None, ()), tmp_path / "plain")
    assert whole.images[0].path.read_bytes() == (tmp_path / "plain.png").read_bytes()
    gone = Case("g", (Source(tmp_path / "gone.png"),), None, None, None, None, ())
    with pytest.raises(FormatError, match="could not be copied"):
        copied(gone, tmp_path / "gone")
