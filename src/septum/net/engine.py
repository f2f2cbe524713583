"""What turns a batch of tiles into logits: PyTorch (here), ONNX Runtime or OpenVINO (from an exported file).

The one insight: the ensemble of folds and mirrors is a *mean of logits*, and the head of a U-Net is a 1×1 convolution,
so the result is a sum of small parts: a few classes of one model and one mirror at a time. An engine that hands out its
parts never holds the logits of a tile for all classes, nor those of two models. Other runtimes get the whole network as
one ONNX file (plain data, no pickle) and return all classes; `predict` gives them tiles small enough for that.
"""

import contextlib
import copy
import hashlib
import importlib
import itertools
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from septum.errors import ConfigError
from septum.net.evidence import Evidence
from septum.net.unet import UNet

FloatArray = npt.NDArray[np.float32]
_PART_BYTES = 32 << 20
"""Logits computed at a time: what more classes may add to the peak of a tile."""

AUTOCAST: dict[str, torch.dtype | None] = {
    "32-true": None,
    "32": None,
    "bf16-mixed": torch.bfloat16,
    "bf16": torch.bfloat16,
    "16-mixed": torch.float16,
}


class Engine(Protocol):
    """Logits for a batch of tiles: (N, C, *in) float32 to (N, K, *out), where out = in - 2 * margin.

    n_classes: K, background included. divisor: admissible input sizes are so many voxels apart (with margin 0 they are
    its multiples). activation: how logits become probabilities, "softmax" or "sigmoid".
    """

    @property
    def n_classes(self) -> int: ...
    @property
    def margin(self) -> tuple[int, ...]: ...
    @property
    def divisor(self) -> tuple[int, ...]: ...
    @property
    def activation(self) -> str: ...
    def __call__(self, batch: FloatArray) -> FloatArray | Tensor: ...


@runtime_checkable
class PartsEngine(Protocol):
    """An engine that can hand out its logits in parts: (classes, logits of these classes); the parts add up.

    device: where the parts lie, and where they are best added up.
    """

    @property
    def device(self) -> torch.device: ...
    def parts(self, batch: FloatArray) -> Iterator[tuple[slice, Tensor]]: ...


def mirrors(axes: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Every combination of mirrored spatial axes, the image as it is included as the first.

    >>> mirrors((0, 1))
    ((), (0,), (1,), (0, 1))
    """
    return tuple(itertools.chain.from_iterable(itertools.combinations(axes, n) for n in range(len(axes) + 1)))


def torch_engine(
    models: Sequence[UNet],
    *,
    device: torch.device | str = "cpu",
    precision: str = "32-true",
    flips: Sequence[tuple[int, ...]] = ((),),
) -> "TorchEngine":
    """Predict with PyTorch; the mean of the logits over `models` (an ensemble of folds) and `flips`.

    flips: the mirrored copies to average over, each a tuple of spatial axes; () is the image as it is (see `mirrors`).
    precision: a name as in Lightning Fabric; the head always runs in float32, so that bfloat16 does not round logits.
    The models are moved to `device` and otherwise left alone: their training mode is restored after each call.
    """
    _check_ensemble(models)
    if precision not in AUTOCAST:
        raise ConfigError(f"precision must be one of {', '.join(AUTOCAST)}, got {precision!r}; CHOOSE one of these")
    return TorchEngine(models, torch.device(device), AUTOCAST[precision], tuple(flips) or ((),))


class TorchEngine:
    """See `torch_engine`."""

    def __init__(
        self,
        models: Sequence[UNet],
        device: torch.device,
        autocast: torch.dtype | None,
        flips: tuple[tuple[int, ...], ...],
    ) -> None:
        self.models = [model.to(device) for model in models]
        self.device = device
        self.autocast = autocast
        self.flips = flips
        self.n_classes = models[0].config.out_channels
        self.margin = tuple(models[0].margin)
        self.divisor = tuple(models[0].divisor)
        self.activation: str = models[0].config.activation_out
        self.witness: Evidence | None = None
        self.compared: tuple[tuple[int, ...], ...] = ()

    def __call__(self, batch: FloatArray) -> Tensor:
        """Logits (N, K, *out) float32 on the engine's device."""
        total: Tensor | None = None
        for classes, logits in self.parts(batch):
            if total is None:
                total = logits.new_zeros((logits.shape[0], self.n_classes, *logits.shape[2:]))
            total[:, classes] += logits
        if total is None:
            raise ConfigError(f"batch must hold at least one tile, got shape {batch.shape}; ADD a tile")
        return total

    def parts(self, batch: FloatArray) -> Iterator[tuple[slice, Tensor]]:
        """Logits of a few classes of one model and mirror at a time, divided by the number of models and mirrors."""
        inputs = torch.from_numpy(batch).to(self.device)
        scale = 1.0 / (len(self.models) * len(self.flips))
        votes: list[Tensor] = []
        for model, flip in itertools.product(self.models, self.flips):
            vote: tuple[Tensor, Tensor] | None = None
            features = _features(model, inputs, [axis + 2 for axis in flip], self.autocast)
            voxels = features.shape[0] * int(np.prod(features.shape[2:]))
            chunk = max(1, _PART_BYTES // (4 * voxels))
            for start in range(0, self.n_classes, chunk):
                classes = slice(start, min(start + chunk, self.n_classes))
                logits = _head(model.head, features, classes, scale)
                if self.witness is not None:
                    vote = _better(vote, logits, start)
                yield classes, logits
            del features
            if vote is not None:
                votes.append(vote[1])
        if self.witness is not None:
            others = itertools.product(self.models, self.compared)
            votes += [self._vote(model, inputs, flip) for model, flip in others]
            self.witness.voted(votes)

    def _vote(self, model: UNet, inputs: Tensor, flip: tuple[int, ...]) -> Tensor:
        """Classes (N, *out) by one network of one mirrored copy, which has no share in the logits."""
        features = _features(model, inputs, [axis + 2 for axis in flip], self.autocast)
        vote: tuple[Tensor, Tensor] | None = None
        chunk = max(1, _PART_BYTES // (4 * features.shape[0] * int(np.prod(features.shape[2:]))))
        for start in range(0, self.n_classes, chunk):
            vote = _better(vote, _head(model.head, features, slice(start, start + chunk), 1.0), start)
        assert vote is not None
        return vote[1]


def compared_with(engine: Engine, flips: Sequence[tuple[int, ...]]) -> Engine:
    """An engine whose networks also look at these mirrored copies, only to be compared (`Evidence.agreement`): the
    logits stay as they are. Other engines than PyTorch's are returned unchanged."""
    if not isinstance(engine, TorchEngine):
        return engine
    compared = copy.copy(engine)
    compared.compared = tuple(flips)
    return compared


def watched_by(engine: Engine, evidence: Evidence | None) -> Engine:
    """An engine that also tells the evidence what each of its networks and mirrored copies decides by itself.

    Other engines than PyTorch's, and those of one network and one copy, are returned as they are: nobody to compare.
    """
    if evidence is None or not isinstance(engine, TorchEngine):
        return engine
    if len(engine.models) * (len(engine.flips) + len(engine.compared)) < 2:
        return engine
    watched = copy.copy(engine)
    watched.witness = evidence
    return watched


@torch.inference_mode()
def _better(best: tuple[Tensor, Tensor] | None, logits: Tensor, start: int) -> tuple[Tensor, Tensor]:
    """Highest logit so far (N, *out) and its class, after the classes from `start` on were seen too."""
    value, index = logits.max(1)
    index = (index + start).to(torch.int16)
    if best is None:
        return value, index
    return torch.maximum(best[0], value), torch.where(value > best[0], index, best[1])


@torch.inference_mode()
def _features(model: UNet, inputs: Tensor, flip: list[int], autocast: torch.dtype | None) -> Tensor:
    """Features (N, F, *out) before the head, float32, contiguous, mirrored on the way in and back."""
    layout = torch.channels_last if inputs.ndim == 4 else torch.channels_last_3d
    x = inputs.flip(flip) if flip else inputs
    training = model.training
    model.eval()
    try:
        with torch.autocast(inputs.device.type, dtype=autocast, enabled=autocast is not None):
            features = model.features(x.contiguous(memory_format=layout))
    finally:
        model.train(training)
    features = features.flip(flip) if flip else features
    return features.to(dtype=torch.float32, memory_format=torch.contiguous_format)


@torch.inference_mode()
def _head(head: nn.Module, features: Tensor, classes: slice, scale: float) -> Tensor:
    """The 1×1 convolution of the head for some of its classes, times `scale`."""
    weight, bias = head.get_parameter("weight")[classes] * scale, head.get_parameter("bias")[classes] * scale
    convolve = nn.functional.conv2d if features.ndim == 4 else nn.functional.conv3d
    return convolve(features, weight.to(features.dtype), bias.to(features.dtype))


def _check_ensemble(models: Sequence[UNet]) -> None:
    if not models:
        raise ConfigError("models must hold at least one network, got none; TRAIN one first")
    kinds = {
        (m.config.in_channels, m.config.out_channels, m.margin, m.divisor, m.config.activation_out) for m in models
    }
    if len(kinds) > 1:
        raise ConfigError(
            "models of an ensemble must agree in channels, classes, margin, divisor and activation, "
            f"got {sorted(kinds)}; CHOOSE folds of one model"
        )


# --- other runtimes ---------------------------------------------------------------------------------------------------

Run = Callable[[FloatArray], FloatArray]
"""One tile (1, C, *in) to its logits (1, K, *out)."""


def onnx_engine(models: Sequence[UNet], *, folder: Path, flips: Sequence[tuple[int, ...]] = ((),)) -> "ExportedEngine":
    """Predict with ONNX Runtime on the CPU (float32), from files that are exported into `folder` once.

    Needs the extra `engines`; ConfigError says so where it is missing. Each file is compared with its PyTorch model on
    a tile of noise before it is used; ConfigError when they differ.
    """
    return _exported_engine(models, Path(folder), flips, compile_file=_onnx_run, tolerance=1e-3)


def openvino_engine(
    models: Sequence[UNet],
    *,
    folder: Path,
    flips: Sequence[tuple[int, ...]] = ((),),
    precision: str = "32-true",
) -> "ExportedEngine":
    """Predict with OpenVINO on the CPU; as `onnx_engine`, and in bfloat16 where `precision` asks for it."""
    if AUTOCAST.get(precision, torch.float16) not in (None, torch.bfloat16):
        raise ConfigError(
            f"precision must be 32-true or bf16-mixed for OpenVINO, got {precision!r}; CHOOSE one of these"
        )
    low = AUTOCAST[precision] is torch.bfloat16

    def compile_file(path: Path) -> Run:
        return _openvino_run(path, "bf16" if low else "f32")

    return _exported_engine(models, Path(folder), flips, compile_file=compile_file, tolerance=0.05 if low else 1e-3)


class ExportedEngine:
    """See `onnx_engine` and `openvino_engine`."""

    def __init__(self, runs: Sequence[Run], model: UNet, flips: tuple[tuple[int, ...], ...]) -> None:
        self.runs = tuple(runs)
        self.flips = flips
        self.n_classes = model.config.out_channels
        self.margin = tuple(model.margin)
        self.divisor = tuple(model.divisor)
        self.activation: str = model.config.activation_out

    def __call__(self, batch: FloatArray) -> FloatArray:
        """Logits (N, K, *out) float32, the mean over models and mirrors."""
        return np.concatenate([self._one(tile[None]) for tile in batch])

    def _one(self, tile: FloatArray) -> FloatArray:
        total: FloatArray | None = None
        for run, flip in itertools.product(self.runs, self.flips):
            axes = tuple(axis + 2 for axis in flip)
            logits = np.flip(run(np.ascontiguousarray(np.flip(tile, axes))), axes)
            if total is None:
                total = np.array(logits, dtype=np.float32)
            else:
                total += logits
        if total is None:
            raise ConfigError("engine must hold at least one network, got none; TRAIN one first")
        total /= len(self.runs) * len(self.flips)
        return total


def _exported_engine(
    models: Sequence[UNet],
    folder: Path,
    flips: Sequence[tuple[int, ...]],
    *,
    compile_file: Callable[[Path], Run],
    tolerance: float,
) -> ExportedEngine:
    _check_ensemble(models)
    folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for model in models:
        path = folder / f"unet-{_fingerprint(model)}.onnx"
        if not path.exists():
            export_onnx(model, path)
        run = compile_file(path)
        _check_parity(model, run, path, tolerance)
        runs.append(run)
    return ExportedEngine(runs, models[0], tuple(flips) or ((),))


def export_onnx(model: UNet, path: Path) -> Path:
    """Write the network (float32, evaluation mode) as one ONNX file that takes (1, C, *spatial) of any admissible size.

    Input "image", output "logits". The file appears under its name only when it is complete.
    """
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
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
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


def _least_input(model: UNet) -> tuple[int, ...]:
    """Smallest admissible input with more than one voxel at the coarsest level (normalisation needs them)."""
    return model.valid_input_size([unit + 1 for unit in model.divisor])


def _fingerprint(model: UNet) -> str:
    """Names the exported file after the weights, so that a retrained model is exported anew."""
    digest = hashlib.sha256(repr(model.config).encode())
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:16]


def _check_parity(model: UNet, run: Run, path: Path, tolerance: float) -> None:
    shape = (1, model.config.in_channels, *_least_input(model))
    tile = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    plain = copy.deepcopy(model).cpu().float()
    expected = torch_engine([plain])(tile).numpy()
    logits = run(tile)
    error = float("inf") if logits.shape != expected.shape else _rms(logits - expected) / max(1e-6, _rms(expected))
    if not error <= tolerance:
        raise ConfigError(
            f"{path} must give the logits of its PyTorch model to within {tolerance:.1%} (root mean square), got "
            f"{error:.1%}; DELETE the file to export it again, or use the engine torch"
        )


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _onnx_run(path: Path) -> Run:
    runtime = _require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(tile: FloatArray) -> FloatArray:
        logits: FloatArray = session.run(["logits"], {"image": tile})[0]
        return logits

    return run


def _openvino_run(path: Path, precision: str) -> Run:
    openvino = _require("openvino")
    # without pinning, because a pinned thread waits for its core even when another one is free
    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": "NO",
    }
    compiled = openvino.Core().compile_model(str(path), "CPU", settings)

    def run(tile: FloatArray) -> FloatArray:
        logits: FloatArray = compiled([tile])[0]
        return logits

    return run


def _require(package: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside these packages are not the user's to mend
            return importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"{package} must be installed for this engine, got: {error}; INSTALL it with pip install 'septum[engines]'"
        ) from error
