"""A small U-Net that trains in seconds, for lessons that need a trained one.

It is the lecture's network, trained by the loop that `septum train` runs; only width, patch and budget are small.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import ArrayLike, NDArray

from septum.net.architecture.unet import UNet, lecture
from septum.net.augment import augment
from septum.net.augment.augment import AugmentConfig
from septum.net.augment.intensity import IntensityConfig
from septum.net.augment.spatial import SpatialConfig
from septum.net.learning.objective import get_objective
from septum.net.learning.sampling import Sample
from septum.net.learning.train import Callbacks, SavedState, TrainConfig, train

PATCH = (64, 64)
UNCHANGED = AugmentConfig(SpatialConfig((False, False)), IntensityConfig())
"""No augmentation: patches are cut and nothing else."""


def standardise(image: ArrayLike) -> NDArray[np.float32]:
    """The image (Y, X) with mean 0 and deviation 1."""
    array = np.asarray(image, dtype=np.float32)
    return np.asarray((array - array.mean()) / max(float(array.std()), 1e-6), dtype=np.float32)


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: layers this small wait for each other longer than they compute.

    On two cores that others use too, a step of `train_small` took 0.07 s on one thread and 0.28 s on two.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_small(
    images: Sequence[ArrayLike],
    labels: Sequence[ArrayLike],
    *,
    classes: int = 2,
    features: tuple[int, ...] = (8, 16, 32),
    steps: int = 150,
    augmented: bool = True,
    seed: int = 0,
) -> UNet:
    """Train the lecture's U-Net on images (Y, X) and label maps 0 … classes - 1; returns it in evaluation mode."""
    torch.manual_seed(seed)
    network = UNet(lecture(2, 1, out_channels=classes, features=features))
    pairs = zip(images, labels, strict=True)
    samples = [
        Sample(str(number), standardise(image)[None], np.asarray(target, dtype=np.uint8), (1.0, 1.0))
        for number, (image, target) in enumerate(pairs)
    ]
    ranges = augment.microscopy_2d(PATCH) if augmented else UNCHANGED
    config = TrainConfig(PATCH, ranges, batch=4, steps=steps, seconds=None, learning_rate=2e-3, ema=0.9, seed=seed)
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        outcome = train(
            network,
            samples,
            config=config,
            fabric=Fabric(accelerator="cpu", devices=1, precision="32-true"),
            objective=get_objective("dice + sigmoid per class"),
            callbacks=Callbacks(),
            saved=SavedState(Path(folder) / "state.pt"),
        )
    network.load_state_dict(outcome.weights)
    return network.eval()


def segment_small(network: UNet, image: ArrayLike) -> NDArray[np.int64]:
    """Class of every pixel of an image (Y, X): the arg-max, outside the network; mirrored to an admissible size."""
    array = standardise(image)
    pads = [(0, -n % unit) for n, unit in zip(array.shape, network.divisor, strict=True)]
    with one_thread(), torch.inference_mode():
        logits = network(torch.from_numpy(np.pad(array, pads, mode="reflect"))[None, None])[0]
    return np.asarray(logits.argmax(0))[: array.shape[0], : array.shape[1]]
