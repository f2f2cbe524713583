"""Prediction with OpenVINO."""

from collections.abc import Sequence
from pathlib import Path

import torch

from septum.errors import ConfigError
from septum.geometry.arrays import Float32Array
from septum.net.architecture.network import Network
from septum.net.engines.exported import ExportedEngine, Run, _exported_engine, _require
from septum.net.engines.protocol import AUTOCAST


def openvino_engine(
    models: Sequence[Network],
    *,
    folder: Path,
    flips: Sequence[tuple[int, ...]] = ((),),
    precision: str = "32-true",
    n_maps: int = 0,
) -> "ExportedEngine":
    """Predict with OpenVINO on the CPU; as `onnx_engine`, and in bfloat16 where `precision` asks for it."""
    if AUTOCAST.get(precision, torch.float16) not in (None, torch.bfloat16):
        raise ConfigError(
            f"precision must be 32-true or bf16-mixed for OpenVINO, got {precision!r}; choose one of these"
        )
    low = AUTOCAST[precision] is torch.bfloat16

    def compile_file(path: Path) -> Run:
        return _openvino_run(path, "bf16" if low else "f32")

    return _exported_engine(
        models, Path(folder), flips=flips, compile_file=compile_file, tolerance=0.05 if low else 1e-3, n_maps=n_maps
    )


def _openvino_run(path: Path, precision: str) -> Run:
    openvino = _require("openvino")
    # without pinning, because a pinned thread waits for its core even when another one is free
    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": "NO",
    }
    try:
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
    except RuntimeError as error:  # bfloat16 needs a processor that has it
        raise ConfigError(
            f"OpenVINO cannot run the network in {precision} on this processor; use --precision 32-true"
        ) from error

    def run(tile: Float32Array) -> Float32Array:
        logits: Float32Array = compiled([tile])[0]
        return logits

    return run
