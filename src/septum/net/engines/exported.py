"""Networks as ONNX files (plain data, no pickle) for other runtimes, compared with PyTorch before they are used."""

import contextlib
import copy
import hashlib
import importlib
import itertools
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from septum.errors import ConfigError, install_extra
from septum.geometry.arrays import Float32Array
from septum.io.safe import temporary_path
from septum.net.architecture.network import Network
from septum.net.architecture.window import WindowConfig
from septum.net.engines.protocol import _check_ensemble, mirrored_signs
from septum.net.engines.torch import torch_engine

Run = Callable[[Float32Array], Float32Array]
"""One tile (1, C, *in) to its logits (1, K, *out)."""


class ExportedEngine:
    """See `onnx_engine` and `openvino_engine`."""

    def __init__(
        self, runs: Sequence[Run], model: Network, *, flips: tuple[tuple[int, ...], ...], n_maps: int = 0
    ) -> None:
        self.runs = tuple(runs)
        self.flips = flips
        self.n_maps = n_maps
        self.n_classes = model.config.out_channels - n_maps
        self.margin = tuple(model.margin)
        self.divisor = tuple(model.divisor)
        self.activation: str = model.config.activation_out

    def __call__(self, batch: Float32Array) -> Float32Array:
        """Logits (N, K, *out) float32, the mean over models and mirrors."""
        return np.concatenate([self._one(tile[None]) for tile in batch])

    def _one(self, tile: Float32Array) -> Float32Array:
        total: Float32Array | None = None
        for run, flip in itertools.product(self.runs, self.flips):
            axes = tuple(axis + 2 for axis in flip)
            logits = np.flip(run(np.ascontiguousarray(np.flip(tile, axes))), axes)
            if flip and self.n_maps:
                signs = mirrored_signs(flip, logits.shape[1], n_maps=self.n_maps, ndim=len(self.margin))
                logits = logits * signs.reshape(-1, *(1,) * len(self.margin))
            if total is None:
                total = np.array(logits, dtype=np.float32)
            else:
                total += logits
        if total is None:
            raise ConfigError("engine must hold at least one network, got none; train one first")
        total /= len(self.runs) * len(self.flips)
        return total


def _exported_engine(
    models: Sequence[Network],
    folder: Path,
    *,
    flips: Sequence[tuple[int, ...]],
    compile_file: Callable[[Path], Run],
    tolerance: float,
    n_maps: int = 0,
) -> ExportedEngine:
    _check_ensemble(models)
    folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for model in models:
        path = folder / f"unet-{_fingerprint(model)}.onnx"
        if not path.exists():
            export_onnx(model, path)
        run = compile_file(path)
        _check_parity(model, run, path=path, tolerance=tolerance)
        runs.append(run)
    return ExportedEngine(runs, models[0], flips=tuple(flips) or ((),), n_maps=n_maps)


def export_onnx(model: Network, path: Path) -> Path:
    """Write the network (float32, evaluation mode) as one ONNX file that takes (1, C, *spatial) of any admissible size.

    Input "image", output "logits". The file appears under its name only when it is complete.
    """
    if isinstance(model.config, WindowConfig) and model.config.foveation:
        raise ConfigError("engine must be torch for a window network with foveation, got an export; use --engine torch")
    for package in ("onnx", "onnxscript"):
        _require(package)
    plain = copy.deepcopy(model).cpu().float().eval()
    sizes, dynamic = [], {}
    for axis, (unit, least) in enumerate(zip(model.divisor, _least_input(model), strict=True)):
        steps, offset = divmod(least, unit)
        dimension = unit * torch.export.Dim(f"size{axis}", min=max(1, steps), max=1 << 16)
        dynamic[axis + 2] = dimension + offset if offset else dimension
        sizes.append(least + 2 * unit)
    example = torch.zeros((1, model.config.in_channels, *sizes))
    partial = temporary_path(path)
    try:
        with _quiet_exporter():
            torch.onnx.export(
                plain,
                (example,),
                partial,
                input_names=["image"],
                output_names=["logits"],
                dynamic_shapes=(dynamic,),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter warns about its own deprecated calls and about torchvision, which no U-Net needs."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _least_input(model: Network) -> tuple[int, ...]:
    """Smallest admissible input with more than one voxel at the coarsest level (normalisation needs them)."""
    return model.valid_input_size([unit + 1 for unit in model.divisor])


def _fingerprint(model: Network) -> str:
    """Names the exported file after the weights, so that a retrained model is exported anew."""
    digest = hashlib.sha256(repr(model.config).encode())
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:16]


def _check_parity(model: Network, run: Run, *, path: Path, tolerance: float) -> None:
    shape = (1, model.config.in_channels, *_least_input(model))
    tile = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    plain = copy.deepcopy(model).cpu().float()
    expected = torch_engine([plain])(tile).numpy()
    logits = run(tile)
    error = float("inf") if logits.shape != expected.shape else _rms(logits - expected) / max(1e-6, _rms(expected))
    if not error <= tolerance:
        raise ConfigError(
            f"{path} must give the logits of its PyTorch model to within {tolerance:.1%} (root mean square), got "
            f"{error:.1%}; delete the file to export it again, or use the engine torch"
        )


def _rms(values: Float32Array) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _require(package: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside these packages are not the user's to mend
            return importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"{package} must be installed for this engine, got: {error}; {install_extra('engines')}"
        ) from error
