"""What a network learns: the truth costs least, maps are those of the labels, and ignored samples change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from septum.errors import ConfigError
from septum.geometry.class_maps import ignore_class
from septum.instances.targets import object_targets, target_names
from septum.net.learning.border_weights import border_weights
from septum.net.learning.objective import OBJECTIVES, get_objective

OF_CLASSES = [name for name, one in OBJECTIVES.items() if one.targets is None]
OF_OBJECTS = [name for name, one in OBJECTIVES.items() if one.targets is not None]


def labels() -> torch.Tensor:
    found = torch.zeros(1, 12, 12, dtype=torch.long)
    found[:, 2:6, 2:6], found[:, 7:11, 7:11] = 1, 2
    return found


def logits(target: torch.Tensor, sure: float) -> torch.Tensor:
    return sure * (2 * torch.nn.functional.one_hot(target.clamp(max=2), 3).movedim(-1, 1).float() - 1)


def maps_of(name: str, target: torch.Tensor) -> torch.Tensor | None:
    make = get_objective(name).maps
    return None if make is None else torch.from_numpy(make(target[0].numpy(), (1.0, 1.0)))[None]


@pytest.mark.parametrize("name", OF_CLASSES)
def test_the_truth_costs_least_and_being_sure_of_it_less(name: str) -> None:
    target = labels()
    loss, maps = get_objective(name).loss, maps_of(name, target)
    wrong = logits(target.roll(5, -1), 8.0)
    costs = [float(loss(output, target, maps)) for output in (logits(target, 8.0), logits(target, 1.0), wrong)]
    assert costs == sorted(costs)
    assert costs[0] < 0.1 < costs[2]


@pytest.mark.parametrize("name", OF_CLASSES)
def test_what_nobody_annotated_changes_nothing(name: str) -> None:
    target = labels()
    target[:, :, 6:] = ignore_class(3)
    loss, maps = get_objective(name).loss, maps_of(name, labels())
    one, other = logits(labels(), 2.0), logits(labels(), 2.0)
    other[..., 6:] = other[..., 6:].flip(1)
    assert float(loss(one, target, maps)) == pytest.approx(float(loss(other, target, maps)))


def test_the_papers_border_map_is_made_of_the_objects_and_no_other_row_has_one() -> None:
    ids = labels()[0].numpy()
    weighted = get_objective("border-weighted cross entropy").maps
    assert weighted is not None
    found = weighted(ids, (1.0, 1.0))
    assert found.shape == (1, 12, 12)
    np.testing.assert_array_equal(found[0], border_weights(ids))
    assert [name for name in OF_CLASSES if get_objective(name).maps is not None] == ["border-weighted cross entropy"]


@pytest.mark.parametrize("name", OF_OBJECTS)
@pytest.mark.parametrize("ndim", [2, 3])
def test_objects_have_outputs_of_their_own_made_of_the_warped_ids(name: str, ndim: int) -> None:
    objective = get_objective(name)
    assert objective.extra_outputs(ndim) == len(target_names(ndim))
    ids = np.zeros((6, 8, 8)[-ndim:], np.int32)
    ids[..., 2:6, 2:6] = 1
    ids[..., 0] = -1  # nobody annotated
    spacing, radii = (1.0,) * ndim, np.array([0.0, 2.0], np.float32)
    assert objective.targets is not None
    found: Any = objective.targets(ids, spacing, radii)
    expected = object_targets(ids, spacing=spacing, radii=radii)
    np.testing.assert_array_equal(found[: len(expected)], expected)
    assert len(found) == len(expected) + (name == "objects, border-weighted")
    assert np.isfinite(found[-1]).all()


@pytest.mark.parametrize("name", OF_CLASSES)
def test_rows_of_classes_need_no_further_outputs(name: str) -> None:
    assert get_objective(name).extra_outputs(2) == 0


def test_an_unknown_name_is_refused_with_all_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"must be one of dice.*got 'dice'"):
        get_objective("dice")
