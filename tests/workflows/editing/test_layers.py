"""The layers that a script works on: from one place, all on the image's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.workflows.datasets import VOLUME, mask, picture, write_labels

from septum.errors import ConfigError, GeometryError
from septum.geometry import Grid, Image
from septum.interactive.edits import paint
from septum.interactive.session.session import Session
from septum.workflows.editing.layers import MAIN, load_layers
from septum.workflows.editing.settings import EditSettings

IMAGE = Image(picture(0, VOLUME.shape)[None], VOLUME)


def quiet(text: str) -> None:
    del text


def test_a_label_file_is_the_first_layer_and_further_files_follow_by_name(tmp_path: Path) -> None:
    first = write_labels(tmp_path / "a.nii.gz", mask(0, VOLUME.shape), VOLUME)
    second = write_labels(tmp_path / "b.nii.gz", mask(3, VOLUME.shape), VOLUME)
    layers = load_layers(first, IMAGE, settings=EditSettings(layers={"vessel": second}), on_note=quiet)
    assert list(layers) == [MAIN, "vessel"]
    assert np.array_equal(layers[MAIN].array, mask(0, VOLUME.shape))
    assert np.array_equal(layers["vessel"].array, mask(3, VOLUME.shape))
    assert all(layer.grid.matches(VOLUME) for layer in layers.values())


def test_new_labels_are_empty_and_lie_on_the_image() -> None:
    (layer,) = load_layers(None, IMAGE, settings=EditSettings(new=True), on_note=quiet).values()
    assert layer.grid == VOLUME
    assert not layer.array.any()


def test_a_session_gives_all_its_layers_as_they_were_after_the_last_edit(tmp_path: Path) -> None:
    layers = {"organ": mask(0, VOLUME.shape), "vessel": np.zeros(VOLUME.shape, np.uint8)}
    with Session.create(tmp_path / "s", layers, spacing=VOLUME.spacing) as session:
        session.run(paint.paint, points=[[2, 3, 3]], radius_mm=2.0, label=4, layer="vessel")
        after = session.labels("vessel").copy()
    told: list[str] = []
    found = load_layers(None, IMAGE, settings=EditSettings(session=tmp_path / "s"), on_note=told.append)
    assert list(found) == ["organ", "vessel"]
    assert np.array_equal(found["vessel"].array, after)
    assert after.max() == 4
    assert "after 1 edits" in told[0]


@pytest.mark.parametrize(("labels", "new", "session"), [(0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)])
def test_labels_come_from_one_place(labels: bool, new: bool, session: bool) -> None:
    settings = EditSettings(new=bool(new), session=Path("s") if session else None)
    with pytest.raises(ConfigError, match=f"from one place, got {labels + new + session}"):
        load_layers(Path("a.nii.gz") if labels else None, IMAGE, settings=settings, on_note=quiet)


def test_a_layer_takes_no_name_twice_and_lies_on_the_image(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "a.nii.gz", mask(0, VOLUME.shape), VOLUME)
    with pytest.raises(ConfigError, match="got 'main'"):
        load_layers(path, IMAGE, settings=EditSettings(layers={MAIN: path}), on_note=quiet)
    far = Grid(VOLUME.shape, VOLUME.affine + np.eye(4)[:, [3, 0, 1, 2]] * 0 + np.diag([0.5, 0, 0, 0]))
    elsewhere = write_labels(tmp_path / "b.nii.gz", mask(0, VOLUME.shape), far)
    for settings, labels in ((EditSettings(), elsewhere), (EditSettings(new=True, layers={"x": elsewhere}), None)):
        with pytest.raises(GeometryError, match="must lie on the grid"):
            load_layers(labels, IMAGE, settings=settings, on_note=quiet)
