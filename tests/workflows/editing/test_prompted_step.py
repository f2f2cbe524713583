"""A network as a step: it is opened once, shown clicks with their label, and never contradicts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from septum.errors import CheckpointError, ConfigError, GeometryError
from septum.geometry import Grid
from septum.interactive.tool import Box, Stroke
from septum.workflows.editing.prompted_step import PROMPTED, OpenModels, prompted
from septum.workflows.prediction import live

IMAGE, LABELS = np.zeros((6, 8), np.float32), np.zeros((6, 8), np.uint8)


class Spy:
    """A network that finds label 3 everywhere and keeps what it was shown."""

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self.shown: dict[str, Any] = {}

    def __call__(self, folder: Path) -> Any:
        self.folders.append(folder)

        def predict(image: Any, **shown: Any) -> Any:
            self.shown = shown
            return np.full(shown["region"].shape, 3)

        return predict


def test_clicks_come_after_strokes_with_their_own_label_and_stay_as_marked() -> None:
    spy = Spy()
    strokes = [Stroke(np.array([[0, 0], [1, 1]]), 5)]
    change = prompted(IMAGE, LABELS, model="m", network=spy, strokes=strokes, label=2, points=[[1, 1]])
    assert spy.folders == [Path("m")]
    assert [(one.label, one.points.tolist()) for one in spy.shown["strokes"]] == [(5, [[0, 0], [1, 1]]), (2, [[1, 1]])]
    assert (change.labels[0, 0], change.labels[1, 1], change.labels[5, 7]) == (5, 2, 3)


def test_without_clicks_the_network_is_shown_none() -> None:
    spy = Spy()
    change = prompted(
        IMAGE, LABELS, model="m", network=spy, boxes=[(Box((1, 1), (3, 3)), 1)], region=Box((0, 0), (4, 4))
    )
    assert spy.shown["strokes"] == []
    assert spy.shown["boxes"] == ((Box((1, 1), (3, 3)), 1),)
    assert change.box == Box((0, 0), (4, 4))


def test_a_click_outside_of_the_image_is_refused_before_the_network_is_asked() -> None:
    spy = Spy()
    with pytest.raises(GeometryError, match="inside the image"):
        prompted(IMAGE, LABELS, model="m", network=spy, points=[[6, 0]])
    assert spy.shown == {}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_prompter_changes_the_marked_slices_alone(axis: int) -> None:
    """So that a mark in a large volume costs no copy of it."""
    volume, labels, click = np.zeros((5, 6, 7), np.float32), np.ones((5, 6, 7), np.uint8), [2, 3, 4]
    told: dict[str, Any] = {"network": Spy(), "points": [click], "axis": axis}
    change = prompted(volume, labels, model="medsam-lite", **told)
    assert (change.box.start[axis], change.box.stop[axis]) == (click[axis], click[axis] + 1)
    assert [n for place, n in enumerate(change.box.shape) if place != axis] == np.delete((5, 6, 7), axis).tolist()
    assert prompted(volume, labels, model="m", **told).box == Box.whole((5, 6, 7))
    with pytest.raises(ConfigError, match="no mark of a label"):
        prompted(volume, labels, model="medsam-lite", **{**told, "label": 0})
    told["points"] = [[9, 9, 9]]
    with pytest.raises(GeometryError, match="inside the image"):
        prompted(volume, labels, model="medsam-lite", **told)


def test_each_model_is_opened_once_on_the_grid_of_the_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Path, Grid]] = []
    monkeypatch.setattr(live, "PromptedModel", lambda folder, *, grid: made.append((folder, grid)) or object())
    grid = Grid.pixels((6, 8))
    models = OpenModels(grid)
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    first, other, again = models(a), models(b), models(a)
    assert first is again
    assert first is not other
    assert made == [(a, grid), (b, grid)]
    assert models.said(a) == ""


@pytest.mark.parametrize("name", ["medsam", "medsam-light", "MedSAM-lite"])
def test_a_misspelt_prompter_is_told_the_nearest_name(name: str) -> None:
    with pytest.raises(CheckpointError, match=rf"got '{name}', which is neither; did you mean 'medsam-lite'\?"):
        OpenModels(Grid.pixels((6, 8)))(Path(name))


def test_the_row_calls_this_function_and_needs_a_model() -> None:
    assert PROMPTED.function is prompted
    assert PROMPTED.needs == ("model",)
    assert PROMPTED.resolve({"model": "m"})["label"] == 1
