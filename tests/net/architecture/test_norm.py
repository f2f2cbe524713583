"""Instance normalisation: PyTorch's own numbers and gradients, channels last."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from septum.net.architecture.norm import EPSILON, InstanceNorm


@pytest.mark.parametrize("shape", [(3, 5, 6, 7), (1, 4, 9, 2), (2, 3, 4, 5, 6), (2, 3, 40, 30)])
@pytest.mark.parametrize("last", [False, True])
def test_instance_norm_and_its_gradients_equal_pytorchs(shape: tuple[int, ...], last: bool) -> None:
    torch.manual_seed(5)
    layout = (torch.channels_last if len(shape) == 4 else torch.channels_last_3d) if last else torch.contiguous_format
    x = (3 * torch.randn(shape, dtype=torch.float64) + 1).to(memory_format=layout)
    ours = InstanceNorm(shape[1]).double()
    kind = nn.InstanceNorm2d if len(shape) == 4 else nn.InstanceNorm3d
    theirs = kind(shape[1], eps=EPSILON, affine=True).double()
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    theirs.load_state_dict(ours.state_dict())
    up = torch.randn(shape, dtype=torch.float64)
    results = []
    for module in (ours, theirs):
        leaf = x.clone().requires_grad_()
        y = module(leaf)
        y.backward(up)
        results.append((y.detach(), leaf.grad, module.weight.grad, module.bias.grad))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)
    with torch.no_grad():  # the path without a gradient
        torch.testing.assert_close(ours(x), theirs(x))


def test_instance_norm_keeps_channels_last_and_a_close_gradient_in_bfloat16() -> None:
    torch.manual_seed(6)
    x = torch.randn(2, 8, 16, 16).to(memory_format=torch.channels_last)
    up = torch.randn(2, 8, 16, 16).to(memory_format=torch.channels_last)
    norm = InstanceNorm(8)
    grads = []
    for dtype in (torch.float32, torch.bfloat16):
        leaf = x.detach().to(dtype, copy=True).requires_grad_()
        y = norm(leaf)
        assert y.dtype == dtype
        assert y.is_contiguous(memory_format=torch.channels_last)
        y.backward(up.to(dtype))
        assert leaf.grad is not None
        grads.append(leaf.grad.float())
    assert (grads[0] - grads[1]).abs().max() < 0.05
