"""Augmentation as a share of a training step, on this machine: `python -m benchmarks.speed.augment`.

The insight: on a shared machine seconds mean little, but augmentation and training step alternate here, patch by patch,
so that whatever else is running slows both alike and their ratio stands. Processor time (of all threads) is a second
opinion that waiting for a core does not touch. The aim is below 10 %.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.record import record
from septum.net.architecture.unet import UNet, UNetConfig
from septum.net.augment import augment
from septum.net.learning.losses import dice_cross_entropy, supervise

STEPS = 25
CASES: dict[str, dict[str, Any]] = {
    "2-D microscopy, 4 x 256 x 256, 1 channel": {"patch": (256, 256), "batch": 4, "channels": 1},
    "2-D microscopy, 4 x 256 x 256, 3 channels": {"patch": (256, 256), "batch": 4, "channels": 3},
    "3-D medical, 2 x 48 x 56 x 48": {"patch": (48, 56, 48), "batch": 2, "channels": 1},
    "3-D medical, 2 x 64 x 64 x 64": {"patch": (64, 64, 64), "batch": 2, "channels": 1},
}


def measure(patch: tuple[int, ...], batch: int, channels: int, width: int) -> dict[str, float]:
    """Median milliseconds of augmenting a batch and of a training step, and the ratios of their summed times."""
    ndim, spacing = len(patch), (1.0,) * len(patch)
    config = augment.microscopy_2d(patch) if ndim == 2 else augment.medical_3d(patch, spacing)
    rng = np.random.default_rng(0)
    shape = tuple(2 * n for n in patch)
    image = torch.from_numpy(rng.normal(size=(channels, *shape)).astype(np.float32))
    labels = (torch.from_numpy(np.indices(shape).sum(0)) // 24 % 3).to(torch.uint8)
    layout = torch.channels_last if ndim == 2 else torch.channels_last_3d
    model = UNet(_network(ndim, channels, width)).to(memory_format=layout)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(model.parameters())
    times: list[tuple[float, ...]] = []
    for step in range(STEPS + 3):
        begin = _clocks()
        patches = []
        for index in range(batch):
            generator = np.random.default_rng((step, index))
            centre = [int(generator.integers(n)) for n in shape]
            drawn = augment.sample(config, patch=patch, spacing=spacing, generator=generator, channels=channels)
            patches.append(augment.apply(drawn, image, labels=labels, centre=centre))
        images = torch.stack([p.image for p in patches])
        target = torch.stack([p.labels for p in patches if p.labels is not None])
        middle = _clocks()
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = model(images.contiguous(memory_format=layout))
        supervise(dice_cross_entropy, output, target=target).backward()
        optimiser.step()
        times.append((*(middle - begin), *(_clocks() - middle)))
    augmenting, augmenting_cpu, training, training_cpu = zip(*times[3:], strict=True)
    return {
        "augment_ms": 1e3 * statistics.median(augmenting),
        "step_ms": 1e3 * statistics.median(training),
        "ratio": sum(augmenting) / sum(training),
        "processor_ratio": sum(augmenting_cpu) / sum(training_cpu),
    }


def _clocks() -> NDArray[np.float64]:
    """Seconds on the wall and of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def _network(ndim: int, channels: int, width: int) -> UNetConfig:
    levels = 5 if ndim == 2 else 4
    return UNetConfig(
        ndim=ndim,
        in_channels=channels,
        out_channels=3,
        features=tuple(width * 2**level for level in range(levels)),
        strides=((2,) * ndim,) * (levels - 1),
        kernels=((3,) * ndim,) * levels,
        norm="instance",
        activation="leaky_relu",
    )


def main() -> None:
    torch.set_num_threads(2)
    results = {}
    for name, case in CASES.items():
        for width in (16, 32):
            found = measure(**case, width=width)
            results[f"{name}, {width} features"] = found
            print(f"{name}, {width} features: " + ", ".join(f"{k} {v:.3g}" for k, v in found.items()), flush=True)
    record("speed-augment", results)


if __name__ == "__main__":
    main()
