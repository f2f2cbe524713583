"""Medsam-lite in the place of a trained model, live and in a script."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from septum import io
from septum.errors import ConfigError
from septum.geometry import Grid, Image
from septum.interactive.marks.prompted import prompted_network
from septum.interactive.tool import Box, Stroke
from septum.net.inference.promptable import MedSamLite
from septum.net.prompts import BoxPrompt, Prompts
from septum.workflows.editing import edit
from septum.workflows.editing.script import parse_script
from septum.workflows.editing.settings import EditSettings
from septum.workflows.prediction.live_prompter import PROMPTERS, LivePrompter, across, open_prompter
from septum.workflows.prediction.settings import PROMPTER_NAMES
from septum.workflows.runs.hooks import Hooks


def picture() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:96, :96]
    disc = (y - 40) ** 2 + (x - 50) ** 2 < 22**2
    return (disc * 100 + 60).astype(np.uint8), disc


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_a_second_mark_costs_the_decoder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    image, disc = picture()
    network, seen = LivePrompter("medsam-lite"), []
    whole = MedSamLite.see
    monkeypatch.setattr(MedSamLite, "see", lambda self, plane, **shown: seen.append(1) or whole(self, plane, **shown))
    labels = np.zeros(image.shape, np.uint8)
    for stroke in (Stroke(np.array([[40, 50]]), 7), Stroke(np.array([[44, 50]]), 7)):
        found = prompted_network(image, labels, predict=network, strokes=[stroke])
        assert dice(found.labels == 7, disc) > 0.8
    boxed = prompted_network(image, labels, predict=network, boxes=[(Box((18, 28), (63, 73)), 2)])
    assert dice(boxed.labels == 2, disc) > 0.9
    assert len(seen) == 1


def test_a_step_of_a_script_adds_to_what_is_there(tmp_path: Path) -> None:
    image, disc = picture()
    io.write_image(tmp_path / "a.png", Image(image[None], Grid.pixels(image.shape)))
    script = parse_script(
        """format = 1
[[step]]
do = "paint"
points = [[90, 5]]
label = 3
radius_mm = 2.0
[[step]]
do = "prompted"
model = "medsam-lite"
boxes = [{region = [[18, 28], [63, 73]], label = 1}]
""",
    )
    settings = EditSettings(new=True)
    result = edit.edit(
        tmp_path / "a.png", None, output=tmp_path / "out.tif", script=script, settings=settings, hooks=Hooks()
    )
    found = io.read_labels(result.written[0]).array
    assert dice(found == 1, disc) > 0.9
    assert found[90, 5] == 3
    assert result.steps[0].said == ""
    assert re.fullmatch(r"the network itself .* \(IoU\) of 0\.\d\d for label 1, unchecked", result.steps[1].said)
    record = json.loads((tmp_path / "out.septum-edit.json").read_text())
    assert [step.get("said", "") for step in record["steps"]] == [step.said for step in result.steps]


def test_of_a_volume_it_is_said_across_which_axis_the_slices_lay() -> None:
    image, disc = picture()
    volume, labels = np.stack([image] * 3, axis=2), np.zeros((*image.shape, 3), np.uint8)
    network = LivePrompter("medsam-lite")
    box = Box((18, 28, 1), (63, 73, 2))
    found = prompted_network(volume, labels, predict=network, boxes=[(box, 2)])
    assert dice(found.labels[..., 1] == 2, disc) > 0.9
    assert network.said.startswith("slices across axis 2 (x); the network itself expects")
    assert "for label 2" in network.said


def test_the_slices_lie_across_the_long_voxels_or_the_thin_box() -> None:
    thick, cube = Grid.from_spacing((9, 9, 9), (1, 1, 4)), Grid.from_spacing((9, 9, 9), (1, 1, 1.2))
    assert across(thick, Prompts()) == 2
    assert across(cube, Prompts()) == 0
    assert across(cube, Prompts(boxes=(BoxPrompt((1, 4, 1), (8, 5, 8), 1),))) == 1
    assert across(Grid.pixels((4, 4)), Prompts()) == 0
    flat = BoxPrompt((1, 4, 1), (8, 5, 8), 1), BoxPrompt((1, 1, 1), (2, 8, 8), 2)
    with pytest.raises(ConfigError, match=r"thin in axes \[0, 1\]"):
        across(cube, Prompts(boxes=flat))


def test_every_name_has_a_prompter_and_no_other() -> None:
    assert tuple(PROMPTERS) == PROMPTER_NAMES
    with pytest.raises(ConfigError, match="medsam-lite"):
        open_prompter("sam-9")
