"""The encoder of light MedSAM; `tests/net/inference/test_promptable.py` compares it with the published one."""

from __future__ import annotations

import torch

from septum.net.architecture.tinyvit import PixelNorm, TinyViT


def test_sides_that_fill_no_window_keep_their_quarter() -> None:
    with torch.inference_mode():
        assert TinyViT().eval()(torch.rand(2, 3, 36, 52)).shape == (2, 256, 9, 13)


def test_each_pixel_is_normalised_over_its_channels() -> None:
    found = PixelNorm(8)(torch.rand(1, 8, 3, 3) * 5 + 2)
    torch.testing.assert_close(found.mean(1), torch.zeros(1, 3, 3), atol=1e-5, rtol=0)
