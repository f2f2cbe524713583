"""What a network tells about its mask: sums over tiles equal what whole arrays give."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from septum.net.architecture.unet import UNet, UNetConfig
from septum.net.engines.evidence import Evidence
from septum.net.engines.onnx import onnx_engine
from septum.net.engines.torch import compared_with, torch_engine, watched_by
from septum.net.inference.predict import TileSettings, predict_classes


def small_net(seed: int, classes: int = 3) -> UNet:
    torch.manual_seed(seed)
    return UNet(
        UNetConfig(
            ndim=2,
            in_channels=1,
            out_channels=classes,
            features=(4, 8),
            strides=((2, 2),),
            kernels=((3, 3), (3, 3)),
        )
    )


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((1, 44, 36)).astype(np.float32)


@pytest.mark.parametrize("memory_mb", [1, 256])
@pytest.mark.parametrize("coordinates", [False, True])
def test_streamed_sums_equal_those_of_the_whole_probability_map(memory_mb: int, coordinates: bool) -> None:
    engine, array = torch_engine([small_net(0)]), image()
    where = (np.linspace(0, 43, 61), np.linspace(0, 35, 30)) if coordinates else None
    shape = (61, 30) if coordinates else (44, 36)
    chances = np.zeros((3, *shape), np.float32)
    evidence = Evidence(3)
    classes = predict_classes(
        engine,
        array,
        settings=TileSettings(patch=(16, 16), memory_mb=memory_mb),
        coordinates=where,
        probabilities=lambda place, block: chances.__setitem__((slice(None), *place), block),
        evidence=evidence,
    )
    for index in range(3):
        mask = classes == index
        if not mask.any():
            assert np.isnan(evidence.expected_dice[index])
            continue
        expected = 2 * chances[index][mask].sum() / (chances[index].sum() + mask.sum())
        assert evidence.expected_dice[index] == pytest.approx(expected, rel=1e-5)
        assert evidence.doubt[index] == pytest.approx((chances[index][mask] < 0.8).mean())
    assert evidence.count.sum() == classes.size


def test_evidence_does_not_change_the_mask() -> None:
    engine, array, settings = torch_engine([small_net(0), small_net(1)]), image(), TileSettings(patch=(16, 16))
    plain = predict_classes(engine, array, settings=settings)
    assert np.array_equal(plain, predict_classes(engine, array, settings=settings, evidence=Evidence(3)))


def test_agreement_is_the_mean_dice_over_pairs_of_networks_and_mirrored_copies() -> None:
    nets, flips = [small_net(0), small_net(1)], [(), (1,)]
    array = image()
    evidence = Evidence(3)
    engine = torch_engine(nets, flips=flips)
    predict_classes(engine, array, settings=TileSettings(patch=(44, 36)), evidence=evidence)
    views = []
    for net, flip in itertools.product(nets, flips):
        alone = torch_engine([net], flips=[flip])
        views.append(predict_classes(alone, array, settings=TileSettings(patch=(44, 36))))
    for index in range(3):
        shared = sum(((a == index) & (b == index)).sum() for a, b in itertools.combinations(views, 2))
        marked = sum((a == index).sum() + (b == index).sum() for a, b in itertools.combinations(views, 2)) / 2
        assert evidence.agreement[index] == pytest.approx(shared / marked, abs=1e-6)


def test_one_network_and_one_copy_have_nobody_to_agree_with() -> None:
    engine, evidence = torch_engine([small_net(0)]), Evidence(3)
    assert watched_by(engine, None) is engine
    predict_classes(engine, image(), settings=TileSettings(patch=(16, 16)), evidence=evidence)
    assert np.isnan(evidence.agreement).all()
    evidence.voted([torch.zeros(1, 4, 4)])
    assert np.isnan(evidence.agreement).all()


def test_a_copy_to_compare_with_speaks_about_agreement_only() -> None:
    plain, array, settings = torch_engine([small_net(0)]), image(), TileSettings(patch=(44, 36))
    evidence, averaged = Evidence(3), Evidence(3)
    engine = compared_with(plain, [(1,)])
    classes = predict_classes(engine, array, settings=settings, evidence=evidence)
    assert np.array_equal(classes, predict_classes(plain, array, settings=settings))
    predict_classes(torch_engine([small_net(0)], flips=[(), (1,)]), array, settings=settings, evidence=averaged)
    np.testing.assert_allclose(evidence.agreement, averaged.agreement)
    assert np.isfinite(evidence.agreement).any()
    assert plain.compared == ()


def test_a_smaller_copy_speaks_about_agreement_only() -> None:
    plain, array, settings = torch_engine([small_net(0)]), image(), TileSettings(patch=(44, 36))
    evidence = Evidence(3)
    engine = compared_with(plain, [None])
    assert np.array_equal(
        predict_classes(engine, array, settings=settings, evidence=evidence),
        predict_classes(plain, array, settings=settings),
    )
    assert np.isfinite(evidence.agreement).any()
    assert plain.compared == ()


def test_networks_whose_mask_is_smaller_than_the_image_are_not_compared_with_smaller_copies() -> None:
    engine = torch_engine([small_net(0)])
    engine.margin = (4, 4)
    assert compared_with(engine, [None]) is engine
    assert compared_with(engine, [(1,)]) is not engine


def test_exported_networks_cannot_be_compared(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    engine, evidence = onnx_engine([small_net(0)], folder=tmp_path), Evidence(3)
    assert compared_with(engine, [(1,)]) is engine
    predict_classes(engine, image(), settings=TileSettings(patch=(16, 16)), evidence=evidence)
    assert np.isnan(evidence.agreement).all()
    assert np.isfinite(evidence.expected_dice).any()


def test_votes_of_hand_made_views() -> None:
    evidence = Evidence(2)
    a = torch.tensor([[1, 1, 0, 0]])
    b = torch.tensor([[1, 0, 0, 0]])
    evidence.voted([a, b])
    assert evidence.agreement.tolist() == pytest.approx([2 * 2 / (2 + 3), 2 * 1 / (2 + 1)])


def test_many_classes_are_compared_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("septum.net.engines.torch._PART_BYTES", 1)  # one class at a time
    nets, array = [small_net(0, 5), small_net(1, 5)], image()
    evidence = Evidence(5)
    predict_classes(torch_engine(nets), array, settings=TileSettings(patch=(44, 36)), evidence=evidence)
    views = [predict_classes(torch_engine([n]), array, settings=TileSettings(patch=(44, 36))) for n in nets]
    for index in range(5):
        a, b = views[0] == index, views[1] == index
        if (a | b).any():
            assert evidence.agreement[index] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()), abs=1e-6)
