"""What this machine can do: which precision its processor has units for, and seconds per step.

Whether bfloat16 pays on a processor depends on its matrix units. A timing was once asked, and on a busy machine it
chose float32 on a processor with such units; now the instructions decide, and a small product checks that they are
right.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from septum.errors import ConfigError
from septum.net.architecture.network import NetworkConfig, build
from septum.net.learning.losses import dice_cross_entropy, supervise

BFLOAT16_ERROR = 0.01
"""A product of bfloat16 keeps 8 bits: half a per cent."""


@dataclass(frozen=True)
class Machine:
    """Where the network will run: "cpu", "cuda" or "mps", and in which precision."""

    device: str
    precision: str


def choose_device(wanted: str = "auto") -> str:
    """The kind of device that "auto" stands for; a number of devices means the best accelerator, or the CPU.

    Raises:
        ConfigError: a kind that this machine, or this PyTorch, does not have; no device at all.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "0" or not there.get(wanted, True):
        raise ConfigError(f"devices must be there, got {wanted!r}, and PyTorch finds none here; use auto or cpu")
    return wanted if wanted in there else next(kind for kind, found in there.items() if found)


def usual_machine(devices: str = "auto", precision: str = "auto") -> Machine:
    """The device with the precision that its kind usually gets, without timing it: no clock has a say in the result."""
    device = choose_device(devices)
    if precision != "auto":
        return Machine(device, precision)
    if device == "cuda":
        return Machine(device, "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed")
    return Machine(device, "32-true")


def measure_machine(devices: str = "auto", precision: str = "auto") -> Machine:
    """The fastest precision that the device has units for, whatever else runs on it."""
    device = choose_device(devices)
    if precision != "auto":
        return Machine(device, precision)
    if device == "mps":
        return Machine(device, "32-true")
    if device == "cuda" and not torch.cuda.is_bf16_supported():
        return Machine(device, "16-mixed")
    return Machine(device, "bf16-mixed" if device == "cuda" or multiplies_bfloat16() else "32-true")


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16 that this PyTorch knows of, and they multiply correctly."""
    asked = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    if not any(ask is not None and ask() for ask in asked):
        return False
    a, b = (torch.linspace(-1, 1, 64 * 64).reshape(64, 64).roll(k, 0).bfloat16() for k in (0, 5))
    exact = a.float() @ b.float()
    return bool(((a @ b).float() - exact).abs().max() <= BFLOAT16_ERROR * exact.abs().max())


def seconds_per_step(config: NetworkConfig, patch: tuple[int, ...], *, batch: int, machine: Machine) -> float:
    """Time of one training step (forward, loss, backward), the fastest of three after one to warm up."""
    device = torch.device(machine.device)
    layout = torch.channels_last if config.ndim == 2 else torch.channels_last_3d
    model = build(config).to(device).to(memory_format=layout)  # type: ignore[call-overload]
    images = torch.randn(batch, config.in_channels, *patch, device=device).contiguous(memory_format=layout)
    inner = tuple(n - 2 * m for n, m in zip(patch, model.margin, strict=True))
    labels = torch.randint(0, config.out_channels, (batch, *inner), device=device)
    dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(machine.precision)
    fastest = float("inf")
    for _ in range(4):
        started = time.perf_counter()
        model.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            output = model(images)
        supervise(dice_cross_entropy, output, target=labels).backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize()
        fastest = min(fastest, time.perf_counter() - started)
    return fastest
