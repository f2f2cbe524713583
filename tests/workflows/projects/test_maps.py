"""Heat maps of a case: what lies on the disk, as bytes; doubt is that of the probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.server.conftest import write_data

from septum import io
from septum.errors import FormatError
from septum.geometry import Image
from septum.interactive.pixels.uncertainty import uncertainty
from septum.workflows.data.cases import load_image
from septum.workflows.projects.create import create_project
from septum.workflows.projects.maps import changed_at, heat_maps_of, read_map
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    found = create_project(tmp_path / "project", write_data(tmp_path / "data"))
    yield found
    found.close()


def leave(project: Project, array: np.ndarray, *, name: str, model: str = "model-1") -> Path:
    """A map of `volume` as a model leaves it."""
    folder = project.predictions / model
    grid = load_image(project.case("volume")).grid
    path = folder / f"{name}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write_image(path, Image(array[None].astype(np.float32), grid, ("map",)))
    return path


def probabilities(classes: int) -> np.ndarray:
    found = np.random.default_rng(0).dirichlet(np.ones(classes), (9, 24, 20)).astype(np.float32)
    return np.moveaxis(found, -1, 0)


def test_probabilities_and_the_doubt_that_follows_from_them(project: Project) -> None:
    grid = load_image(project.case("volume")).grid
    assert heat_maps_of(project, "volume") == []
    prob = probabilities(3)
    for value, share in zip((0, 1, 5), prob, strict=True):
        leave(project, share, name=f"volume_probability_{value}")
    leave(project, prob[0], name="volume2_probability_1")
    names = [str(one) for one in heat_maps_of(project, "volume")]
    assert names == ["probability:model-1:0", "probability:model-1:1", "probability:model-1:5", "uncertainty:model-1"]
    found = read_map(project, "volume", name="probability:model-1:5", grid=grid)
    assert found.dtype == np.uint8
    assert np.abs(found / 255.0 - prob[2]).max() <= 0.5 / 255 + 1e-6
    doubt = read_map(project, "volume", name="uncertainty:model-1", grid=grid)
    assert np.abs(doubt / 255.0 - uncertainty(prob)).max() <= 0.5 / 255 + 1e-5


def test_a_map_of_its_own_goes_before_the_sum_and_its_time_is_known(project: Project) -> None:
    grid = load_image(project.case("volume")).grid
    leave(project, np.full(grid.shape, 0.4), name="uncertainty/volume", model="pixels-2")
    (one,) = heat_maps_of(project, "volume")
    assert (one.kind, one.model, one.value) == ("uncertainty", "pixels-2", None)
    assert set(np.unique(read_map(project, "volume", name=str(one), grid=grid))) == {102}
    assert changed_at(project, "volume", name=one) > 1e15


def test_what_is_no_map_is_refused(project: Project) -> None:
    grid = load_image(project.case("volume")).grid
    leave(project, np.full(grid.shape, 3.0), name="volume_probability_1")
    with pytest.raises(FormatError, match="shares"):
        read_map(project, "volume", name="probability:model-1:1", grid=grid)
    for name in ("probability:model-1:2", "probability:../model-1:1", "uncertainty:model-1", ""):
        with pytest.raises(MissingError, match="map"):
            read_map(project, "volume", name=name, grid=grid)
