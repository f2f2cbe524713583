"""From blended logits to classes: resampled class by class, ties to the lowest."""

import numpy as np
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from tests.net.inference.functions import (
    FunctionEngine,
    PartsEngine,
    collect,
    dense_oracle,
    identity_engine,
    noise,
    position_dependent,
)

from septum.net.inference.decide import OutputGrid
from septum.net.inference.predict import TileSettings, predict_classes


def smooth(*shape: int) -> np.ndarray:
    return scipy.ndimage.gaussian_filter(noise(*shape), (0, *(1.5,) * (len(shape) - 1)))


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
