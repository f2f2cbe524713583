"""The two-way transformer of SAM: what is asked looks at the picture, and the picture looks at what is asked.

After Kirillov et al. 2023 (Segment Anything), section "Lightweight mask decoder" and its appendix A. A handful of
tokens (one per click, corner and mask) and the 64 × 64 places of the encoder's map attend to each other, so that an
answer costs little beside the map. The modules bear the names of the published weights. The file needs torch only.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS, HEADS, HIDDEN, DEPTH = 256, 8, 2048, 2


class TwoWay(nn.Module):
    """Two blocks in which tokens and places attend to each other, and a last look of the tokens at the places.

    >>> import torch
    >>> tokens, places = TwoWay()(torch.zeros(1, 7, 256), torch.zeros(1, 16, 256), torch.zeros(1, 16, 256))
    >>> tuple(tokens.shape), tuple(places.shape)
    ((1, 7, 256), (1, 16, 256))
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([_Exchange(first=number == 0) for number in range(DEPTH)])
        self.final_attn_token_to_image = _Attention(CHANNELS // 2)
        self.norm_final_attn = nn.LayerNorm(CHANNELS)

    def forward(self, asked: Tensor, places: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, n, 256) and places (B, m, 256), both as they are afterwards; `where` says where the places lie."""
        tokens = asked
        for layer in self.layers:
            tokens, places = layer(tokens, places, asked=asked, where=where)
        seen = self.final_attn_token_to_image(tokens + asked, places + where, value=places)
        return self.norm_final_attn(tokens + seen), places


class _Exchange(nn.Module):
    """Tokens look at each other, then at the places, are worked on, and are looked at by the places."""

    def __init__(self, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = _Attention(CHANNELS)
        self.cross_attn_token_to_image = _Attention(CHANNELS // 2)
        self.mlp = nn.ModuleDict({"lin1": nn.Linear(CHANNELS, HIDDEN), "lin2": nn.Linear(HIDDEN, CHANNELS)})
        self.cross_attn_image_to_token = _Attention(CHANNELS // 2)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(CHANNELS) for _ in range(4))

    def forward(self, tokens: Tensor, places: Tensor, *, asked: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        if self.first:  # the tokens are what was asked still: nothing to add, and nothing to keep
            tokens = self.norm1(self.self_attn(tokens, tokens, value=tokens))
        else:
            tokens = self.norm1(tokens + self.self_attn(tokens + asked, tokens + asked, value=tokens))
        seen = self.cross_attn_token_to_image(tokens + asked, places + where, value=places)
        tokens = self.norm2(tokens + seen)
        tokens = self.norm3(tokens + self.mlp["lin2"](F.relu(self.mlp["lin1"](tokens))))
        told = self.cross_attn_image_to_token(places + where, tokens + asked, value=tokens)
        return tokens, self.norm4(places + told)


class _Attention(nn.Module):
    """Multi-head attention, of fewer channels inside where `inside` is less than 256."""

    def __init__(self, inside: int) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(CHANNELS, inside) for _ in range(3))
        self.out_proj = nn.Linear(inside, CHANNELS)

    def forward(self, query: Tensor, key: Tensor, *, value: Tensor) -> Tensor:
        parts = self.q_proj(query), self.k_proj(key), self.v_proj(value)
        q, k, v = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)  # (B, heads, n, inside / heads)
        found: Tensor = self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return found
