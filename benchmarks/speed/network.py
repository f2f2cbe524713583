"""Prediction and training of the network, against plain PyTorch in float32: `python -m benchmarks.speed.network`.

The insight: on a shared machine seconds drift, so both ways alternate within one run, repetition by repetition, and the
ratio of the medians is what counts. "Plain" is what a first PyTorch script does: the same network with the same weights
in float32, default memory layout, `nn.InstanceNorm2d`. Septum's prediction is the engine that `septum predict` uses.

Bars: prediction of 512 × 512 with the paper's 31 million parameters (same padding) at least 2.5 times as fast, training
at least 2 times as fast.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.record import record
from septum.net.architecture.norm import EPSILON, InstanceNorm
from septum.net.architecture.unet import UNet, UNetConfig, paper_unet
from septum.net.engines.torch import torch_engine
from septum.net.learning.losses import dice_cross_entropy, supervise

SEED = 0
BARS = {"prediction": 2.5, "training": 2.0}
PAPER_WIDTH = replace(paper_unet(2, 1, out_channels=2), padding="same", dropout=0.0)


def auto_kind(ndim: int, width: int) -> UNetConfig:
    """A network as `--network auto` builds it: instance normalisation, leaky ReLU, five levels (four in 3-D)."""
    levels = 5 if ndim == 2 else 4
    return UNetConfig(
        ndim=ndim,
        in_channels=1,
        out_channels=2,
        features=tuple(width * 2**level for level in range(levels)),
        strides=((2,) * ndim,) * (levels - 1),
        kernels=((3,) * ndim,) * levels,
        norm="instance",
        activation="leaky_relu",
    )


TRAINING = {
    "2-D, 31 million parameters, 1 x 256 x 256": (PAPER_WIDTH, (1, 256, 256)),
    "2-D auto, width 32, 4 x 256 x 256": (auto_kind(2, 32), (4, 256, 256)),
    "3-D auto, width 16, 2 x 48 x 48 x 48": (auto_kind(3, 16), (2, 48, 48, 48)),
}


def plain(network: UNet) -> UNet:
    """A copy with PyTorch's own instance normalisation and the default memory layout."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, InstanceNorm):
                kind = nn.InstanceNorm2d if network.config.ndim == 2 else nn.InstanceNorm3d
                norm = kind(child.weight.numel(), eps=EPSILON, affine=True)
                norm.load_state_dict(child.state_dict())
                setattr(module, name, norm)
    return network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload, no-any-return]


def predicting() -> dict[str, Callable[[], Any]]:
    """Both ways to predict one 512 × 512 image; each call returns the logits."""
    network = UNet(PAPER_WIDTH).eval()
    image = np.random.default_rng(SEED).standard_normal((1, 1, 512, 512), dtype=np.float32)
    engine, reference = torch_engine([network], precision="bf16-mixed"), plain(network)

    @torch.no_grad()
    def plainly() -> torch.Tensor:
        logits: torch.Tensor = reference(torch.from_numpy(image))
        return logits

    return {"septum": lambda: engine(image), "plain": plainly}


def training(config: UNetConfig, shape: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """Both ways to make one training step; each call returns the loss."""
    torch.manual_seed(SEED)
    network = UNet(config)
    images = torch.randn(shape[0], config.in_channels, *shape[1:])
    labels = torch.randint(0, config.out_channels, shape)
    layout = torch.channels_last if config.ndim == 2 else torch.channels_last_3d

    def stepper(model: nn.Module, images: torch.Tensor, *, autocast: bool) -> Callable[[], float]:
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)

        def step() -> float:
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                output = model(images)
            loss = supervise(dice_cross_entropy, output, target=labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            return float(loss.item())

        return step

    ours = copy.deepcopy(network).train()
    return {
        "septum": stepper(ours, images.to(memory_format=layout), autocast=True),
        "plain": stepper(plain(network).train(), images, autocast=False),
    }


def compare(ways: dict[str, Callable[[], Any]], repetitions: int) -> dict[str, Any]:
    """Alternate the ways after one call each to warm up; median seconds, processor seconds and ratios."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    busy: dict[str, list[float]] = {name: [] for name in ways}
    for repetition in range(repetitions + 1):
        for name, call in ways.items():
            begin, begin_busy = time.perf_counter(), time.process_time()
            call()
            if repetition:
                wall[name].append(time.perf_counter() - begin)
                busy[name].append(time.process_time() - begin_busy)
    middle = {name: statistics.median(values) for name, values in wall.items()}
    middle_busy = {name: statistics.median(values) for name, values in busy.items()}
    return {
        "seconds": middle,
        "processor_seconds": middle_busy,
        "all_seconds": wall,
        "ratio": middle["plain"] / middle["septum"],
        "processor_ratio": middle_busy["plain"] / middle_busy["septum"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    ways = predicting()
    agreement = float(np.mean((ways["septum"]().argmax(1) == ways["plain"]().argmax(1)).numpy()))
    results: dict[str, Any] = {
        "threads": options.threads,
        "bars": BARS,
        "parameters": sum(p.numel() for p in UNet(PAPER_WIDTH).parameters()),
        "prediction": {"2-D, 31 million parameters, 512 x 512": compare(ways, options.repetitions)},
        "same_class_share": agreement,
        "training": {},
    }
    for name, (config, shape) in TRAINING.items():
        found = compare(training(config, shape), options.repetitions)
        found["images_per_second"] = {way: shape[0] / seconds for way, seconds in found["seconds"].items()}
        results["training"][name] = found
    path = record("network", results, seed=SEED)
    for what, bar in BARS.items():
        for name, found in results[what].items():
            print(_line(what, name, found, bar))
    print(f"same class in {agreement:.2%} of the pixels; written to {path}")


def _line(what: str, name: str, found: dict[str, Any], bar: float) -> str:
    ours, reference = found["seconds"]["septum"], found["seconds"]["plain"]
    return (
        f"{what}: {name}: {ours:.2f} s against {reference:.2f} s, {found['ratio']:.2f} times as fast "
        f"(processor time: {found['processor_ratio']:.2f}); bar {bar}"
    )


if __name__ == "__main__":
    main()
