"""Prediction by tiles gives what the whole image at once would give, in bounded memory, and can be stopped."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax

from septum.errors import Cancelled, ConfigError, SeptumError
from septum.net.inference.decide import OutputGrid, Sink
from septum.net.inference.predict import Listener, TileSettings, is_out_of_memory, predict_classes


@dataclass
class FunctionEngine:
    """An engine made of a function from tiles (N, C, *in) to logits (N, K, *out)."""

    function: Callable[[np.ndarray], np.ndarray]
    n_classes: int = 3
    margin: tuple[int, ...] = (0, 0)
    divisor: tuple[int, ...] = (4, 4)
    activation: str = "softmax"
    largest: int = 0

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.largest = max(self.largest, int(np.prod(batch.shape[2:])))
        return self.function(batch)


class PartsEngine(FunctionEngine):
    """The same, handed out in parts: three classes at a time, each as two summands."""

    device = torch.device("cpu")

    def parts(self, batch: np.ndarray) -> Iterator[tuple[slice, torch.Tensor]]:
        logits = torch.from_numpy(self(batch))
        for start, share in itertools.product(range(0, self.n_classes, 3), (0.25, 0.75)):
            classes = slice(start, min(start + 3, self.n_classes))
            yield classes, share * logits[:, classes]


def identity_engine(ndim: int, channels: int, **settings: object) -> FunctionEngine:
    return FunctionEngine(lambda batch: batch, channels, (0,) * ndim, (4,) * ndim, **settings)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def smooth(*shape: int) -> np.ndarray:
    return scipy.ndimage.gaussian_filter(noise(*shape), (0, *(1.5,) * (len(shape) - 1)))


def collect(shape: tuple[int, ...], n_classes: int) -> tuple[np.ndarray, np.ndarray, Sink]:
    """Where probabilities add up, how often each voxel was handed over, and the sink that does both."""
    total = np.zeros((n_classes, *shape), dtype=np.float32)
    visits = np.zeros(shape, dtype=int)

    def sink(place: tuple[slice, ...], values: np.ndarray) -> None:
        total[(slice(None), *place)] += values
        visits[place] += 1

    return total, visits, sink


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


def position_dependent(batch: np.ndarray) -> np.ndarray:
    """Logits that depend on where in its tile a voxel lies, so that blending matters."""
    ramp = np.indices(batch.shape[2:]).sum(0) / 20
    return (batch[:, :1] + np.arange(40).reshape(1, -1, *(1,) * ramp.ndim) * np.sin(ramp)).astype(np.float32)


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


def dense_oracle(logits: np.ndarray, coordinates: tuple[np.ndarray, ...]) -> np.ndarray:
    points = np.stack(np.meshgrid(*coordinates, indexing="ij"))
    return np.stack([scipy.ndimage.map_coordinates(one, points, order=1, mode="nearest") for one in logits])


@given(st.data())
def test_arg_max_while_resampling_equals_resampling_every_class(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 24), min_size=2, max_size=3)))
    coordinates = tuple(
        np.sort(data.draw(st.lists(st.floats(0, n - 1), min_size=1, max_size=30).map(np.array))) for n in shape
    )
    output = tuple(len(axis) for axis in coordinates)
    image = noise(4, *shape)
    total, visits, sink = collect(output, 4)
    settings = TileSettings((8,) * len(shape), overlap=0.25)
    engine = identity_engine(len(shape), 4)
    classes = predict_classes(engine, image, settings=settings, coordinates=coordinates, probabilities=sink)
    expected = dense_oracle(image, coordinates)
    np.testing.assert_allclose(total, softmax(expected, axis=0), atol=1e-4)
    ordered = np.sort(expected, axis=0)
    clear = ordered[-1] - ordered[-2] > 1e-4
    np.testing.assert_array_equal(classes[clear], expected.argmax(0)[clear])
    assert (visits == 1).all()


def test_coordinates_at_the_voxels_change_nothing() -> None:
    image = smooth(3, 20, 30)
    plain = predict_classes(identity_engine(2, 3), image, settings=TileSettings((8, 8)))
    coordinates = (np.arange(20.0), np.arange(30.0))
    placed = predict_classes(identity_engine(2, 3), image, settings=TileSettings((8, 8)), coordinates=coordinates)
    np.testing.assert_array_equal(plain, placed)
    assert all(
        isinstance(p, slice) for p in OutputGrid((20, 30), coordinates).positions(((4, 9), (0, 30)), ((4, 9), (0, 30)))
    )


def test_columns_without_output_voxels_are_not_computed() -> None:
    calls = []
    engine = PartsEngine(lambda batch: calls.append(1) or position_dependent(batch), 40, (0, 0), (4, 4))
    coordinates = (np.arange(60.0), np.array([5.0, 6.5]))
    classes = predict_classes(
        engine, noise(1, 60, 900), settings=TileSettings((16, 16), memory_mb=1), coordinates=coordinates
    )
    few = len(calls)
    calls.clear()
    predict_classes(engine, noise(1, 60, 900), settings=TileSettings((16, 16), memory_mb=1))
    assert classes.shape == (60, 2)
    assert few < len(calls) / 1.5


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


def test_ties_go_to_the_lowest_class() -> None:
    engine = FunctionEngine(lambda batch: np.zeros((len(batch), 3, *batch.shape[2:]), dtype=np.float32))
    assert not predict_classes(engine, noise(1, 20, 20), settings=TileSettings((8, 8))).any()


def test_more_than_256_classes_need_uint16() -> None:
    values = np.zeros((1, 300, 1, 1), dtype=np.float32)
    values[0, 299] = 1
    engine = FunctionEngine(lambda batch: np.broadcast_to(values, (len(batch), 300, *batch.shape[2:])).copy(), 300)
    classes = predict_classes(engine, noise(1, 9, 9), settings=TileSettings((8, 8)))
    assert classes.dtype == np.uint16
    assert (classes == 299).all()


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
