"""Questions in one batch; `tests/net/inference/test_promptable.py` compares the answers with the published ones."""

from __future__ import annotations

import torch

from septum.net.architecture.prompted_masks import FIRST, LAST, LiteMedSam


def test_questions_asked_together_get_the_answers_that_each_gets_alone() -> None:
    network = LiteMedSam().eval()
    seen = torch.randn(1, 256, 64, 64, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[[10.0, 20.0], [60.0, 90.0]], [[100.0, 80.0], [200.0, 120.0]]])
    kinds = torch.tensor([[FIRST, LAST]])
    with torch.inference_mode():
        together = network(seen, points=boxes, kinds=kinds.expand(2, -1))[0]
        alone = torch.cat([network(seen, points=box[None], kinds=kinds)[0] for box in boxes])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)
