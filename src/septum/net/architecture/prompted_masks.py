"""Light MedSAM: one network that draws what a click or a box points at, in images nobody trained it for.

The insight: the network is two. The encoder (`tinyvit`) sees the picture alone; prompts become a few tokens beside its
map, and a small decoder makes masks of them, with an estimate of how well each overlaps the thing that is meant.

After Kirillov et al. 2023 (Segment Anything): random Fourier features say where a prompt is, a learnt vector says of
which kind it is, and each mask is the product of a token with the enlarged map. The modules bear the names of the
published weights (Ma et al. 2024, Segment anything in medical images, LiteMedSAM). The file needs torch only.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from septum.net.architecture.tinyvit import PixelNorm, TinyViT
from septum.net.architecture.two_way import CHANNELS, TwoWay

SIDE = 256
"""Pixels along each side of the pictures that the network sees."""

MASKS = 4
"""Masks of each answer: the one for prompts that leave no doubt, and three for those that do (part, whole, more)."""

AWAY, TOWARDS, FIRST, LAST = 0, 1, 2, 3
"""Kinds of points: not of the object, of it, and the first and last corner of a box around it."""

NONE = -1
"""No point at all: what the published training put behind points without a box."""


class LiteMedSam(nn.Module):
    """Encoder, prompts and decoder.

    >>> network = LiteMedSam().eval()
    >>> seen = network.image_encoder(torch.zeros(1, 3, 256, 256))
    >>> box, kinds = torch.tensor([[[20.0, 30.0], [90.0, 80.0]]]), torch.tensor([[FIRST, LAST]])
    >>> masks, overlap = network(seen, points=box, kinds=kinds)
    >>> tuple(masks.shape), tuple(overlap.shape)
    ((1, 4, 256, 256), (1, 4))
    """

    def __init__(self) -> None:
        super().__init__()
        self.image_encoder = TinyViT()
        self.prompt_encoder = _Prompts()
        self.mask_decoder = _Decoder()

    def forward(
        self, seen: Tensor, *, points: Tensor, kinds: Tensor, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The masks that B questions about one picture get.

        Args:
            seen: (1, 256, 64, 64), the encoder's map of the picture.
            points: (B, n, 2), x and y in pixels of the picture from 0, whose middle is a whole number.
            kinds: (B, n), what each point is.
            before: (B, 1, 256, 256), the logits of a mask to be made better; None for none.

        Returns:
            Logits (B, 4, 256, 256), a pixel is of the object where they are above 0; and the intersection over union
            (B, 4) that the network expects of each.
        """
        asked = self.prompt_encoder.tokens(points, kinds)
        dense = self.prompt_encoder.dense(before)
        where = self.prompt_encoder.where(seen.shape[2:])
        found: tuple[Tensor, Tensor] = self.mask_decoder(seen, asked=asked, dense=dense, where=where)
        return found


class _Prompts(nn.Module):
    """Points and a mask as vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.pe_layer = _Fourier()
        self.point_embeddings = nn.ModuleList([nn.Embedding(1, CHANNELS) for _ in range(4)])
        self.not_a_point_embed = nn.Embedding(1, CHANNELS)
        self.no_mask_embed = nn.Embedding(1, CHANNELS)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, 4, 2, 2), PixelNorm(4), nn.GELU(), nn.Conv2d(4, 16, 2, 2), PixelNorm(16), nn.GELU(),
            nn.Conv2d(16, CHANNELS, 1),
        )  # fmt: skip

    def tokens(self, points: Tensor, kinds: Tensor) -> Tensor:
        """One vector per point (B, n, 256)."""
        layers = [*self.point_embeddings, self.not_a_point_embed]
        learnt = torch.cat([layer.get_parameter("weight") for layer in layers])  # (5, 256), `NONE` the last
        placed = self.pe_layer((points + 0.5) / SIDE)
        return torch.where(kinds[..., None] == NONE, 0.0, placed) + learnt[kinds]

    def dense(self, before: Tensor | None) -> Tensor:
        """What a mask says about each place (B, 256, 64, 64); for none the same vector (1, 256, 1, 1) everywhere."""
        if before is None:
            return self.no_mask_embed.weight.reshape(1, -1, 1, 1)
        found: Tensor = self.mask_downscaling(before)
        return found

    def where(self, shape: torch.Size) -> Tensor:
        """The position of each place of a map, (1, y * x, 256)."""
        rows, columns = (torch.arange(n, device=self.no_mask_embed.weight.device) for n in shape)
        y, x = torch.meshgrid((rows + 0.5) / len(rows), (columns + 0.5) / len(columns), indexing="ij")
        placed: Tensor = self.pe_layer(torch.stack([x, y], dim=-1).flatten(0, 1)[None])
        return placed


class _Fourier(nn.Module):
    """Positions (..., 2) between 0 and 1 as sines and cosines of random frequencies (..., 256)."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, CHANNELS // 2))

    def forward(self, positions: Tensor) -> Tensor:
        turns = 2 * math.pi * ((2 * positions - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([turns.sin(), turns.cos()], dim=-1)


class _Decoder(nn.Module):
    """From the map and the tokens to masks."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = TwoWay()
        self.iou_token = nn.Embedding(1, CHANNELS)
        self.mask_tokens = nn.Embedding(MASKS, CHANNELS)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(CHANNELS, CHANNELS // 4, 2, 2), PixelNorm(CHANNELS // 4), nn.GELU(),
            nn.ConvTranspose2d(CHANNELS // 4, CHANNELS // 8, 2, 2), nn.GELU(),
        )  # fmt: skip
        self.output_hypernetworks_mlps = nn.ModuleList([_Head(CHANNELS // 8) for _ in range(MASKS)])
        self.iou_prediction_head = _Head(MASKS)

    def forward(self, seen: Tensor, *, asked: Tensor, dense: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])  # (1 + 4, 256)
        tokens = torch.cat([own.expand(len(asked), -1, -1), asked], dim=1)
        places = (seen + dense).flatten(2).transpose(1, 2).expand(len(asked), -1, -1)  # (B, y * x, 256)
        tokens, places = self.transformer(tokens, places, where)
        large = self.output_upscaling(places.transpose(1, 2).unflatten(2, seen.shape[2:]))  # (B, 32, 4 y, 4 x)
        heads = enumerate(self.output_hypernetworks_mlps, start=1)
        weights = torch.stack([head(tokens[:, place]) for place, head in heads], dim=1)  # (B, 4, 32)
        return torch.einsum("bmc,bcyx->bmyx", weights, large), self.iou_prediction_head(tokens[:, 0])


class _Head(nn.Module):
    """Three layers from a token to `out` numbers."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(CHANNELS, n) for n in (CHANNELS, CHANNELS, out)])

    def forward(self, x: Tensor) -> Tensor:
        first, second, last = self.layers
        found: Tensor = last(F.relu(second(F.relu(first(x)))))
        return found
