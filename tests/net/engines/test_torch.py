"""PyTorch's engine: ensembles and mirrors are means of logits, parts add up."""

import numpy as np
import pytest
import torch
from tests.net.engines.small import logits_of, noise, tiny

from septum.net.architecture.unet import UNet, paper_unet
from septum.net.engines import torch as engine_module
from septum.net.engines.protocol import mirrors
from septum.net.engines.torch import torch_engine
from septum.net.inference.predict import TileSettings, predict_classes


@pytest.mark.parametrize("ndim", [2, 3])
def test_one_model_gives_its_own_logits(ndim: int) -> None:
    model = tiny(ndim, norm="instance")
    batch = noise(2, 1, *(12, 16, 8)[:ndim])
    np.testing.assert_allclose(torch_engine([model])(batch).numpy(), logits_of(model, batch), atol=1e-5)


def test_parts_add_up_however_small_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [tiny(classes=5, seed=seed) for seed in range(2)]
    batch = noise(1, 1, 8, 8)
    engine = torch_engine(models, flips=mirrors((0, 1)))
    whole = engine(batch)
    monkeypatch.setattr(engine_module, "_PART_BYTES", 4 * 64 * 2)
    parts = list(engine.parts(batch))
    assert len(parts) == 2 * 4 * 3  # models, mirrors, class pairs
    assert {part.shape[1] for _, part in parts} == {1, 2}
    np.testing.assert_allclose(engine(batch).numpy(), whole.numpy(), atol=1e-5)


def test_an_ensemble_is_the_mean_of_logits_over_models_and_mirrors() -> None:
    models = [tiny(seed=seed) for seed in range(3)]
    batch = noise(1, 1, 8, 12)
    expected = [np.flip(logits_of(m, np.flip(batch, f).copy()), f) for m in models for f in ((), (2,), (3,), (2, 3))]
    result = torch_engine(models, flips=mirrors((0, 1)))(batch).numpy()
    np.testing.assert_allclose(result, np.mean(expected, axis=0), atol=1e-5)


def test_mirrors_change_nothing_for_a_network_that_does_not_see_left_from_right() -> None:
    model = tiny()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 4:
                parameter.copy_(torch.stack([parameter, *(parameter.flip(f) for f in [(2,), (3,), (2, 3)])]).mean(0))
    image = noise(1, 40, 44)
    settings = TileSettings((16, 16))
    once, often = (
        predict_classes(torch_engine([model], flips=f), image, settings=settings) for f in ([()], mirrors((0, 1)))
    )
    assert (once == often).mean() > 0.999
    assert len(np.unique(once)) > 1


def test_training_mode_is_left_as_it_was() -> None:
    model = tiny(norm="batch", dropout=0.5).train()
    batch = noise(1, 1, 8, 8)
    engine = torch_engine([model])
    np.testing.assert_array_equal(engine(batch).numpy(), engine(batch).numpy())
    assert model.training
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_bfloat16_logits_stay_close_and_are_float32() -> None:
    model = tiny()
    batch = noise(1, 1, 16, 16)
    low = torch_engine([model], precision="bf16-mixed")(batch)
    assert low.dtype == torch.float32
    np.testing.assert_allclose(low.numpy(), logits_of(model, batch), atol=0.1)
    # float32 head: values that bfloat16 could not hold
    assert (low != low.bfloat16().float()).any()


def test_the_papers_network_predicts_by_overlap_tiles_what_it_predicts_on_the_whole() -> None:
    torch.manual_seed(0)
    model = UNet(paper_unet(2, 1, out_channels=2, features=(4, 6)))
    margin = model.margin[0]
    assert model.margin == (8, 8)
    image = noise(1, 40, 52)
    padded = np.pad(image, [(0, 0), (margin, margin), (margin, margin)], mode="reflect")
    expected = logits_of(model, padded[None])[0].argmax(0)
    classes = predict_classes(torch_engine([model]), image, settings=TileSettings((2 * margin + 12, 2 * margin + 20)))
    assert (classes == expected).mean() > 0.995


def test_an_engine_predicts_images_smaller_than_its_tiles() -> None:
    engine = torch_engine([tiny(norm="instance")])
    for shape in [(1, 1), (3, 100), (33, 2)]:
        assert predict_classes(engine, noise(1, *shape), settings=TileSettings((32, 32))).shape == shape
