"""The U-Net against the numbers of its paper, hand-written compositions and its own symmetries."""

from __future__ import annotations

import math
import os
import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from septum.errors import ConfigError
from septum.net.architecture.unet import ConvUnit, UNet, UNetConfig, lecture, paper_unet, probabilities

SMALL = (4, 6, 8)


KINDS = (torch.float32, torch.bfloat16)


def small(**changes: object) -> UNetConfig:
    """A three-level 2-D network of the auto kind; `changes` replace fields."""
    config = UNetConfig(
        ndim=2,
        in_channels=1,
        out_channels=3,
        features=SMALL,
        strides=((2, 2), (2, 2)),
        kernels=((3, 3),) * 3,
        norm="instance",
        activation="leaky_relu",
        down="strided",
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def test_the_papers_network_maps_572_to_388_with_a_margin_of_92() -> None:
    network = UNet(paper_unet(2, 1, out_channels=2, features=(1,) * 5))  # sizes do not depend on the features
    assert network.output_size((572, 572)) == (388, 388)
    assert network.margin == (92, 92)
    assert network.divisor == (16, 16)
    assert network.valid_input_size((388, 388)) == (572, 572)
    assert network(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)


def test_the_papers_network_has_the_parameters_of_figure_1() -> None:
    """Read off figure 1, one line per arrow: kernel area × inputs × outputs + one bias per output."""
    down = [
        9 * 1 * 64 + 64, 9 * 64 * 64 + 64,
        9 * 64 * 128 + 128, 9 * 128 * 128 + 128,
        9 * 128 * 256 + 256, 9 * 256 * 256 + 256,
        9 * 256 * 512 + 512, 9 * 512 * 512 + 512,
        9 * 512 * 1024 + 1024, 9 * 1024 * 1024 + 1024,
    ]  # fmt: skip
    up = [
        4 * 1024 * 512 + 512, 9 * 1024 * 512 + 512, 9 * 512 * 512 + 512,
        4 * 512 * 256 + 256, 9 * 512 * 256 + 256, 9 * 256 * 256 + 256,
        4 * 256 * 128 + 128, 9 * 256 * 128 + 128, 9 * 128 * 128 + 128,
        4 * 128 * 64 + 64, 9 * 128 * 64 + 64, 9 * 64 * 64 + 64,
    ]  # fmt: skip
    head = 1 * 64 * 2 + 2
    assert sum(down) + sum(up) + head == 31_030_658
    network = UNet(paper_unet(2, 1, out_channels=2))
    assert sum(p.numel() for p in network.parameters()) == 31_030_658
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convolutions) == 23  # "In total the network has 23 convolutional layers"


def test_dropout_acts_in_training_only_and_at_the_two_deepest_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, float, bool]] = []

    def spy(x: Tensor, p: float, training: bool) -> Tensor:
        seen.append((x.shape[1], p, training))
        return x

    network = UNet(paper_unet(2, 1, out_channels=2, features=SMALL))
    x = torch.zeros(1, 1, *network.valid_input_size((2, 2)))
    monkeypatch.setattr(F, "dropout", spy)
    network(x)
    network.eval()(x)
    assert seen == [(6, 0.5, True), (8, 0.5, True), (6, 0.5, False), (8, 0.5, False)]


def test_weights_start_with_the_standard_deviation_of_he_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    network = UNet(paper_unet(2, 1, out_channels=2, features=(32, 64, 128)))
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert module.bias is not None
            assert not module.bias.any()
            incoming = module.in_channels * (
                1 if isinstance(module, nn.ConvTranspose2d) else module.kernel_size[0] ** 2
            )
            if module.weight.numel() > 2000:
                assert module.weight.std().item() == pytest.approx(math.sqrt(2 / incoming), rel=0.05)


def by_hand(network: UNet, x: Tensor) -> Tensor:
    """Three levels written out, in the lecture's words, for either padding (features SMALL, no normalisation)."""
    pad = 1 if network.config.padding == "same" else 0
    state = network.state_dict()

    def double(x: Tensor, name: str) -> Tensor:
        x = F.relu(F.conv2d(x, state[f"{name}.first.conv.weight"], state[f"{name}.first.conv.bias"], padding=pad))
        return F.relu(F.conv2d(x, state[f"{name}.second.conv.weight"], state[f"{name}.second.conv.bias"], padding=pad))

    def up(x: Tensor, skip: Tensor, level: int) -> Tensor:
        x = F.conv_transpose2d(x, state[f"ups.{level}.weight"], state[f"ups.{level}.bias"], stride=2)
        top, left = ((s - o) // 2 for s, o in zip(skip.shape[2:], x.shape[2:], strict=True))
        skip = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        return double(torch.cat([x, skip], dim=1), f"decoder.{level}")

    one = double(x, "encoder.0")
    two = double(F.max_pool2d(one, 2), "encoder.1")
    three = double(F.max_pool2d(two, 2), "encoder.2")
    x = up(up(three, two, 1), one, 0)
    return F.conv2d(x, state["head.weight"], state["head.bias"])


@pytest.mark.parametrize(("form", "size"), [(lecture, (16, 24)), (paper_unet, (44, 52))])
def test_the_network_equals_its_composition_written_by_hand(form: object, size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    network = UNet(form(2, 2, out_channels=3, features=SMALL)).double().eval()  # type: ignore[operator]
    x = torch.randn(2, 2, *size, dtype=torch.float64)
    logits = network(x)
    assert logits.shape == (2, 3, *network.output_size(size))
    torch.testing.assert_close(logits, by_hand(network, x))
    torch.testing.assert_close(F.conv2d(network.features(x), network.head.weight, network.head.bias), logits)


def test_valid_output_is_the_centre_of_the_same_padded_output() -> None:
    """Far enough from the border the two paddings compute the same function."""
    torch.manual_seed(2)
    valid = UNet(paper_unet(2, 1, out_channels=2, features=SMALL)).double().eval()
    same = UNet(replace(valid.config, padding="same")).double().eval()
    same.load_state_dict(valid.state_dict())
    margin, front = (
        valid.margin[0],
        2,
    )  # the unpadded pooling grids start at voxels 2 and 6: 2 more puts them on 4 and 8
    assert margin == 20
    x = torch.randn(1, 1, 64, 64, dtype=torch.float64)
    centre = same(x)[:, :, front + margin : -front - margin, front + margin : -front - margin]
    torch.testing.assert_close(valid(x[:, :, front:-front, front:-front]), centre)


@given(st.integers(0, 2), st.integers(0, 2))
def test_shifting_the_input_of_the_valid_network_by_its_divisor_shifts_the_output(down: int, right: int) -> None:
    torch.manual_seed(3)
    network = UNet(paper_unet(2, 1, out_channels=2, features=(2, 3, 4))).double().eval()
    size, step = 60, network.divisor[0]
    y, x = down * step, right * step
    plane = torch.randn(1, 1, size + 2 * step, size + 2 * step, dtype=torch.float64)
    whole = network(plane)
    part = network(plane[:, :, y : y + size, x : x + size])
    torch.testing.assert_close(part, whole[:, :, y : y + part.shape[2], x : x + part.shape[3]])


@pytest.mark.parametrize("down", ["maxpool", "strided"])
@pytest.mark.parametrize("residual", [False, True])
def test_a_3d_network_with_flat_kernels_is_the_2d_network_slice_by_slice(down: str, residual: bool) -> None:
    torch.manual_seed(4)
    flat = small(down=down, residual=residual, norm="none")
    deep = replace(flat, ndim=3, strides=((1, 2, 2),) * 2, kernels=((1, 3, 3),) * 3)
    plane, volume = UNet(flat).double().eval(), UNet(deep).double().eval()
    volume.load_state_dict({name: values.unsqueeze(2) if values.ndim == 4 else values
                            for name, values in plane.state_dict().items()})  # fmt: skip
    x = torch.randn(1, 1, 5, 16, 24, dtype=torch.float64)  # (N, C, z, y, x)
    expected = torch.stack([plane(x[:, :, z]) for z in range(5)], dim=2)
    torch.testing.assert_close(volume(x), expected)


def test_levels_without_down_sampling_along_z_keep_its_size_free() -> None:
    config = replace(small(), ndim=3, strides=((1, 2, 2), (2, 2, 2)), kernels=((1, 3, 3), (3, 3, 3), (3, 3, 3)))
    network = UNet(config).eval()
    assert network.divisor == (2, 4, 4)
    assert network(torch.zeros(1, 1, 6, 8, 12)).shape == (1, 3, 6, 8, 12)


def test_deep_supervision_gives_coarser_logits_in_training_and_one_output_afterwards() -> None:
    config = small(features=(4, 4, 4, 4), strides=((2, 2),) * 3, kernels=((3, 3),) * 4, deep_supervision=2)
    network = UNet(config)
    x = torch.randn(1, 1, 16, 24)
    assert [tuple(o.shape) for o in network(x)] == [(1, 3, 16, 24), (1, 3, 8, 12), (1, 3, 4, 6)]
    assert network.eval()(x).shape == (1, 3, 16, 24)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("norm", ["none", "instance", "batch"])
@pytest.mark.parametrize("residual", [False, True])
def test_every_parameter_receives_a_finite_gradient_in_bfloat16_channels_last(
    ndim: int, norm: str, residual: bool
) -> None:
    torch.manual_seed(7)
    config = replace(
        small(norm=norm, residual=residual, deep_supervision=1),
        ndim=ndim,
        strides=((2,) * ndim,) * 2,
        kernels=((3,) * ndim,) * 3,
    )
    layout = torch.channels_last if ndim == 2 else torch.channels_last_3d
    network = UNet(config).to(memory_format=layout)
    x = torch.randn(2, 1, *(8,) * ndim).to(memory_format=layout)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = network(x)
    assert outputs[0].dtype == torch.bfloat16
    sum(o.float().square().mean() for o in outputs).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("channels", [(8, 8), (4, 8), (16, 16)])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_gradients_in_bfloat16_come_from_the_samples_and_not_from_memory(depth: int, channels: tuple[int, int]) -> None:
    """Memory is filled with what is no number before each pass: a kernel that reads what nobody wrote shows."""
    config = small(norm="none", ndim=3, strides=((2,) * 3,) * 2, kernels=((3,) * 3,) * 3)
    unit = ConvUnit(config, channels[0], out=channels[1], kernel=(3,) * 3, stride=(1,) * 3)
    x = torch.randn(2, channels[0], depth, 8, 8, generator=torch.Generator().manual_seed(depth))
    sizes = random.Random(depth)

    def leave_behind() -> None:
        [torch.full((sizes.randint(1, 60_000),), torch.nan, dtype=kind) for kind in KINDS for _ in range(15)]

    def gradient(low: bool) -> torch.Tensor:
        unit.zero_grad()
        leave_behind()
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            y = unit(x)
        assert y.dtype == (torch.bfloat16 if low else torch.float32)
        leave_behind()
        y.float().square().mean().backward()
        weight = unit.conv.weight.grad
        assert weight is not None
        return weight.clone()

    exact = gradient(False)
    for _ in range(20):
        assert float((gradient(True) - exact).norm() / exact.norm()) < 0.02


@pytest.mark.skipif(
    os.environ.get("ONEDNN_MAX_CPU_ISA") in ("SSE41", "AVX2"), reason="these processors have no bfloat16 convolutions"
)
@pytest.mark.parametrize("ndim", [2, 3])
def test_no_step_of_the_network_leaves_the_channels_last_layout(ndim: int) -> None:
    layout = torch.channels_last if ndim == 2 else torch.channels_last_3d
    config = replace(small(), ndim=ndim, strides=((2,) * ndim,) * 2, kernels=((3,) * ndim,) * 3)
    network = UNet(config)
    assert all(p.is_contiguous(memory_format=layout) for p in network.parameters() if p.ndim > 2)
    broken: list[str] = []
    for name, module in network.named_modules():
        module.register_forward_hook(
            lambda m, i, o, name=name: None if o.is_contiguous(memory_format=layout) else broken.append(name)
        )
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.randn(2, 1, *(16,) * ndim).to(memory_format=layout))
    assert not broken


def test_probabilities_are_float32_and_follow_the_form() -> None:
    logits = torch.randn(2, 3, 4, 4).bfloat16()
    softmax = probabilities(logits, paper_unet(2, 1, out_channels=3))
    assert softmax.dtype == torch.float32
    torch.testing.assert_close(softmax.sum(dim=1), torch.ones(2, 4, 4))
    torch.testing.assert_close(
        probabilities(logits, lecture(2, 1, out_channels=3)), 1 / (1 + torch.exp(-logits.float()))
    )


@given(
    st.sampled_from(["same", "valid"]),
    st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3),
    st.lists(st.sampled_from([1, 3, 5]), min_size=4, max_size=4),
    st.integers(1, 40),
)
def test_the_size_arithmetic_is_what_the_network_does(
    padding: str, strides: list[int], kernels: list[int], wanted: int
) -> None:
    levels = len(strides) + 1
    config = UNetConfig(
        ndim=2,
        in_channels=1,
        out_channels=2,
        features=(1,) * levels,
        strides=tuple((s, 1) for s in strides),
        kernels=tuple((k, 1) for k in kernels[:levels]),
        padding=padding,  # type: ignore[arg-type]
    )
    network = UNet(config).eval()
    size = network.valid_input_size((wanted, 1))
    out = network.output_size(size)
    assert tuple(network(torch.zeros(1, 1, *size)).shape[2:]) == out
    assert wanted <= out[0] < wanted + network.divisor[0]
    assert tuple(s - o for s, o in zip(size, out, strict=True)) == tuple(2 * m for m in network.margin)
    for smaller in range(1, size[0]):  # it is the smallest one that suffices
        try:
            assert network.output_size((smaller, 1))[0] < wanted
        except ConfigError:
            continue


def test_a_wrong_input_size_is_refused_with_the_sizes_that_fit() -> None:
    same = UNet(small())
    with pytest.raises(ConfigError, match=r"got \(30, 33\); pad it to \(32, 36\) or crop it to \(28, 32\)"):
        same(torch.zeros(1, 1, 30, 33))
    valid = UNet(paper_unet(2, 1, out_channels=2, features=SMALL))
    with pytest.raises(ConfigError, match=r"got \(45, 44\); pad it to \(48, 44\) or crop it to \(44, 44\)"):
        valid(torch.zeros(1, 1, 45, 44))
    with pytest.raises(ConfigError, match=r"got \(10, 44\); pad it to \(44, 44\)$"):
        valid.output_size((10, 44))
    with pytest.raises(ConfigError, match="2 spatial axes"):
        valid.output_size((44, 44, 44))


def test_the_proposed_sizes_do_fit() -> None:
    network = UNet(paper_unet(2, 1, out_channels=2, features=SMALL))
    for size in (44, 48, 52):
        assert network.output_size((size, size)) == (size - 40, size - 40)


@pytest.mark.parametrize("shape", [(1, 2, 16, 16), (1, 16, 16), (1, 1, 16, 16, 16)])
def test_a_batch_of_another_kind_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"input must be a batch \(N, 1, \*\(y, x\)\)"):
        UNet(small())(torch.zeros(shape))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ndim": 4}, "ndim must be one of"),
        ({"norm": "layer"}, "norm must be one of"),
        ({"features": ()}, "at least 1"),
        ({"out_channels": 0}, "at least 1"),
        ({"strides": ((2, 2),)}, "strides must be 2 tuples of 2"),
        ({"strides": ((2, 2), (2, 0))}, "strides must be 2 tuples of 2"),
        ({"kernels": ((3, 3, 3),) * 3}, "kernels must be 3 tuples of 2"),
        ({"kernels": ((3, 2),) * 3}, "kernels must be odd"),
        ({"padding": "valid"}, "padding must be 'same'"),
        ({"deep_supervision": 2}, "deep_supervision must be between 0 and 1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
    ],
)
def test_an_impossible_configuration_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(**changes)
