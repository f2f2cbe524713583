"""What a user names becomes cases: files of the channels of one case belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.io import dicoms
from tests.workflows.datasets import write_image

from septum.errors import Cancelled, DatasetError
from septum.workflows.data.jobs import Job, find_cases, work_through
from septum.workflows.runs.hooks import Hooks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Case a with two channels, case b with one of two, and an image without a channel number."""
    for name in ("a_0000", "a_0001", "b_0000", "c"):
        write_image(tmp_path / f"{name}.png", np.zeros((4, 4), np.uint8))
    return tmp_path


def test_numbered_files_are_the_channels_of_one_case_where_channels_are_expected(folder: Path) -> None:
    found = {
        case.id: [source.path.name for source in case.images] for case in find_cases([folder], axes=None, channels=2)
    }
    assert found == {"a": ["a_0000.png", "a_0001.png"], "b_0000": ["b_0000.png"], "c": ["c.png"]}


def test_channels_may_be_named_one_by_one_in_any_order(folder: Path) -> None:
    paths = [folder / "a_0001.png", folder / "c.png", folder / "a_0000.png"]
    cases = find_cases(paths, axes=None, channels=2)
    assert [case.id for case in cases] == ["a", "c"]
    assert [source.path.name for source in cases[0].images] == ["a_0000.png", "a_0001.png"]


def test_numbered_files_stay_apart_for_a_model_of_one_or_of_more_channels(folder: Path) -> None:
    for channels in (1, 3):
        cases = find_cases([folder], axes=None, channels=channels)
        assert [case.id for case in cases] == ["a_0000", "a_0001", "b_0000", "c"]


def test_series_in_folders_of_patients_are_cases_by_patient(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        dicoms.series(tmp_path / patient / "ct", dicoms.stored((3, 4, 4)))
    cases = find_cases([tmp_path], axes=None)
    assert [(case.id, case.group) for case in cases] == [("p1_ct", "p1"), ("p2_ct", "p2")]


def test_other_images_in_folders_of_any_name_are_no_data_set(tmp_path: Path) -> None:
    for name in ("pictures", "drawings"):
        write_image(tmp_path / name / "a.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DatasetError, match="pictures"):
        find_cases([tmp_path], axes=None)


def test_a_stop_names_what_it_left_whether_it_comes_between_images_or_within_one(folder: Path, tmp_path: Path) -> None:
    jobs = [Job(case, tmp_path / "out" / case.id) for case in find_cases([folder], axes=None)]
    done: list[str] = []

    def work(job: Job, tell: object) -> None:
        if job.case.id == "c":
            raise Cancelled
        done.append(job.case.id)

    assert work_through(jobs, work, hooks=Hooks()).left == ("c",)
    stopped = work_through(jobs, work, hooks=Hooks(should_stop=lambda: len(done) >= 4))
    assert (len(stopped.written), stopped.left) == (1, ("a_0001", "b_0000", "c"))
    assert work_through(jobs[:3], work, hooks=Hooks()).left == ()
