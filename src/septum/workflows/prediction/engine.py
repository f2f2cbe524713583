"""A model made ready for images: the engine that runs its networks (PyTorch, ONNX Runtime or OpenVINO), its plan, the
settings of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from septum.net.architecture.network import Network
from septum.net.architecture.unet import UNetConfig
from septum.net.engines.onnx import onnx_engine
from septum.net.engines.openvino import openvino_engine
from septum.net.engines.protocol import Engine, mirrors
from septum.net.engines.torch import compared_with, torch_engine
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.machine import measure_machine
from septum.workflows.model.plan import Plan
from septum.workflows.prediction.settings import PredictSettings


@dataclass(frozen=True)
class Segmenter:
    """What `segment` needs beside an image; loaded once, used for many images.

    Args:
        engine: runs the networks.
        plan: how images are prepared and what the classes are.
        settings: of the run; `precision` and `tta` are what the engine uses.
    """

    engine: Engine
    plan: Plan
    settings: PredictSettings


def open_segmenter(model: ModelFolder, settings: PredictSettings) -> Segmenter:
    """The networks of the folds that the settings name, on their engine.

    Raises:
        CheckpointError: a model that cannot be used.
        ConfigError: a fold that was not trained, a device or an engine that is not there.
    """
    plan, networks = model.load(settings.folds)
    settings = replace(settings, tta=_averages_mirrors(plan) if settings.tta is None else settings.tta)
    if settings.engine == "torch":  # the record says which precision it was
        settings = replace(settings, precision=measure_machine(settings.devices, settings.precision).precision)
    found = Segmenter(_engine(networks, plan, settings=settings, folder=model.path / "exported"), plan, settings)
    return looking_twice(found) if plan.judged and len(networks) == 1 else found


def looking_twice(model: Segmenter) -> Segmenter:
    """The model with a second look to compare its masks with (`Evidence.agreement`), where it looks once: a network
    alone agrees with itself in the mirror, or where left and right differ on a smaller copy, or it does not. Masks
    stay as they are.
    """
    if model.settings.tta and model.plan.mirrors:
        return model
    second = (model.plan.mirrors[-1],) if model.plan.mirrors else None
    return replace(model, engine=compared_with(model.engine, [second]))


def _averages_mirrors(plan: Plan) -> bool:
    """Whether mirrored copies are averaged unasked: such a network sees few images, learnt, and small ones, quick."""
    return bool(plan.mirrors) and isinstance(plan.unet, UNetConfig) and plan.unet.encoder != "own"


def _engine(networks: Sequence[Network], plan: Plan, *, settings: PredictSettings, folder: Path) -> Engine:
    """The engine that runs the networks; exported networks are made in `folder`."""
    flips = mirrors(plan.mirrors if settings.tta else ())
    if settings.engine == "torch":
        machine = measure_machine(settings.devices, settings.precision)
        return torch_engine(
            networks,
            device=torch.device(machine.device),
            precision=machine.precision,
            flips=flips,
            n_maps=plan.n_maps,
        )
    make = {"onnx": onnx_engine, "openvino": openvino_engine}[settings.engine]
    return make(networks, folder=folder, flips=flips, n_maps=plan.n_maps)
