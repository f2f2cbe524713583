"""Prediction by tiles gives what the whole image at once would give, in bounded memory, and can be stopped."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from tests.net.inference.functions import (
    FunctionEngine,
    PartsEngine,
    collect,
    dense_oracle,
    identity_engine,
    noise,
    position_dependent,
)

from septum.errors import Cancelled, ConfigError, SeptumError
from septum.net.inference.predict import Listener, TileSettings, is_out_of_memory, predict_classes


@given(st.data())
def test_stitched_tiles_of_the_identity_are_the_image(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 26), min_size=2, max_size=2)))
    settings = TileSettings(
        patch=tuple(data.draw(st.sampled_from([8, 12, 24])) for _ in shape),
        overlap=data.draw(st.sampled_from([0.0, 0.25, 0.5, 0.7])),
        batch=data.draw(st.integers(1, 3)),
    )
    image = noise(3, *shape)
    total, visits, sink = collect(shape, 3)
    classes = predict_classes(identity_engine(2, 3), image, settings=settings, probabilities=sink)
    np.testing.assert_array_equal(classes, image.argmax(0))
    assert classes.dtype == np.uint8
    np.testing.assert_allclose(total, softmax(image, axis=0), atol=1e-5)
    assert (visits == 1).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 30, 17), (13, 1, 22), (20, 21, 9)])
def test_volumes_and_single_voxel_axes_work(shape: tuple[int, ...]) -> None:
    image = noise(2, *shape)
    classes = predict_classes(identity_engine(3, 2), image, settings=TileSettings((8, 12, 8)))
    np.testing.assert_array_equal(classes, image.argmax(0))


def valid_box_sum(batch: np.ndarray) -> np.ndarray:
    """Unpadded 5×5 correlations (N, 1, h, w) to (N, 2, h - 4, w - 4) with a fixed pattern."""
    pattern = torch.from_numpy(noise(2, 1, 5, 5, seed=1))
    return torch.nn.functional.conv2d(torch.from_numpy(batch), pattern).numpy()


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([9, 12, 22]))
def test_an_unpadded_network_stitched_equals_the_whole_with_mirrored_borders(h: int, w: int, patch: int) -> None:
    engine = FunctionEngine(valid_box_sum, 2, (2, 2), (1, 1), activation="sigmoid")
    image = noise(1, h, w)
    whole = valid_box_sum(np.pad(image[None], [(0, 0), (0, 0), (2, 2), (2, 2)], mode="reflect"))[0]
    total, _, sink = collect((h, w), 2)
    classes = predict_classes(engine, image, settings=TileSettings((patch, patch)), probabilities=sink)
    np.testing.assert_allclose(total, expit(whole), atol=1e-5)
    clear = np.abs(whole[0] - whole[1]) > 1e-4
    np.testing.assert_array_equal(classes[clear], whole.argmax(0)[clear])


@pytest.mark.parametrize("with_coordinates", [False, True])
@pytest.mark.parametrize("kind", [FunctionEngine, PartsEngine])
def test_a_tiny_memory_budget_gives_the_same_result(kind: type[FunctionEngine], with_coordinates: bool) -> None:
    shape = (21, 60, 50)
    image = noise(1, *shape)
    coordinates = tuple(np.linspace(0, n - 1, n // 2) for n in shape) if with_coordinates else None
    output = tuple(n // 2 for n in shape) if with_coordinates else shape
    results = []
    for memory_mb in (1, 4000):
        engine = kind(position_dependent, 40, (0, 0, 0), (4, 4, 4))
        total, visits, sink = collect(output, 40)
        settings = TileSettings((8, 16, 16), memory_mb=memory_mb, overlap=0.5)
        classes = predict_classes(engine, image, settings=settings, coordinates=coordinates, probabilities=sink)
        assert (visits == 1).all()
        assert engine.largest == 8 * 16 * 16
        results.append((classes, total))
    (small, small_total), (large, large_total) = results
    np.testing.assert_array_equal(small, large)
    np.testing.assert_allclose(small_total, large_total, atol=1e-6)
    np.testing.assert_allclose(large_total.sum(0), 1, atol=1e-5)


def test_an_engine_that_returns_whole_tiles_gets_smaller_ones_when_their_logits_break_the_budget() -> None:
    image = noise(1, 150, 150)
    largest = []
    for kind in (FunctionEngine, PartsEngine):
        engine = kind(position_dependent, 40, (0, 0), (4, 4))
        predict_classes(engine, image, settings=TileSettings((128, 128), memory_mb=1))
        largest.append(engine.largest)
    assert largest == [32 * 64, 128 * 128]


def test_the_accumulator_stays_within_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    original = torch.zeros

    def zeros(*args: object, **kwargs: object) -> torch.Tensor:
        tensor = original(*args, **kwargs)
        sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    monkeypatch.setattr(torch, "zeros", zeros)
    engine = PartsEngine(position_dependent, 40, (0, 0), (4, 4))
    predict_classes(engine, noise(1, 300, 400), settings=TileSettings((32, 32), memory_mb=1))
    assert 0.5 * 2**20 < max(sizes) <= 2**20


def test_a_memory_mapped_image_gives_the_same(tmp_path: Path) -> None:
    image = noise(2, 40, 33)
    np.save(tmp_path / "image.npy", image)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    settings = TileSettings((16, 16))
    np.testing.assert_array_equal(predict_classes(identity_engine(2, 2), mapped, settings=settings), image.argmax(0))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_tiles_halve_and_are_tried_again_when_memory_runs_out(error: Exception) -> None:
    def greedy(batch: np.ndarray) -> np.ndarray:
        if np.prod(batch.shape[2:]) > 200:
            raise error
        return batch

    image = noise(3, 60, 50)
    _, visits, sink = collect((60, 50), 3)
    engine = FunctionEngine(greedy)
    classes = predict_classes(engine, image, settings=TileSettings((32, 32)), probabilities=sink)
    np.testing.assert_array_equal(classes, image.argmax(0))
    assert (visits == 1).all()
    assert is_out_of_memory(error)


def test_memory_that_runs_out_halfway_loses_and_repeats_nothing() -> None:
    calls = itertools.count()

    def sometimes(batch: np.ndarray) -> np.ndarray:
        if next(calls) in (5, 11, 30):
            raise MemoryError
        return batch

    image = noise(3, 90, 50)
    coordinates = tuple(np.linspace(0, n - 1, 70) for n in image.shape[1:])
    progress: list[float] = []
    total, visits, sink = collect((70, 70), 3)
    predict_classes(
        FunctionEngine(sometimes),
        image,
        settings=TileSettings((32, 32)),
        coordinates=coordinates,
        probabilities=sink,
        listener=Listener(progress.append),
    )
    np.testing.assert_allclose(total, softmax(dense_oracle(image, coordinates), axis=0), atol=1e-4)
    assert (visits == 1).all()
    assert progress == sorted(progress)
    assert progress[-1] == 1


def test_when_the_smallest_tile_does_not_fit_the_error_says_so() -> None:
    def hopeless(batch: np.ndarray) -> np.ndarray:
        raise MemoryError

    with pytest.raises(SeptumError, match=r"smallest \(8×8 voxels\)"):
        predict_classes(FunctionEngine(hopeless), noise(1, 60, 50), settings=TileSettings((32, 32)))


def test_other_errors_of_an_engine_are_not_swallowed() -> None:
    def broken(batch: np.ndarray) -> np.ndarray:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        predict_classes(FunctionEngine(broken), noise(1, 60, 50), settings=TileSettings((32, 32)))


def test_progress_rises_to_one() -> None:
    seen: list[float] = []
    engine = PartsEngine(position_dependent, 40, (0, 0), (4, 4))
    settings = TileSettings((32, 32), memory_mb=1)
    predict_classes(engine, noise(1, 200, 300), settings=settings, listener=Listener(seen.append))
    assert seen == sorted(seen)
    assert seen[0] < 0.1
    assert seen[-1] == 1


def test_a_wish_to_stop_is_heard_between_tiles() -> None:
    wishes = iter([False, False, True])
    calls = []
    engine = FunctionEngine(lambda batch: calls.append(1) or batch)
    with pytest.raises(Cancelled, match="stopped at"):
        predict_classes(
            engine,
            noise(3, 60, 50),
            settings=TileSettings((16, 16)),
            listener=Listener(should_stop=lambda: next(wishes)),
        )
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"patch": ()}, "patch must be positive"),
        ({"patch": (0, 8)}, "patch must be positive"),
        ({"patch": (8, 8), "overlap": 1.0}, "overlap must be"),
        ({"patch": (8, 8), "memory_mb": 0}, "memory_mb must be"),
        ({"patch": (8, 8), "batch": 0}, "batch must be"),
    ],
)
def test_impossible_settings_are_refused(arguments: dict, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        TileSettings(**arguments)


@pytest.mark.parametrize(
    ("shape", "patch", "coordinates", "match"),
    [
        ((20, 20), (8, 8), None, "array must be"),
        ((1, 0, 20), (8, 8), None, "not empty"),
        ((1, 4, 20, 20), (8, 8, 8), None, "patch must have 2 axes"),
        ((1, 20, 20), (8, 9), None, "multiples of 4"),
        ((1, 20, 20), (8, 8), (np.arange(3.0),), "one per axis"),
        ((1, 20, 20), (8, 8), (np.arange(3.0), np.arange(21.0)), "axis 1 must ascend within 0 to 19"),
        ((1, 20, 20), (8, 8), (np.array([2.0, 1.0]), np.arange(20.0)), "axis 0 must ascend"),
        ((1, 20, 20), (8, 8), (np.array([]), np.arange(20.0)), "axis 0 must ascend"),
    ],
)
def test_what_does_not_fit_together_is_refused(shape: tuple, patch: tuple, coordinates: tuple, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        predict_classes(
            FunctionEngine(lambda b: b), noise(*shape), settings=TileSettings(patch), coordinates=coordinates
        )


def test_a_patch_that_an_unpadded_network_eats_up_is_refused() -> None:
    engine = FunctionEngine(valid_box_sum, 2, (2, 2), (1, 1))
    with pytest.raises(ConfigError, match="larger than 4"):
        predict_classes(engine, noise(1, 20, 20), settings=TileSettings((4, 8)))


def test_an_engine_that_returns_another_shape_is_refused() -> None:
    with pytest.raises(ConfigError, match="engine must return logits of shape"):
        predict_classes(FunctionEngine(lambda b: b[:, :1]), noise(3, 20, 20), settings=TileSettings((8, 8)))
