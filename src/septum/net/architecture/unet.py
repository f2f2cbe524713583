"""The U-Net in its three forms (lecture, paper, auto), 2-D and 3-D from one definition.

The insight: the three forms differ in a handful of choices (padding, normalisation, how to go down), not in structure,
so one configuration describes them all, and every size question (which inputs are admissible, how large is the output,
how wide is the lost margin) is answered by walking the same arithmetic that the network performs.

The file needs torch, the exception tree, `InstanceNorm` and `EfficientNet` only, and reads from top to bottom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from septum.errors import ConfigError
from septum.net.architecture import bounds, efficientnet
from septum.net.architecture.bounds import check_between
from septum.net.architecture.norm import InstanceNorm

LEAK = 0.01  # negative slope of leaky ReLU, as in nnU-Net


@dataclass(frozen=True)
class UNetConfig:
    """Everything that defines the network; plain data, so that it can be stored in a checkpoint and edited in a plan.

    Levels are listed finest first; axes run slowest first: (z, y, x) or (y, x).
    """

    ndim: int
    in_channels: int
    out_channels: int  # number of classes, background included
    features: tuple[int, ...]  # channels per level, for example (32, 64, 128, 256)
    strides: tuple[tuple[int, ...], ...]  # down-sampling between neighbouring levels: one fewer than levels
    kernels: tuple[tuple[int, ...], ...]  # convolution size per level; odd; (1, 3, 3) for anisotropic volumes
    padding: Literal["same", "valid"] = "same"
    norm: Literal["none", "instance", "batch"] = "none"
    activation: Literal["relu", "leaky_relu"] = "relu"
    down: Literal["maxpool", "strided"] = "maxpool"  # strided: the first convolution of a level carries the stride
    residual: bool = False  # residual blocks in the encoder
    dropout: float = 0.0  # at the end of the contracting path: the two deepest levels, as in the authors' release
    activation_out: Literal["softmax", "sigmoid"] = "softmax"  # applied outside the network, by `probabilities`
    deep_supervision: int = 0  # extra, coarser heads used in training only
    encoder: Literal["own", "efficientnet-lite0"] = "own"  # the latter: five halvings, see `EncoderUNet`

    def __post_init__(self) -> None:
        _check_config(self)

    @property
    def divisor(self) -> tuple[int, ...]:
        """Per axis: same padding needs inputs that are multiples of this (valid: the step between admissible sizes)."""
        return tuple(math.prod(stride[axis] for stride in self.strides) for axis in range(self.ndim))


def _check_config(config: UNetConfig) -> None:
    """Refuse impossible configurations, naming the field and the remedy."""
    levels = len(config.features)
    choices = {
        "ndim": (2, 3),
        "padding": ("same", "valid"),
        "norm": ("none", "instance", "batch"),
        "activation": ("relu", "leaky_relu"),
        "down": ("maxpool", "strided"),
        "activation_out": ("softmax", "sigmoid"),
        "encoder": ("own", "efficientnet-lite0"),
    }
    for name, allowed in choices.items():
        if getattr(config, name) not in allowed:
            raise ConfigError(f"{name} must be one of {allowed}, got {getattr(config, name)!r}; choose one of them")
    if levels < 1 or min(config.features) < 1 or config.in_channels < 1 or config.out_channels < 1:
        raise ConfigError(
            f"features, in_channels and out_channels must be at least 1, got {config.features}, {config.in_channels}, "
            f"{config.out_channels}; give one positive feature count per level"
        )
    for name, rows, wanted in (("strides", config.strides, levels - 1), ("kernels", config.kernels, levels)):
        if len(rows) != wanted or any(len(row) != config.ndim or min(row) < 1 for row in rows):
            raise ConfigError(
                f"{name} must be {wanted} tuples of {config.ndim} positive sizes, got {rows}; "
                f"give one per {'level' if name == 'kernels' else 'step between levels'}"
            )
    if any(size % 2 == 0 for kernel in config.kernels for size in kernel):
        raise ConfigError(f"kernels must be odd, got {config.kernels}; use 1 or 3")
    if config.padding == "valid" and (config.down == "strided" or config.residual or config.deep_supervision):
        raise ConfigError(
            "padding must be 'same' for strided, residual or deeply supervised networks, got 'valid'; "
            "set down='maxpool', residual=False, deep_supervision=0 or padding='same'"
        )
    if not 0 <= config.deep_supervision <= max(levels - 2, 0):
        raise ConfigError(
            f"deep_supervision must be between 0 and {max(levels - 2, 0)} for {levels} levels, "
            f"got {config.deep_supervision}; use fewer heads"
        )
    _check_size(config)
    if not 0.0 <= config.dropout < 1.0:
        raise ConfigError(f"dropout must be in [0, 1), got {config.dropout}; the paper uses 0.5")
    if config.encoder != "own":
        _check_encoder(config)


def _check_size(config: UNetConfig) -> None:
    """Refuse what would take the machine's memory to build."""
    check_between("in_channels", config.in_channels, low=1, high=bounds.MOST_CHANNELS)
    check_between("out_channels", config.out_channels, low=1, high=2 * bounds.MOST_CLASSES)
    check_between("levels of features", len(config.features), low=1, high=bounds.MOST_LEVELS)
    check_between("features", max(config.features), low=1, high=bounds.MOST_FEATURES)
    check_between("kernels", max(map(max, config.kernels)), low=1, high=bounds.LARGEST_KERNEL)
    check_between("strides", max(map(max, config.strides), default=1), low=1, high=bounds.LARGEST_STRIDE)
    below = (config.in_channels, *config.features)
    convolved = sum(
        math.prod(kernel) * own * (3 * own + 2 * other)  # down and up: two convolutions, the skip and the up-sampling
        for kernel, own, other in zip(config.kernels, config.features, below, strict=False)
    )
    weights = convolved + config.out_channels * config.features[0]
    check_between("weights of the network (from features and kernels)", weights, low=1, high=bounds.MOST_WEIGHTS)


def _check_encoder(config: UNetConfig) -> None:
    """Refuse what does not go with an encoder that was made elsewhere."""
    halvings, bottom = len(efficientnet.WIDTHS), efficientnet.WIDTHS[-1]
    if config.ndim != 2 or config.strides != ((2, 2),) * halvings or config.features[-1] != bottom:
        raise ConfigError(
            f"with encoder {config.encoder!r} ndim must be 2, strides {halvings} times (2, 2) and the last feature "
            f"count {bottom}, got {config.ndim}, {config.strides} and {config.features[-1]}; set encoder='own'"
        )
    if config.padding != "same" or config.residual or config.dropout:
        raise ConfigError(
            f"with encoder {config.encoder!r} padding must be 'same', residual False and dropout 0, got "
            f"{config.padding!r}, {config.residual}, {config.dropout}; set encoder='own'"
        )


class UNet(nn.Module):
    """Contracting path, expanding path and skip connections; returns logits.

    Input (N, in_channels, *spatial); output (N, out_channels, *output_size(spatial)). In training mode with
    ``deep_supervision`` heads the output is a list, full resolution first.

    >>> network = UNet(paper_unet(2, 1, out_channels=2, features=(1, 2, 4, 8, 16)))  # sizes depend on no feature
    >>> network.margin, network.output_size((572, 572))
    ((92, 92), (388, 388))
    """

    encoder: Any  # blocks, finest first, or one module that returns all maps

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.features
        still = (1,) * config.ndim
        skips = self._make_encoder()
        ups, decoder = [], []
        for level in range(len(widths) - 1):
            ups.append(_up_convolution(config, widths[level + 1], out=widths[level], stride=config.strides[level]))
            into = widths[level] + skips[level]
            decoder.append(DoubleConv(config, into, out=widths[level], kernel=config.kernels[level], stride=still))
        self.ups = nn.ModuleList(ups)
        self.decoder = nn.ModuleList(decoder)
        self.head = _convolution(config.ndim)(widths[0], config.out_channels, 1)
        self.extra_heads = nn.ModuleList(
            _convolution(config.ndim)(widths[level], config.out_channels, 1)
            for level in range(1, config.deep_supervision + 1)
        )
        self.apply(_initialise)
        # Weights lie channels last from the start, whoever uses the network: with channels-last images but weights in
        # the default layout, 512 × 512 at the paper's width took 1.97 s of one core, this way 0.85 s (float32: 3.41 s).
        layout = torch.channels_last if config.ndim == 2 else torch.channels_last_3d
        self.to(memory_format=layout)  # type: ignore[call-overload]

    def _make_encoder(self) -> tuple[int, ...]:
        """Make the contracting path; returns the channels of its maps, finest first."""
        config = self.config
        widths, still = config.features, (1,) * config.ndim
        encoder = []
        for level in range(len(widths)):
            into = config.in_channels if level == 0 else widths[level - 1]
            stride = config.strides[level - 1] if level and config.down == "strided" else still
            block = ResidualBlock if config.residual else DoubleConv
            encoder.append(block(config, into, out=widths[level], kernel=config.kernels[level], stride=stride))
        self.encoder = nn.ModuleList(encoder)
        return widths

    # -- computation ---------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Logits (N, K, *out); a list of them, finest first, in training with deep supervision."""
        maps = self._decode(x)  # finest first
        logits: Tensor = self.head(maps[0])  # (N, K, *out)
        if not (self.training and len(self.extra_heads)):
            return logits
        return [logits, *(head(coarse) for head, coarse in zip(self.extra_heads, maps[1:], strict=False))]

    def features(self, x: Tensor) -> Tensor:
        """The last feature map before the head: (N, features[0], *out)."""
        return self._decode(x)[0]

    def _decode(self, x: Tensor) -> list[Tensor]:
        """Decoder outputs, finest first; the last one is the bottom of the U."""
        self.check_input_shape(x.shape)
        skips = self._encode(x)
        maps = [skips.pop()]
        for level in reversed(range(len(skips))):
            x = self.ups[level](maps[0])  # (N, f[level], *size * stride)
            skip = _crop_to(skips.pop(), x)  # (N, channels of the skip, *same size as x)
            x = torch.cat([x, skip], dim=1)  # (N, both, *size)
            maps.insert(0, self.decoder[level](x))  # (N, f[level], *size); valid: minus twice (kernel - 1)
        return maps

    def _encode(self, x: Tensor) -> list[Tensor]:
        """Maps of the contracting path, finest first."""
        config = self.config
        maps: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            if level and config.down == "maxpool":
                x = _max_pool(x, config.strides[level - 1])  # (N, f[level-1], *size / stride)
            x = block(x)  # (N, f[level], *size); valid: minus twice (kernel - 1)
            if config.dropout and level >= len(config.features) - 2:
                x = F.dropout(x, config.dropout, self.training)
            maps.append(x)
        return maps

    # -- sizes ---------------------------------------------------------------------------------------------------------

    @property
    def divisor(self) -> tuple[int, ...]:
        """As `UNetConfig.divisor`."""
        return self.config.divisor

    @property
    def margin(self) -> tuple[int, ...]:
        """Voxels lost on each side, per axis: 0 for same padding, 92 for the paper's network."""
        smallest = self.valid_input_size((1,) * self.config.ndim)
        return tuple((i - o) // 2 for i, o in zip(smallest, self.output_size(smallest), strict=True))

    def output_size(self, input_size: Sequence[int]) -> tuple[int, ...]:
        """Spatial size of the logits for an admissible spatial input size; ConfigError otherwise."""
        if len(input_size) != self.config.ndim:
            raise ConfigError(
                f"input must have {self.config.ndim} spatial axes, got {tuple(input_size)}; add or drop axes"
            )
        sizes = tuple(self._output_along(axis, size) for axis, size in enumerate(input_size))
        if None in sizes:
            raise ConfigError(self._size_error(tuple(input_size)))
        return tuple(size for size in sizes if size is not None)

    def valid_input_size(self, wanted_output: Sequence[int]) -> tuple[int, ...]:
        """Smallest admissible input whose output covers `wanted_output` on every axis."""
        return tuple(self._smallest_input(axis, wanted) for axis, wanted in enumerate(wanted_output))

    def check_input_shape(self, shape: Sequence[int]) -> None:
        """Raise ConfigError, with the size that would fit, unless (N, C, *spatial) suits this network."""
        config = self.config
        if len(shape) != config.ndim + 2 or shape[1] != config.in_channels:
            axes = "(y, x)" if config.ndim == 2 else "(z, y, x)"
            raise ConfigError(
                f"input must be a batch (N, {config.in_channels}, *{axes}), got shape {tuple(shape)}; "
                f"this network takes {config.ndim}-D images with {config.in_channels} channel(s)"
            )
        if any(self._output_along(axis, size) is None for axis, size in enumerate(shape[2:])):
            raise ConfigError(self._size_error(tuple(shape[2:])))

    def _output_along(self, axis: int, size: int) -> int | None:
        """Output length along one axis, or None where a pooling does not divide or nothing is left."""
        config = self.config
        lost = [2 * (kernel[axis] - 1) if config.padding == "valid" else 0 for kernel in config.kernels]
        for level, stride in enumerate(config.strides):
            size -= lost[level]
            if size < 1 or size % stride[axis]:
                return None
            size //= stride[axis]
        size -= lost[-1]
        for level in reversed(range(len(config.strides))):
            size = size * config.strides[level][axis] - lost[level]
        return size if size >= 1 else None

    def _smallest_input(self, axis: int, wanted: int) -> int:
        """Walk up from the bottom of the U: the smallest bottom size that leaves `wanted` voxels decides."""
        config = self.config
        lost = [2 * (kernel[axis] - 1) if config.padding == "valid" else 0 for kernel in config.kernels]
        bottom = max(1, wanted)
        for level, stride in enumerate(config.strides):
            bottom = max(1, -(-(bottom + lost[level]) // stride[axis]))
        size = bottom + lost[-1]
        for level in reversed(range(len(config.strides))):
            size = size * config.strides[level][axis] + lost[level]
        return size

    def _size_error(self, sizes: tuple[int, ...]) -> str:
        """Message with the nearest admissible sizes, below (where there is one) and above."""
        first = self.valid_input_size((1,) * self.config.ndim)
        above = tuple(f + -(-max(s - f, 0) // d) * d for f, s, d in zip(first, sizes, self.divisor, strict=True))
        below = tuple(f + (s - f) // d * d for f, s, d in zip(first, sizes, self.divisor, strict=True))
        crop = f" or crop it to {below}" if all(b >= f for b, f in zip(below, first, strict=True)) else ""
        rule = " + ".join(["a multiple of " + str(self.divisor)] + ([] if first == self.divisor else [str(first)]))
        return f"input size must be {rule}, got {sizes}; pad it to {above}{crop}"


class EncoderUNet(UNet):
    """A U-Net whose contracting path is EfficientNet-lite0; one convolution of the image itself joins at full size.

    >>> network = build_unet(encoder_unet(1, 2))
    >>> network.divisor, network.output_size((64, 96))
    ((32, 32), (64, 96))
    """

    def _make_encoder(self) -> tuple[int, ...]:
        config = self.config
        still, finest = (1,) * config.ndim, config.features[0]
        self.detail = ConvUnit(config, config.in_channels, out=finest, kernel=config.kernels[0], stride=still)
        self.encoder = efficientnet.EfficientNet(config.in_channels)
        return (finest, *efficientnet.WIDTHS)

    def _encode(self, x: Tensor) -> list[Tensor]:
        return [self.detail(x), *self.encoder(x)]  # (N, f[0], *size), then (N, WIDTHS[i], *size / 2^(i + 1))


def build_unet(config: UNetConfig) -> UNet:
    """The network that `config` describes, with random weights.

    >>> build_unet(lecture(2, 1, out_channels=2)).config.in_channels
    1
    """
    return UNet(config) if config.encoder == "own" else EncoderUNet(config)


class DoubleConv(nn.Module):
    """Two convolutions, each followed by normalisation (where asked for) and activation."""

    def __init__(
        self, config: UNetConfig, into: int, *, out: int, kernel: tuple[int, ...], stride: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.first = ConvUnit(config, into, out=out, kernel=kernel, stride=stride)
        self.second = ConvUnit(config, out, out=out, kernel=kernel, stride=(1,) * config.ndim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)  # (N, out, *size / stride)
        return self.second(x)  # type: ignore[no-any-return]  # (N, out, *size / stride)


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut around them (He et al. 2016); the shortcut pools where the block strides."""

    def __init__(
        self, config: UNetConfig, into: int, *, out: int, kernel: tuple[int, ...], stride: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.stride = stride
        self.first = ConvUnit(config, into, out=out, kernel=kernel, stride=stride)
        self.second = ConvUnit(config, out, out=out, kernel=kernel, stride=(1,) * config.ndim, activate=False)
        self.shortcut = _convolution(config.ndim)(into, out, 1, bias=False) if into != out else nn.Identity()
        self.activate = _activation(config)

    def forward(self, x: Tensor) -> Tensor:
        short = self.shortcut(_mean_pool(x, self.stride))  # (N, out, *size / stride)
        x = self.second(self.first(x))  # (N, out, *size / stride)
        return self.activate(x + short)  # type: ignore[no-any-return]


class ConvUnit(nn.Module):
    """Convolution, normalisation, activation."""

    def __init__(
        self,
        config: UNetConfig,
        into: int,
        *,
        out: int,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        activate: bool = True,
    ) -> None:
        super().__init__()
        padding = tuple(size // 2 for size in kernel) if config.padding == "same" else 0
        # a bias before a normalisation would be subtracted again
        bias = config.norm == "none"
        self.conv = _convolution(config.ndim)(into, out, kernel, stride, padding, bias=bias)
        self.norm = _normalisation(config, out)
        self.activate = _activation(config) if activate else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.activate(self.norm(_convolve(self.conv, x)))  # type: ignore[no-any-return]


def _convolve(conv: nn.Conv2d | nn.Conv3d, x: Tensor) -> Tensor:
    """The convolution; in float32 where autocast would make one in bfloat16 that is deeper than its input.

    On processors with bfloat16 but without AMX, oneDNN takes the gradient of the weights of a 3 × 3 × 3 convolution of
    two slices partly from memory that nobody has written (PyTorch 2.13): not finite at best, wrong in silence else.
    """
    if (
        x.ndim < 5
        or x.device.type != "cpu"
        or not torch.is_autocast_enabled("cpu")
        or x.shape[2] >= conv.kernel_size[0]
    ):
        return conv(x)  # type: ignore[no-any-return]
    with torch.autocast("cpu", enabled=False):
        return conv(x.float()).to(torch.get_autocast_dtype("cpu"))  # type: ignore[no-any-return]


def _convolution(ndim: int) -> Callable[..., nn.Conv2d | nn.Conv3d]:
    return nn.Conv2d if ndim == 2 else nn.Conv3d


def _up_convolution(config: UNetConfig, into: int, *, out: int, stride: tuple[int, ...]) -> nn.Module:
    """Transposed convolution whose kernel equals its stride: every output voxel has exactly one source voxel."""
    kind = nn.ConvTranspose2d if config.ndim == 2 else nn.ConvTranspose3d
    return kind(into, out, stride, stride)  # type: ignore[arg-type]


def _normalisation(config: UNetConfig, channels: int) -> nn.Module:
    if config.norm == "none":
        return nn.Identity()
    if config.norm == "instance":
        return InstanceNorm(channels)
    return nn.BatchNorm2d(channels) if config.ndim == 2 else nn.BatchNorm3d(channels)


def _activation(config: UNetConfig) -> nn.Module:
    return nn.ReLU(inplace=True) if config.activation == "relu" else nn.LeakyReLU(LEAK, inplace=True)


def _max_pool(x: Tensor, stride: tuple[int, ...]) -> Tensor:
    return F.max_pool2d(x, stride) if x.ndim == 4 else F.max_pool3d(x, stride)


def _mean_pool(x: Tensor, stride: tuple[int, ...]) -> Tensor:
    if max(stride) == 1:
        return x
    return F.avg_pool2d(x, stride) if x.ndim == 4 else F.avg_pool3d(x, stride)


def _crop_to(skip: Tensor, x: Tensor) -> Tensor:
    """The centre of `skip`, as large as `x` (itself for same padding)."""
    for axis in range(2, x.ndim):
        spare = skip.shape[axis] - x.shape[axis]
        if spare:
            skip = skip.narrow(axis, spare // 2, x.shape[axis])
    return skip


def _initialise(module: nn.Module) -> None:
    """He et al. 2015 as the paper states it: standard deviation sqrt(2 / N), N = incoming nodes of one neuron."""
    if isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
        incoming = module.in_channels  # kernel equals stride: one voxel of each input channel reaches an output voxel
    elif isinstance(module, nn.Conv2d | nn.Conv3d):
        incoming = math.prod(module.weight.shape[1:])  # of a depthwise convolution, one channel
    else:
        return
    nn.init.normal_(module.weight, std=math.sqrt(2.0 / incoming))
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def lecture(
    ndim: int, in_channels: int, *, out_channels: int, features: tuple[int, ...] = (16, 32, 64, 128, 256)
) -> UNetConfig:
    """The lecture's network: same-padded 3×3 convolutions with ReLU, 2×2 max pooling, one sigmoid per class.

    >>> UNet(lecture(2, 1, out_channels=2, features=(4, 8))).output_size((64, 64))
    (64, 64)
    """
    return UNetConfig(
        ndim=ndim,
        in_channels=in_channels,
        out_channels=out_channels,
        features=features,
        strides=((2,) * ndim,) * (len(features) - 1),
        kernels=((3,) * ndim,) * len(features),
        activation_out="sigmoid",
    )


def paper_unet(
    ndim: int, in_channels: int, *, out_channels: int, features: tuple[int, ...] = (64, 128, 256, 512, 1024)
) -> UNetConfig:
    """Ronneberger, Fischer & Brox 2015, figure 1: unpadded convolutions, cropped skips, dropout at the deep end.

    >>> UNet(paper_unet(2, 1, out_channels=2, features=(1, 2, 4, 8, 16))).output_size((572, 572))
    (388, 388)
    """
    return UNetConfig(
        ndim=ndim,
        in_channels=in_channels,
        out_channels=out_channels,
        features=features,
        strides=((2,) * ndim,) * (len(features) - 1),
        kernels=((3,) * ndim,) * len(features),
        padding="valid",
        dropout=0.5,
    )


def encoder_unet(
    in_channels: int, out_channels: int, *, features: tuple[int, ...] = (16, 24, 48, 64, 128)
) -> UNetConfig:
    """A 2-D U-Net on EfficientNet-lite0; `features` are those of the expanding path, finest first.

    >>> build_unet(encoder_unet(3, 2)).output_size((64, 64))
    (64, 64)
    """
    halvings = len(efficientnet.WIDTHS)
    return UNetConfig(
        ndim=2,
        in_channels=in_channels,
        out_channels=out_channels,
        features=(*features, efficientnet.WIDTHS[-1]),
        strides=((2, 2),) * halvings,
        kernels=((3, 3),) * (halvings + 1),
        norm="instance",
        activation="leaky_relu",
        down="strided",
        encoder="efficientnet-lite0",
    )


def probabilities(logits: Tensor, config: UNetConfig) -> Tensor:
    """Class probabilities in float32, same shape as `logits` (N, K, *spatial).

    >>> probabilities(torch.zeros(1, 2, 1, 1), lecture(2, 1, out_channels=2)).flatten().tolist()
    [0.5, 0.5]
    """
    logits = logits.float()
    return logits.softmax(dim=1) if config.activation_out == "softmax" else logits.sigmoid()
