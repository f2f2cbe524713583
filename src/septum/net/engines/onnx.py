"""Prediction with ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path

import torch

from septum.geometry.arrays import Float32Array
from septum.net.architecture.network import Network
from septum.net.engines.exported import ExportedEngine, Run, _exported_engine, _require


def onnx_engine(
    models: Sequence[Network], *, folder: Path, flips: Sequence[tuple[int, ...]] = ((),), n_maps: int = 0
) -> "ExportedEngine":
    """Predict with ONNX Runtime on the CPU (float32), from files that are exported into `folder` once.

    Needs the extra `engines`; ConfigError says so where it is missing. Each file is compared with its PyTorch model on
    a tile of noise before it is used; ConfigError when they differ.
    """
    return _exported_engine(models, Path(folder), flips=flips, compile_file=_onnx_run, tolerance=1e-3, n_maps=n_maps)


def _onnx_run(path: Path) -> Run:
    runtime = _require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(tile: Float32Array) -> Float32Array:
        logits: Float32Array = session.run(["logits"], {"image": tile})[0]
        return logits

    return run
