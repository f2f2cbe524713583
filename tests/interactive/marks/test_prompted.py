"""The tool that hands prompts to a network: what it checks, what it keeps, what it passes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from septum.errors import Cancelled, ConfigError, DatasetError, GeometryError
from septum.interactive.marks.prompted import prompted_network
from septum.interactive.tool import Box, Stroke

SHAPE = (6, 8, 9)


class Network:
    """A network that answers 3 where the image is bright, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def __call__(self, image: np.ndarray, **told: Any) -> np.ndarray:
        self.told = {"image": image, **told}
        return np.where(image[told["region"].slices] > 0, 3, 0)


def picture() -> np.ndarray:
    image = np.zeros(SHAPE, np.float32)
    image[2:4, 2:6, 2:7] = 1
    return image


def stroke(*voxels: tuple[int, ...], label: int = 1) -> Stroke:
    return Stroke(np.array(voxels), label)


def test_the_region_gets_the_networks_labels_and_nothing_else_changes() -> None:
    network, region = Network(), Box((1, 0, 0), (3, 8, 5))
    labels = np.full(SHAPE, 7, np.uint8)
    change = prompted_network(picture(), labels, predict=network, region=region, spacing=(2, 1, 1))
    after = change.applied_to(labels)
    assert change.box == region
    assert np.array_equal(after[region.slices], np.where(picture()[region.slices] > 0, 3, 0))
    after[region.slices] = 7
    assert (after == 7).all()


def test_the_network_is_told_everything_in_voxels_of_the_whole_image() -> None:
    network, region, box = Network(), Box((1, 1, 1), (5, 7, 8)), Box((2, 2, 2), (4, 6, 7))
    outside = stroke((0, 0, 0), label=0)
    prompted_network(
        picture(), np.zeros(SHAPE, int), predict=network, strokes=[outside], boxes=[(box, 3)], region=region,
        spacing=(2, 1, 1),
    )  # fmt: skip
    assert network.told["image"].shape == SHAPE
    assert network.told["strokes"][0].points.tolist() == [[0, 0, 0]]
    assert network.told["boxes"] == ((box, 3),)
    assert network.told["region"] == region
    assert network.told["spacing"] == (2, 1, 1)


def test_an_image_of_several_channels_is_handed_over_whole() -> None:
    colour = np.stack([picture(), picture() + 1])
    told: dict[str, Any] = {}

    def network(image: np.ndarray, *, region: Box, **more: Any) -> np.ndarray:
        told["shape"] = image.shape
        return np.ones(region.shape, int)

    change = prompted_network(colour, np.zeros(SHAPE, int), predict=network)
    assert told["shape"] == (2, *SHAPE)
    assert change.labels.shape == SHAPE
    colour[1, 0, 0, 0] = np.nan
    with pytest.raises(DatasetError, match="finite"):
        prompted_network(colour, np.zeros(SHAPE, int), predict=network)


def test_a_marked_voxel_has_the_label_of_its_last_stroke_whatever_the_network_says() -> None:
    strokes = [stroke((2, 3, 3), (3, 3, 3), label=0), stroke((0, 0, 0), (3, 3, 3), label=300)]
    change = prompted_network(picture(), np.zeros(SHAPE, np.uint8), predict=Network(), strokes=strokes)
    assert change.labels[2, 3, 3] == 0
    assert change.labels[0, 0, 0] == change.labels[3, 3, 3] == 300
    assert change.labels[2, 3, 4] == 3


def test_a_person_can_stop_before_and_after_the_prediction() -> None:
    network = Network()
    with pytest.raises(Cancelled):
        prompted_network(picture(), np.zeros(SHAPE, int), predict=network, cancelled=lambda: True)
    assert network.told == {}
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        prompted_network(picture(), np.zeros(SHAPE, int), predict=network, cancelled=lambda: next(answers))
    assert network.told != {}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"strokes": [stroke((6, 0, 0))]}, GeometryError, "strokes must lie inside"),
        ({"strokes": [stroke((0, 0))]}, GeometryError, "strokes must be integer voxel"),
        ({"strokes": [stroke((0, 0, 0), label=-1)]}, ConfigError, "stroke's label"),
        ({"strokes": [Stroke(np.zeros((0, 3), np.int64), 1)]}, ConfigError, "at least one voxel"),
        ({"boxes": [(Box((0, 0, 0), (7, 1, 1)), 1)]}, GeometryError, "a box must hold voxels"),
        ({"boxes": [(Box((1, 1, 1), (1, 2, 2)), 1)]}, GeometryError, "a box must hold voxels"),
        ({"boxes": [(Box((0, 0, 0), (1, 1, 1)), 0)]}, ConfigError, "mark background with a stroke"),
        ({"region": Box((0, 0, 0), (7, 1, 1))}, GeometryError, "region must hold voxels"),
        ({"predict": lambda image, **told: np.zeros((1, 1, 1), int)}, GeometryError, "region's shape"),
        ({"predict": lambda image, **told: np.zeros(SHAPE)}, ConfigError, "labels of 0 or more"),
        ({"predict": lambda image, **told: np.full(SHAPE, -1)}, ConfigError, "labels of 0 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        prompted_network(picture(), np.zeros(SHAPE, int), **{"predict": Network(), **options})
