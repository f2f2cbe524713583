"""Engines that are plain functions, and what interpolating every class would give."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import torch

from septum.net.inference.decide import Sink


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


def collect(shape: tuple[int, ...], n_classes: int) -> tuple[np.ndarray, np.ndarray, Sink]:
    """Where probabilities add up, how often each voxel was handed over, and the sink that does both."""
    total = np.zeros((n_classes, *shape), dtype=np.float32)
    visits = np.zeros(shape, dtype=int)

    def sink(place: tuple[slice, ...], values: np.ndarray) -> None:
        total[(slice(None), *place)] += values
        visits[place] += 1

    return total, visits, sink


def position_dependent(batch: np.ndarray) -> np.ndarray:
    """Logits that depend on where in its tile a voxel lies, so that blending matters."""
    ramp = np.indices(batch.shape[2:]).sum(0) / 20
    return (batch[:, :1] + np.arange(40).reshape(1, -1, *(1,) * ramp.ndim) * np.sin(ramp)).astype(np.float32)


def dense_oracle(logits: np.ndarray, coordinates: tuple[np.ndarray, ...]) -> np.ndarray:
    points = np.stack(np.meshgrid(*coordinates, indexing="ij"))
    return np.stack([scipy.ndimage.map_coordinates(one, points, order=1, mode="nearest") for one in logits])
