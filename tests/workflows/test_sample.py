"""The sample's project: a volume to look at, slices that are annotated and others that wait, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from septum import io
from septum.errors import ConfigError
from septum.geometry import Grid, Image
from septum.workflows import sample
from septum.workflows.projects.project import open_project
from septum.workflows.sample import ANNOTATED, WAITING, sample_project


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """A head of 130 slices whose left half is grey and right half white matter."""
    shape = (130, 12, 14)
    arrays = {"t1": np.random.default_rng(0).uniform(1, 90, shape), "gm": np.zeros(shape), "wm": np.zeros(shape)}
    arrays["gm"][:, 2:10, 1:7], arrays["wm"][:, 2:10, 7:13] = 200, 120
    paths = {}
    for name, array in arrays.items():
        paths[name] = tmp_path / f"{name}.nii.gz"
        io.write_image(paths[name], Image(array[None].astype(np.float32), Grid.from_spacing(shape, (1.0, 1.0, 1.0))))
    monkeypatch.setattr(sample, "find_template", lambda: paths)
    return arrays


def test_eight_slices_are_annotated_eight_wait_and_the_brain_is_whole(
    template: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sample_project(tmp_path / "project")
    opened = open_project(folder)
    assert {case.id for case in opened.store.cases()} == {"brain", *(f"slice-{n:03d}" for n in (*ANNOTATED, *WAITING))}
    assert set(opened.store.newest()) == {f"slice-{n:03d}" for n in ANNOTATED}
    assert [label.name for label in opened.facts.labels] == ["grey matter", "white matter"]
    opened.close()
    monkeypatch.setattr(sample, "find_template", lambda: pytest.fail("made a second time"))
    assert sample_project(folder) == folder


def test_the_labels_are_those_of_the_slice_and_lie_as_it_does(template: dict[str, np.ndarray], tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    sample._write(sample.find_template(), work)
    index = ANNOTATED[0]
    labels = io.read_labels(work / f"slice-{index:03d}-labels.png").array
    expected = np.where(template["gm"][index] > 0, 1, np.where(template["wm"][index] > 0, 2, 0))[::-1]
    assert np.array_equal(labels, expected)
    image = io.read_image(work / f"slice-{index:03d}.png").array[0]
    whole = np.round(255 * template["t1"] / template["t1"].astype(np.float32).max())
    assert np.abs(image.astype(float) - whole[index, ::-1]).max() <= 1
    assert not (work / f"slice-{WAITING[0]:03d}-labels.png").exists()
    assert set(ANNOTATED).isdisjoint(WAITING)
    assert min(abs(a - w) for a in ANNOTATED for w in WAITING) > 10


def test_a_folder_that_holds_something_else_is_left_alone(template: dict[str, np.ndarray], tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "thesis.txt").touch()
    with pytest.raises(ConfigError):
        sample_project(tmp_path / "project")
    assert (tmp_path / "project" / "thesis.txt").exists()
