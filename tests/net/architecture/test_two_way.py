"""The two-way transformer; `tests/net/inference/test_promptable.py` compares it with the published one."""

from __future__ import annotations

import torch

from septum.net.architecture.two_way import TwoWay


def test_the_order_of_the_tokens_says_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    asked, places, where = (torch.randn(1, n, 256, generator=generator) for n in (5, 9, 9))
    with torch.inference_mode():
        network = TwoWay()
        tokens, seen = network(asked, places, where)
        turned, again = network(asked.flip(1), places, where)
    torch.testing.assert_close(turned.flip(1), tokens, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(again, seen, atol=1e-5, rtol=1e-4)
