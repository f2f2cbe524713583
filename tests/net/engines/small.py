"""Small networks, noise, and their logits."""

import importlib

import numpy as np
import pytest
import torch

from septum.net.architecture.unet import UNet, UNetConfig


def tiny(ndim: int = 2, classes: int = 3, seed: int = 0, **choices: object) -> UNet:
    torch.manual_seed(seed)
    strides, kernels = ((2,) * ndim,), ((3,) * ndim,) * 2
    return UNet(UNetConfig(ndim, 1, classes, features=(4, 6), strides=strides, kernels=kernels, **choices))


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def logits_of(model: UNet, batch: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.eval()(torch.from_numpy(batch)).numpy()


needs_engines = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime", "openvino")),
    reason="needs the extra `engines`",
)
