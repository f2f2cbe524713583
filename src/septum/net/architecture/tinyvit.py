"""TinyViT as the image encoder of light MedSAM: a picture in, a map of what lies where out.

The insight: what a picture shows is worked out once, whatever a person asks about it later. The encoder takes nearly
all of the time; its map (64 × 64 places of 256 numbers) answers every click and box on that picture.

After Wu et al. 2022 (TinyViT: Fast Pretraining Distillation for Small Vision Transformers), as changed for light MedSAM
(Ma et al. 2024, Segment anything in medical images): a stem of two 1 × 1 convolutions that keeps all of the 256 × 256
pixels, and no halving before the last stage. The modules bear the names of the published weights, so that those load as
they are. The file needs torch only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEM = (32, 64)
"""Channels after the two convolutions of the stem; the first stage has those of the second."""

WIDENING = 4
"""By how much a block widens its channels inside."""


@dataclass(frozen=True)
class WindowStage:
    """Blocks of attention in windows: channels, side of a window, heads, how many, stride of the step before them."""

    channels: int
    window: int
    heads: int
    repeats: int
    stride: int


STAGES = (
    WindowStage(128, 7, 4, 2, 2),
    WindowStage(160, 14, 5, 6, 2),
    WindowStage(320, 7, 10, 2, 1),
)
"""The stages after the first one, which has two convolutional blocks."""

OUT = 256
"""Channels of the encoder's map, which has a quarter of the picture's sides."""


class NormedConv(nn.Sequential):
    """A convolution without bias, and batch normalisation by the statistics of the published training."""

    def __init__(self, into: int, out: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.add_module("c", nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False))
        self.add_module("bn", nn.BatchNorm2d(out))


class PixelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel of a map (N, C, y, x)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        normed = F.layer_norm(x.movedim(1, -1), self.weight.shape, self.weight, self.bias, eps=1e-6)
        return normed.movedim(-1, 1)


class TinyViT(nn.Module):
    """The encoder of light MedSAM: pictures (N, 3, y, x), sides divisible by 4, to maps (N, 256, y / 4, x / 4).

    >>> tuple(TinyViT().eval()(torch.zeros(1, 3, 32, 64)).shape)
    (1, 256, 8, 16)
    """

    def __init__(self) -> None:
        super().__init__()
        narrow, wide = STEM
        self.patch_embed = nn.ModuleDict(
            {"seq": nn.Sequential(NormedConv(3, narrow), nn.GELU(), NormedConv(narrow, wide))}
        )
        first = _Stage([_Convolved(wide) for _ in range(2)])
        self.layers = nn.ModuleList([first])
        into, last = wide, first
        for stage in STAGES:
            last.downsample = _Step(into, stage.channels, stride=stage.stride)
            last = _Stage([_Attended(stage) for _ in range(stage.repeats)])
            self.layers.append(last)
            into = stage.channels
        self.neck = nn.Sequential(
            nn.Conv2d(into, OUT, 1, bias=False),
            PixelNorm(OUT),
            nn.Conv2d(OUT, OUT, 3, padding=1, bias=False),
            PixelNorm(OUT),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """The map of each picture, whose values lie between 0 and 1."""
        x = self.patch_embed["seq"](pictures)  # (N, 64, y, x)
        for layer in self.layers:
            x = layer(x)  # (N, 128, y / 2, x / 2), then (N, 160, y / 4, x / 4), then (N, 320, y / 4, x / 4)
        found: Tensor = self.neck(x)  # (N, 256, y / 4, x / 4)
        return found


class _Stage(nn.Module):
    """Blocks of one resolution, and the step to the next one where there is one."""

    def __init__(self, blocks: list[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample: nn.Module | None = None

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class _Convolved(nn.Module):
    """Widen by a 1 × 1 convolution, convolve each channel alone, narrow again, and add what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = channels * WIDENING
        self.conv1 = NormedConv(channels, wide)
        self.conv2 = NormedConv(wide, wide, kernel=3, groups=wide)
        self.conv3 = NormedConv(wide, channels)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))
        return F.gelu(x + found)


class _Step(nn.Module):
    """From one stage to the next: other channels, and half the sides where the stride is 2."""

    def __init__(self, into: int, out: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = NormedConv(into, out)
        self.conv2 = NormedConv(out, out, kernel=3, stride=stride, groups=out)
        self.conv3 = NormedConv(out, out)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))
        return found


class _Attended(nn.Module):
    """Attention within windows, a convolution of each channel alone, and a perceptron at each place."""

    def __init__(self, stage: WindowStage) -> None:
        super().__init__()
        self.window = stage.window
        self.attn = _WindowAttention(stage)
        self.local_conv = NormedConv(stage.channels, stage.channels, kernel=3, groups=stage.channels)
        self.mlp = _Perceptron(stage.channels)

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        side = self.window
        padded = F.pad(x, (0, -width % side, 0, -height % side))  # (N, C, rows * side, columns * side)
        rows, columns = padded.shape[2] // side, padded.shape[3] // side
        tiles = padded.reshape(n, channels, rows, side, columns, side).permute(0, 2, 4, 3, 5, 1)
        tokens = self.attn(tiles.reshape(-1, side * side, channels))  # (N * rows * columns, side², C)
        tiles = tokens.reshape(n, rows, columns, side, side, channels).permute(0, 5, 1, 3, 2, 4)
        x = x + tiles.reshape(padded.shape)[..., :height, :width]
        x = self.local_conv(x)
        told: Tensor = self.mlp(x.movedim(1, -1))
        return x + told.movedim(-1, 1)


class _WindowAttention(nn.Module):
    """Multi-head attention of the places of a window; its bias depends on how far apart two places are."""

    offsets: Tensor

    def __init__(self, stage: WindowStage) -> None:
        super().__init__()
        self.heads = stage.heads
        self.norm = nn.LayerNorm(stage.channels)
        self.qkv = nn.Linear(stage.channels, 3 * stage.channels)
        self.proj = nn.Linear(stage.channels, stage.channels)
        self.attention_biases = nn.Parameter(torch.zeros(stage.heads, stage.window**2))
        row, column = torch.arange(stage.window**2) // stage.window, torch.arange(stage.window**2) % stage.window
        apart = (row[:, None] - row).abs() * stage.window + (column[:, None] - column).abs()
        self.register_buffer("offsets", apart, persistent=False)  # (side², side²)

    def forward(self, x: Tensor) -> Tensor:
        n, places, channels = x.shape
        parts = self.qkv(self.norm(x)).reshape(n, places, self.heads, 3, channels // self.heads)
        query, key, value = parts.permute(3, 0, 2, 1, 4)  # each (N, heads, side², C / heads)
        bias = self.attention_biases[:, self.offsets]
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        joined: Tensor = self.proj(found.transpose(1, 2).reshape(n, places, channels))
        return joined


class _Perceptron(nn.Module):
    """Two layers at each place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, channels * WIDENING)
        self.fc2 = nn.Linear(channels * WIDENING, channels)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.fc2(F.gelu(self.fc1(self.norm(x))))
        return found
