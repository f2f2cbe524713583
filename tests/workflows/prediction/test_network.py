"""One loop over slices for training, prediction and the live tool; a plan is read without its weights."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from septum.errors import Cancelled, CheckpointError
from septum.geometry import Grid
from septum.geometry.placement import Placement
from septum.net.inference.predict import Listener
from septum.net.prompts import BoxPrompt, Mark, PromptConfig, Prompts
from septum.workflows.model.folder import ModelFolder
from septum.workflows.prediction.network import predict_prepared
from septum.workflows.prediction.prompts import part_of, plane_of, with_prompts

GOLDEN = Path(__file__).parents[2] / "golden" / "before_rooms" / "model"
PLAN = replace(ModelFolder(GOLDEN).read_plan(), slices=True)


@dataclass(frozen=True)
class Brighter:
    """Class 1 where the first channel is above zero."""

    n_classes: int = 2
    margin: tuple[int, ...] = (0, 0)
    divisor: tuple[int, ...] = (1, 1)
    activation: str = "softmax"

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        return np.stack([-batch[:, 0], batch[:, 0]], axis=1)


def volume(depth: int = 4) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(1, depth, 6, 7)).astype(np.float32)


def test_every_slice_of_a_volume_is_seen_by_itself_and_in_order() -> None:
    array, told = volume(), []
    found = predict_prepared(Brighter(), array, plan=PLAN, listener=Listener(told.append))
    assert np.array_equal(found, array[0] > 0)
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_the_output_takes_the_nearest_slices() -> None:
    array = volume()
    places = (np.array([0.0, 0.4, 2.6, 3.0]), np.arange(6.0), np.arange(7.0))
    found = predict_prepared(Brighter(), array, plan=PLAN, coordinates=places)
    assert np.array_equal(found, array[0][[0, 0, 3, 3]] > 0)


def test_probabilities_arrive_at_their_own_slice() -> None:
    array = volume()
    heard = np.full((2, *array.shape[1:]), np.nan)

    def sink(place: tuple[slice, ...], block: np.ndarray) -> None:
        heard[(slice(None), *place)] = block

    predict_prepared(Brighter(), array, plan=PLAN, probabilities=sink)
    assert np.allclose(heard[1], 1 / (1 + np.exp(-2 * array[0])), atol=1e-5)


def test_a_wish_to_stop_is_heard_between_slices() -> None:
    wishes = iter([False, False, True])
    with pytest.raises(Cancelled):
        predict_prepared(Brighter(), volume(9), plan=PLAN, listener=Listener(should_stop=lambda: next(wishes)))


def test_planes_and_parts_are_cut_alike_with_and_without_prompts() -> None:
    prompts = Prompts((Mark(np.array([[2, 3, 3]]), 1),), (BoxPrompt((1, 1, 1), (3, 4, 5), 1),))
    told = with_prompts(volume(), replace(PLAN, prompts=PromptConfig()), prompts=prompts, spacing=(1.0, 1.0, 1.0))
    place = (slice(1, 3), slice(0, 4), slice(2, 7))
    for array in (volume(), told):
        whole = np.asarray(array[(slice(None), slice(None), slice(None), slice(None))])
        assert np.array_equal(plane_of(array, 2)[(slice(None), slice(None), slice(None))], whole[:, 2])
        part = part_of(array, place)
        assert np.array_equal(part[(slice(None),) * part.ndim], whole[(slice(None), *place)])


def test_a_plan_is_read_without_weights(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "plan.json", tmp_path)
    assert ModelFolder(tmp_path).read_plan() == replace(PLAN, slices=False)
    with pytest.raises(CheckpointError, match="no trained weights"):
        ModelFolder(tmp_path).load()
    with pytest.raises(CheckpointError, match="must be a model folder"):
        ModelFolder(tmp_path / "elsewhere").read_plan()


def test_a_plan_lays_images_out_at_its_spacing() -> None:
    grid = Grid.from_spacing((8, 12), (0.5, 0.5))
    plan = replace(PLAN, spacing=(1.0, 1.0), reorient=False)
    assert plan.placement(grid) == Placement.plan(grid, (1.0, 1.0), reorient=False)
    assert plan.placement(grid).shape == (4, 6)
