"""Which cases are frames of one movie, and in which order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from septum.workflows.projects.create import create_project
from septum.workflows.projects.movies import movies_of
from septum.workflows.projects.store import CaseRecord


def record(name: str, *, group: str | None = None, frame: int | None = None, path: str = "") -> CaseRecord:
    source = {"images": [{"path": path or f"{name}.tif", "frame": frame}], "group": group}
    return CaseRecord(name, 0, name, source, None, "new", 0.0, None, None, "", 0)


def places(*records: CaseRecord) -> dict[str, tuple[str, int, int]]:
    return {case: (at.movie, at.frame, at.frames) for case, at in movies_of(records).items()}


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("labelled", [False, True])
def test_frames_of_a_file_are_a_movie_whether_referred_to_or_copied(tmp_path: Path, copy: bool, labelled: bool) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    movie = tmp_path / "data" / "images" / "cells.tif"
    tifffile.imwrite(movie, np.arange(3 * 8 * 9, dtype=np.uint16).reshape(3, 8, 9), photometric="minisblack")
    project = create_project(tmp_path / "p", tmp_path / "data" if labelled else movie, copy=copy, axes="TYX")
    found = movies_of(project.store.cases())
    project.close()
    assert [(at.movie, at.frame, at.frames) for at in found.values()] == [("cells_t000", k, 3) for k in range(3)]
    assert list(found) == ["cells_t000", "cells_t001", "cells_t002"]


def test_frames_named_by_number_are_in_the_order_of_their_numbers() -> None:
    found = places(record("01_t010", group="01"), record("01_t002", group="01"), record("01_t000", group="01"))
    assert found == {"01_t000": ("01_t000", 0, 3), "01_t002": ("01_t000", 1, 3), "01_t010": ("01_t000", 2, 3)}


def test_what_has_another_group_name_or_file_is_another_movie() -> None:
    assert places(record("a_t000", group="1"), record("a_t001", group="2")) == {}
    assert places(record("a_t000"), record("b_t001"), record("a"), record("a_t1")) == {}
    assert places(record("x", frame=0, path="a.tif"), record("y", frame=1, path="b.tif")) == {}


def test_a_single_frame_and_a_number_that_comes_twice_make_no_movie() -> None:
    assert places(record("a_t000")) == {}
    assert places(*(record(name, frame=t, path="a.tif") for name, t in (("x", 0), ("y", 1), ("z", 1)))) == {}
