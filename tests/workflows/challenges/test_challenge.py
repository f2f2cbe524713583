"""What a challenge hands to a training: a table that names every file, read back as the same cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.workflows.datasets import planes, write_labels

from septum.errors import DatasetError
from septum.workflows.challenges.challenge import write_table
from septum.workflows.data.cases import UNANNOTATED, Source, load_labels
from septum.workflows.data.load import load_dataset


def test_a_written_table_is_read_back_with_groups_and_region(tmp_path: Path) -> None:
    cases = list(load_dataset(planes(tmp_path / "set", 3)).labelled)
    region = np.ones((24, 32), np.uint8)
    region[:5] = 0
    inside = Source(write_labels(tmp_path / "roi" / "case1.png", region))
    cases = [replace(case, group="ab"[number % 2]) for number, case in enumerate(cases)]
    cases[1] = replace(cases[1], roi=inside)
    read = load_dataset(write_table(tmp_path / "work" / "training.csv", cases)).labelled
    assert [(one.id, one.group, one.images[0].path.resolve()) for one in read] == [
        (one.id, one.group, one.images[0].path.resolve()) for one in cases
    ]
    assert [one.roi is not None for one in read] == [False, True, False]
    assert np.array_equal(load_labels(read[1]).array == UNANNOTATED, region == 0)


def test_several_files_of_one_image_stay_its_channels(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 2)).labelled
    both = replace(cases[0], images=(*cases[0].images, *cases[1].images))
    (read,) = load_dataset(write_table(tmp_path / "training.csv", [both])).labelled
    assert [source.path.name for source in read.images] == ["case0.png", "case1.png"]


@pytest.mark.parametrize("wrong", [{"frame": 2}, {"slices": ((0, Path("a.png")),)}])
def test_a_frame_of_a_stack_can_not_be_named_by_a_table(tmp_path: Path, wrong: dict[str, object]) -> None:
    (case,) = load_dataset(planes(tmp_path / "set", 1)).labelled
    stacked = replace(case, images=(replace(case.images[0], **wrong),))
    with pytest.raises(DatasetError, match="file of its own, got case case0"):
        write_table(tmp_path / "training.csv", [stacked])
    assert not (tmp_path / "training.csv").exists()
