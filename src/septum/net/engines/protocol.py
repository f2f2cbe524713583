"""What an engine is: a batch of tiles in, logits out, whole or in parts.

The one insight: the ensemble of folds and mirrors is a *mean of logits*, and the head of a U-Net is a 1×1 convolution,
so the result is a sum of small parts: a few classes of one model and one mirror at a time. An engine that hands out its
parts never holds the logits of a tile for all classes, nor those of two models.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from septum.errors import ConfigError
from septum.geometry.arrays import Float32Array
from septum.net.architecture.network import Network

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
    def __call__(self, batch: Float32Array) -> Float32Array | Tensor: ...


@runtime_checkable
class PartsEngine(Protocol):
    """An engine that can hand out its logits in parts: (classes, logits of these classes); the parts add up.

    device: where the parts lie, and where they are best added up.
    """

    @property
    def device(self) -> torch.device: ...
    def parts(self, batch: Float32Array) -> Iterator[tuple[slice, Tensor]]: ...


def count_maps(engine: Engine) -> int:
    """How many outputs an engine has beside those of the classes: its `n_maps`, 0 where it has no such attribute.

    They come after the classes; the last of them are a vector, whose components a mirror turns round.

    >>> from types import SimpleNamespace
    >>> count_maps(SimpleNamespace(n_maps=4)), count_maps(SimpleNamespace())
    (4, 0)
    """
    return int(getattr(engine, "n_maps", 0))


def mirrored_signs(flip: Sequence[int], outputs: int, *, n_maps: int, ndim: int) -> Float32Array:
    """`(outputs,)` -1 for the components of the vector that mirroring these spatial axes turns round, else 1.

    >>> mirrored_signs((1,), 6, n_maps=4, ndim=2).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, -1.0]
    """
    signs = np.ones(outputs, dtype=np.float32)
    for axis in flip if n_maps else ():
        signs[outputs - ndim + axis] = -1.0
    return signs


def mirrors(axes: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Every combination of mirrored spatial axes, the image as it is included as the first.

    >>> mirrors((0, 1))
    ((), (0,), (1,), (0, 1))
    """
    return tuple(itertools.chain.from_iterable(itertools.combinations(axes, n) for n in range(len(axes) + 1)))


def _check_ensemble(models: Sequence[Network]) -> None:
    if not models:
        raise ConfigError("models must hold at least one network, got none; train one first")
    kinds = {
        (m.config.in_channels, m.config.out_channels, m.margin, m.divisor, m.config.activation_out) for m in models
    }
    if len(kinds) > 1:
        raise ConfigError(
            "models of an ensemble must agree in channels, classes, margin, divisor and activation, "
            f"got {sorted(kinds)}; choose folds of one model"
        )
