"""The engine that runs the networks of a model: PyTorch, ONNX Runtime or OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from septum.net.architecture.unet import UNet
from septum.net.engines.onnx import onnx_engine
from septum.net.engines.openvino import openvino_engine
from septum.net.engines.protocol import Engine, mirrors
from septum.net.engines.torch import torch_engine
from septum.workflows.model.machine import measure_machine
from septum.workflows.model.plan import Plan
from septum.workflows.prediction.settings import PredictSettings


def make_engine(plan: Plan, models: Sequence[UNet], settings: PredictSettings, folder: Path) -> Engine:
    """The engine that runs the networks; exported networks are made in `folder`."""
    flips = mirrors(plan.mirrors if settings.tta else ())
    if settings.engine == "torch":
        machine = measure_machine(settings.devices, settings.precision)
        return torch_engine(
            models,
            device=torch.device(machine.device),
            precision=machine.precision,
            flips=flips,
            n_maps=plan.n_maps,
        )
    make = {"onnx": onnx_engine, "openvino": openvino_engine}[settings.engine]
    return make(models, folder=folder, flips=flips, n_maps=plan.n_maps)
