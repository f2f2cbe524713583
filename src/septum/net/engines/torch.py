"""Prediction with PyTorch: the mean of the logits over networks and mirrored copies, handed out in parts."""

import copy
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from septum.errors import ConfigError
from septum.geometry.arrays import Float32Array
from septum.net.architecture.network import Network
from septum.net.engines.evidence import Evidence
from septum.net.engines.protocol import AUTOCAST, Engine, _check_ensemble, mirrored_signs

_PART_BYTES = 32 << 20
"""Logits computed at a time: what more classes may add to the peak of a tile."""


def torch_engine(
    models: Sequence[Network],
    *,
    device: torch.device | str = "cpu",
    precision: str = "32-true",
    flips: Sequence[tuple[int, ...]] = ((),),
    n_maps: int = 0,
) -> "TorchEngine":
    """Predict with PyTorch; the mean of the logits over `models` (an ensemble of folds) and `flips`.

    flips: the mirrored copies to average over, each a tuple of spatial axes; () is the image as it is (see `mirrors`).
    precision: a name as in Lightning Fabric; the head always runs in float32, so that bfloat16 does not round logits.
    n_maps: how many outputs are no classes (see `count_maps`).
    The models are moved to `device` and otherwise left alone: their training mode is restored after each call.

    >>> from septum.net.architecture.unet import UNet, lecture
    >>> engine = torch_engine([UNet(lecture(2, 1, out_channels=2, features=(4, 8)))])
    >>> type(engine).__name__
    'TorchEngine'
    """
    _check_ensemble(models)
    if precision not in AUTOCAST:
        raise ConfigError(f"precision must be one of {', '.join(AUTOCAST)}, got {precision!r}; choose one of these")
    return TorchEngine(
        models, torch.device(device), autocast=AUTOCAST[precision], flips=tuple(flips) or ((),), n_maps=n_maps
    )


class TorchEngine:
    """See `torch_engine`."""

    def __init__(
        self,
        models: Sequence[Network],
        device: torch.device,
        *,
        autocast: torch.dtype | None,
        flips: tuple[tuple[int, ...], ...],
        n_maps: int = 0,
    ) -> None:
        self.models = [model.to(device) for model in models]
        self.device = device
        self.autocast = autocast
        self.flips = flips
        self.n_maps = n_maps
        self.n_classes = models[0].config.out_channels - n_maps
        self.margin = tuple(models[0].margin)
        self.divisor = tuple(models[0].divisor)
        self.activation: str = models[0].config.activation_out
        self.witness: Evidence | None = None
        self.compared: tuple[tuple[int, ...] | None, ...] = ()

    def __call__(self, batch: Float32Array) -> Tensor:
        """Logits (N, K, *out) float32 on the engine's device."""
        total: Tensor | None = None
        for classes, logits in self.parts(batch):
            if total is None:
                outputs = self.n_classes + self.n_maps
                total = logits.new_zeros((logits.shape[0], outputs, *logits.shape[2:]))
            total[:, classes] += logits
        if total is None:
            raise ConfigError(f"batch must hold at least one tile, got shape {batch.shape}; add a tile")
        return total

    def parts(self, batch: Float32Array) -> Iterator[tuple[slice, Tensor]]:
        """Logits of a few classes of one model and mirror at a time, divided by the number of models and mirrors."""
        inputs = torch.from_numpy(batch).to(self.device)
        scale = 1.0 / (len(self.models) * len(self.flips))
        votes: list[Tensor] = []
        views = len(self.models) * (len(self.flips) + len(self.compared))
        voting = self.witness if views > 1 else None
        for (network, model), flip in itertools.product(enumerate(self.models), self.flips):
            vote: tuple[Tensor, Tensor] | None = None
            features = _features(model, inputs, flip=[axis + 2 for axis in flip], autocast=self.autocast)
            if self.witness is not None and not flip:
                self.witness.felt(network, features)
            voxels = features.shape[0] * int(np.prod(features.shape[2:]))
            chunk = max(1, _PART_BYTES // (4 * voxels))
            outputs = self.n_classes + self.n_maps
            signs = scale * torch.from_numpy(mirrored_signs(flip, outputs, n_maps=self.n_maps, ndim=len(self.margin)))
            for start in range(0, outputs, chunk):
                classes = slice(start, min(start + chunk, outputs))
                logits = _head(model.head, features, classes=classes, scale=signs[classes].to(self.device))
                if voting is not None and start < self.n_classes:
                    vote = _better(vote, logits[:, : self.n_classes - start], start=start)
                yield classes, logits
            del features
            if vote is not None:
                votes.append(vote[1])
        if voting is not None:
            others = itertools.product(self.models, self.compared)
            votes += [self._vote(model, inputs, flip=flip) for model, flip in others]
            voting.voted(votes)

    def _vote(self, model: Network, inputs: Tensor, *, flip: tuple[int, ...] | None) -> Tensor:
        """Classes (N, *out) by one network of one mirrored (None: smaller) copy, which has no share in the logits."""
        if flip is None:
            mode = "bilinear" if inputs.ndim == 4 else "trilinear"
            small = nn.functional.interpolate(inputs, _smaller(inputs.shape[2:], self.divisor), mode=mode)
            there = self._vote(model, small, flip=())[:, None].float()
            return nn.functional.interpolate(there, inputs.shape[2:], mode="nearest-exact")[:, 0].to(torch.int16)
        features = _features(model, inputs, flip=[axis + 2 for axis in flip], autocast=self.autocast)
        vote: tuple[Tensor, Tensor] | None = None
        chunk = max(1, _PART_BYTES // (4 * features.shape[0] * int(np.prod(features.shape[2:]))))
        for start in range(0, self.n_classes, chunk):
            classes = slice(start, min(start + chunk, self.n_classes))
            vote = _better(
                vote,
                _head(model.head, features, classes=classes, scale=torch.ones((), device=self.device)),
                start=start,
            )
        assert vote is not None
        return vote[1]


def compared_with(engine: Engine, flips: Sequence[tuple[int, ...] | None]) -> Engine:
    """An engine whose networks also look at these mirrored copies (None: at a copy of another size, about four fifths),
    only to be compared (`Evidence.agreement`): the logits stay as they are. Other engines than PyTorch's are returned
    unchanged, and so is one of networks whose mask is smaller than the image, where a smaller copy is asked for.

    >>> from septum.net.architecture.unet import UNet, lecture
    >>> engine = torch_engine([UNet(lecture(2, 1, out_channels=2, features=(4, 8)))])
    >>> type(compared_with(engine, [(), (1,)])).__name__
    'TorchEngine'
    """
    if not isinstance(engine, TorchEngine) or (None in flips and any(engine.margin)):
        return engine
    compared = copy.copy(engine)
    compared.compared = tuple(flips)
    return compared


SMALLER = 0.8
"""Size of the smaller copy: training has seen as much, and another size is another sampling of every edge."""


def _smaller(size: Sequence[int], divisor: Sequence[int]) -> list[int]:
    """About four fifths of a size, and another one than it, in steps that the network can take.

    >>> _smaller((512, 40, 16), (16, 16, 16))
    [416, 32, 32]
    """
    found = [max(round(SMALLER * n / step), 1) * step for n, step in zip(size, divisor, strict=True)]
    return [
        m if m != n else n - step if n > step else n + step for m, n, step in zip(found, size, divisor, strict=True)
    ]


def watched_by(engine: Engine, evidence: Evidence | None) -> Engine:
    """An engine that also tells the evidence its networks' features, and what each network and mirrored copy decides by
    itself where there are several. Other engines than PyTorch's are returned as they are: they show neither.

    >>> from septum.net.architecture.unet import UNet, lecture
    >>> engine = torch_engine([UNet(lecture(2, 1, out_channels=2, features=(4, 8)))])
    >>> watched_by(engine, None) is engine
    True
    """
    if evidence is None or not isinstance(engine, TorchEngine):
        return engine
    watched = copy.copy(engine)
    watched.witness = evidence
    return watched


@torch.inference_mode()
def _better(best: tuple[Tensor, Tensor] | None, logits: Tensor, *, start: int) -> tuple[Tensor, Tensor]:
    """Highest logit so far (N, *out) and its class, after the classes from `start` on were seen too."""
    value, index = logits.max(1)
    index = (index + start).to(torch.int16)
    if best is None:
        return value, index
    return torch.maximum(best[0], value), torch.where(value > best[0], index, best[1])


@torch.inference_mode()
def _features(model: Network, inputs: Tensor, *, flip: list[int], autocast: torch.dtype | None) -> Tensor:
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
def _head(head: nn.Module, features: Tensor, *, classes: slice, scale: Tensor) -> Tensor:
    """The 1×1 convolution of the head for some of its outputs, times `scale` (one number, or one for each)."""
    weight = head.get_parameter("weight")[classes]
    weight, bias = weight * scale.view(-1, *(1,) * (weight.ndim - 1)), head.get_parameter("bias")[classes] * scale
    convolve = nn.functional.conv2d if features.ndim == 4 else nn.functional.conv3d
    return convolve(features, weight.to(features.dtype), bias.to(features.dtype))
