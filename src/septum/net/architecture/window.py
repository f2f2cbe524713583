"""The sliding-window network: the class of a pixel is told from the patch around it (Cireşan et al. 2012).

The insight: classifying every patch by itself repeats almost all of the work of its neighbours. A convolution does the
same to a pixel whatever patch it belongs to; only the pooling depends on where the patch begins. Pooling with stride 1
keeps every beginning, and a layer behind pools of 2 then looks at every second, fourth, eighth pixel: *dilation*. The
same weights, the same sums, for all pixels at once; Giusti et al. 2013 order them as max-pooling fragments.

Source: D. Cireşan, A. Giusti, L. Gambardella, J. Schmidhuber, "Deep neural networks segment neuronal membranes in
electron microscopy images", NIPS 2012. Theirs are the four convolutions with pools, the sizes, the hidden layer and
foveation; rectified linear units and batch normalisation are of later years and make the training short.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from septum.errors import ConfigError
from septum.net.architecture import bounds
from septum.net.architecture.bounds import check_between

CHUNK_BYTES = 256 << 20
"""Patches that are cut out at a time, one network each."""

RINGS = (0.0, 1.0, 2.0, 4.0)
"""Foveation: standard deviations (pixels) of the blur, from the middle of a patch to its corner."""


@dataclass(frozen=True)
class WindowConfig:
    """Everything that defines the network; plain data, kept in a checkpoint and in a plan.

    Args:
        in_channels: of the image.
        out_channels: number of classes, background included.
        features: channels of each convolution, first to last.
        kernels: its side in pixels; the first must make the side of the patch odd, so that it has a middle.
        pools: side and stride of the max pooling behind it.
        bottom: side of the map that the hidden layer sees whole.
        hidden: units of the hidden, fully connected layer.
        foveation: blur the patch towards its border. A pixel then looks different in each patch, so that nothing can be
            shared: every patch is computed by itself, hundreds of times slower.
    """

    in_channels: int
    out_channels: int
    features: tuple[int, ...] = (48, 48, 48, 48)
    kernels: tuple[int, ...] = (4, 5, 4, 4)
    pools: tuple[int, ...] = (2, 2, 2, 2)
    bottom: int = 3
    hidden: int = 200
    foveation: bool = False

    def __post_init__(self) -> None:
        layers = len(self.features)
        if not layers or {len(self.kernels), len(self.pools)} != {layers}:
            raise ConfigError(
                f"kernels and pools must be as many as features ({layers}, at least 1), "
                f"got {self.kernels} and {self.pools}; give one of each per convolution"
            )
        sizes = (self.in_channels, self.out_channels, self.bottom, self.hidden)
        if min(*self.features, *self.kernels, *self.pools, *sizes) < 1:
            raise ConfigError(f"all numbers of a window network must be at least 1, got {self}; correct the plan")
        self._check_size()
        if self.window % 2 == 0:
            raise ConfigError(
                f"the patch must have a middle pixel, got a side of {self.window}; make the first kernel one larger"
            )

    def _check_size(self) -> None:
        """Refuse what would take the machine's memory to build."""
        check_between("in_channels", self.in_channels, low=1, high=bounds.MOST_CHANNELS)
        check_between("out_channels", self.out_channels, low=1, high=bounds.MOST_CLASSES)
        check_between("levels of features", len(self.features), low=1, high=bounds.MOST_LEVELS)
        for name in ("kernels", "pools"):
            check_between(name, max(getattr(self, name)), low=1, high=bounds.LARGEST_KERNEL)
        for name in ("features", "hidden"):
            value = getattr(self, name)
            check_between(name, max(value) if name == "features" else value, low=1, high=bounds.MOST_FEATURES)
        check_between("bottom", self.bottom, low=1, high=bounds.LARGEST_KERNEL)
        check_between("the side of the patch (from kernels and pools)", self.window, low=1, high=4095)
        below = (self.in_channels, *self.features)
        convolved = sum(k * k * a * b for k, a, b in zip(self.kernels, self.features, below, strict=False))
        weights = convolved + self.hidden * (self.bottom**2 * self.features[-1] + self.out_channels)
        check_between("weights of the network (from features and hidden)", weights, low=1, high=bounds.MOST_WEIGHTS)

    @property
    def window(self) -> int:
        """Side of the patch in pixels, by walking up from the hidden layer: 95 as published (their network N4)."""
        side = self.bottom
        for kernel, pool in zip(reversed(self.kernels), reversed(self.pools), strict=True):
            side = side * pool + kernel - 1
        return side

    @property
    def ndim(self) -> int:
        """Planes only."""
        return 2

    @property
    def padding(self) -> Literal["same", "valid"]:
        """The output lacks half a patch on each side of the input."""
        return "valid"

    @property
    def encoder(self) -> Literal["own", "efficientnet-lite0"]:
        """Learnt from random weights."""
        return "own"

    @property
    def activation_out(self) -> Literal["softmax", "sigmoid"]:
        """How logits become probabilities."""
        return "softmax"

    @property
    def divisor(self) -> tuple[int, ...]:
        """Any input of at least a patch is admissible."""
        return (1, 1)


class WindowNet(nn.Module):
    """Logits of the pixels that have a whole patch around them: (N, C, y, x) to (N, K, y - 2 margin, x - 2 margin).

    >>> network = WindowNet(WindowConfig(1, 2)).eval()
    >>> network.config.window, network.output_size((100, 95))
    (95, (6, 1))
    """

    def __init__(self, config: WindowConfig) -> None:
        super().__init__()
        self.config = config
        into = (config.in_channels, *config.features[:-1])
        self.layers = nn.ModuleList(
            _Unit(before, after, kernel=kernel)
            for before, after, kernel in zip(into, config.features, config.kernels, strict=True)
        )
        self.hidden = _Unit(config.features[-1], config.hidden, kernel=config.bottom)
        self.head = nn.Conv2d(config.hidden, config.out_channels, 1)
        self.apply(_initialise)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, K, *out), all pixels at once where they can share their work."""
        return self.head(self.features(x))  # type: ignore[no-any-return]

    def features(self, x: Tensor) -> Tensor:
        """The hidden layer at every pixel: (N, hidden, *out)."""
        self.check_input_shape(x.shape)
        return self._patch_by_patch(x) if self.config.foveation else self._dense(x)

    def naive(self, x: Tensor) -> Tensor:
        """The same logits by definition: each patch is cut out and goes through the network alone."""
        self.check_input_shape(x.shape)
        return self.head(self._patch_by_patch(x))  # type: ignore[no-any-return]

    # -- computation ---------------------------------------------------------------------------------------------------

    def _dense(self, x: Tensor) -> Tensor:
        """Pools move by 1 instead of by their side; what follows looks so much farther apart."""
        # Two shifted maxima per axis are the same, but their gradient took 2.8 s of a step that takes 1.4 s like this.
        apart = 1
        for layer, pool in zip(self.layers, self.config.pools, strict=True):
            x = F.max_pool2d(layer(x, apart), pool, stride=1, dilation=apart)  # less apart * (kernel + pool - 2)
            apart *= pool
        return self.hidden(x, apart)  # type: ignore[no-any-return]

    def _of_patches(self, x: Tensor) -> Tensor:
        """Patches (M, C, window, window) to (M, hidden)."""
        for layer, pool in zip(self.layers, self.config.pools, strict=True):
            x = F.max_pool2d(layer(x, 1), pool)  # (M, f, *(size - kernel + 1) / pool)
        return self.hidden(x, 1)[:, :, 0, 0]  # type: ignore[no-any-return]

    def _patch_by_patch(self, x: Tensor) -> Tensor:
        side = self.config.window
        height, width = self.output_size(x.shape[2:])
        places = x.unfold(2, side, 1).unfold(3, side, 1)  # (N, C, y, x, side, side), a view
        chunk = max(1, CHUNK_BYTES // (4 * side * side * max(self.config.in_channels, *self.config.features)))
        found = []
        for image in places:
            for row in image.unbind(1):  # (C, x, side, side)
                for patches in row.transpose(0, 1).split(chunk):
                    found.append(self._of_patches(foveate(patches) if self.config.foveation else patches.contiguous()))
        stacked = torch.cat(found).reshape(x.shape[0], height, width, self.config.hidden)
        return stacked.movedim(-1, 1)

    # -- sizes ---------------------------------------------------------------------------------------------------------

    @property
    def divisor(self) -> tuple[int, ...]:
        """As `WindowConfig.divisor`."""
        return self.config.divisor

    @property
    def margin(self) -> tuple[int, ...]:
        """Pixels lost on each side: half a patch."""
        return (self.config.window // 2,) * 2

    def output_size(self, input_size: Sequence[int]) -> tuple[int, ...]:
        """Size of the logits for an input size; ConfigError where it is smaller than a patch."""
        lost = self.config.window - 1
        if len(input_size) != 2 or min(input_size) <= lost:
            raise ConfigError(
                f"input must be (y, x) of at least {self.config.window} pixels each, got {tuple(input_size)}; pad it"
            )
        return tuple(size - lost for size in input_size)

    def valid_input_size(self, wanted_output: Sequence[int]) -> tuple[int, ...]:
        """Smallest input whose output covers `wanted_output`."""
        return tuple(size + self.config.window - 1 for size in wanted_output)

    def check_input_shape(self, shape: Sequence[int]) -> None:
        """Raise ConfigError unless (N, C, y, x) suits this network."""
        if len(shape) != 4 or shape[1] != self.config.in_channels:
            raise ConfigError(
                f"input must be a batch (N, {self.config.in_channels}, y, x), got shape {tuple(shape)}; "
                f"this network takes planes with {self.config.in_channels} channel(s)"
            )
        self.output_size(shape[2:])


class _Unit(nn.Module):
    """Convolution, batch normalisation, rectified linear unit; the distance between its samples is told in the call."""

    def __init__(self, into: int, out: int, *, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(into, out, kernel, bias=False)
        self.norm = nn.BatchNorm2d(out)

    def forward(self, x: Tensor, apart: int) -> Tensor:
        return F.relu(self.norm(F.conv2d(x, self.conv.weight, dilation=apart)))


def foveate(patches: Tensor) -> Tensor:
    """Patches (M, C, side, side), sharp in the middle and ever more blurred towards the border.

    The blur of a pixel is interpolated between copies blurred by `RINGS`, evenly spread from the middle to the corner;
    outside of a patch lies its mirror image.

    >>> patch = torch.zeros(1, 1, 9, 9)
    >>> patch[..., 4, 4] = patch[..., 0, 0] = 1.0
    >>> seen = foveate(patch)
    >>> float(seen[0, 0, 4, 4]), bool(seen[0, 0, 0, 0] < 0.1)
    (1.0, True)
    """
    side = patches.shape[-1]
    offset = torch.arange(side, dtype=patches.dtype, device=patches.device) - (side - 1) / 2
    distance = (offset[:, None] ** 2 + offset[None] ** 2).sqrt()
    ring = distance / max(float(distance.max()), 1.0) * (len(RINGS) - 1)
    seen = torch.zeros_like(patches)
    for index, std in enumerate(RINGS):
        share = (1 - (ring - index).abs()).clamp(min=0.0)
        seen = seen + share * _blurred(patches, std)
    return seen


def _blurred(patches: Tensor, std: float) -> Tensor:
    if not std:
        return patches
    reach = min(math.ceil(3 * std), patches.shape[-1] - 1)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=patches.device) / std) ** 2)
    taps = (taps / taps.sum()).to(patches.dtype)
    count, channels, side, _ = patches.shape
    flat = F.pad(patches.reshape(count * channels, 1, side, side), (reach,) * 4, mode="reflect")
    flat = F.conv2d(F.conv2d(flat, taps[None, None, :, None]), taps[None, None, None, :])
    return flat.reshape(patches.shape)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=math.sqrt(2.0 / math.prod(module.weight.shape[1:])))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
