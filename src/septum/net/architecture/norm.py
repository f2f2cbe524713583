"""Instance normalisation that is fast where Septum trains most: bfloat16, channels last, on a processor.

The insight: instance normalisation is batch normalisation of each image alone, and the batch normalisation kernels
know the channels-last layout. `nn.InstanceNorm2d/3d` leaves that layout; group normalisation keeps it, but not at speed
on the way back.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

EPSILON = 1e-5  # added to the variance, PyTorch's own default


FEW_VOXELS = (
    1024  # below, PyTorch's group normalisation of channels-last images takes a way that is slow on a processor
)


class InstanceNorm(nn.Module):
    """Normalise each channel of each image to mean 0 and variance 1, then scale and shift.

    Computed as a group normalisation with one group per channel: the same numbers as ``nn.InstanceNorm2d/3d``, which
    leaves the channels-last layout behind. On a CPU, small maps and all gradients go another way, see `_normalise` and
    `_InstanceNorm`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and x.requires_grad:
            return _InstanceNorm.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call,no-any-return]
        if x.device.type == "cpu" and not torch.onnx.is_in_onnx_export():
            return _normalise(x, self.weight, bias=self.bias)[0]
        return F.group_norm(x, x.shape[1], self.weight, self.bias, EPSILON)


def _normalise(x: Tensor, weight: Tensor, *, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The normalised images (N, C, *spatial), and the mean and inverse deviation (N, C) of each.

    Maps of few voxels as a batch normalisation of each image alone: 4 bfloat16 images of 512 × 16 × 16 take 0.3 ms of
    one core, as a group normalisation 26 ms; from 32 × 32 voxels on, group normalisation takes half as long.
    """
    images, channels, voxels = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    if voxels >= FEW_VOXELS:
        return torch.native_group_norm(x, weight, bias, images, channels, voxels, channels, EPSILON)
    y = torch.empty_like(x)
    mean, rstd = weight.new_empty(images, channels), weight.new_empty(images, channels)
    for i in range(images):
        one = (y[i : i + 1], mean[i], rstd[i])
        names = ("out", "save_mean", "save_invstd")
        torch.ops.aten.native_batch_norm.out(
            x[i : i + 1], weight, bias, None, None, True, 0.0, EPSILON, **dict(zip(names, one, strict=True))
        )
    return y, mean, rstd


class _InstanceNorm(torch.autograd.Function):
    """Group normalisation forward; backward as a batch normalisation of each image alone, which is the same function.

    PyTorch's group normalisation gradient takes a slow path for bfloat16 in channels-last layout: 526 ms for 8 images
    of 32 × 256 × 256 on two cores, against 66 ms for the batch normalisation gradient (and 101 ms for the gradient of
    a 32 → 32 convolution).
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y, mean, rstd = _normalise(x, weight, bias=bias)
        ctx.save_for_backward(x, weight, mean, rstd)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients to the input `(N, C, *spatial)`, the weight and the bias `(C,)`, sample by sample."""
        x, weight, mean, rstd = ctx.saved_tensors
        mean, rstd = mean.to(weight.dtype), rstd.to(weight.dtype)
        to_x = torch.empty_like(x)
        to_weight, to_bias = torch.zeros_like(weight), torch.zeros_like(weight)
        for i in range(x.shape[0]):
            one = torch.ops.aten.native_batch_norm_backward(
                gradient[i : i + 1], x[i : i + 1], weight, None, None, mean[i], rstd[i], True, EPSILON, [True] * 3
            )
            to_x[i : i + 1] = one[0]
            to_weight += one[1]
            to_bias += one[2]
        return to_x, to_weight, to_bias
