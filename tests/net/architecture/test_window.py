"""The sliding-window network: what it says of a pixel is told by the patch around it, however it is computed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from septum.errors import ConfigError
from septum.net.architecture.network import build
from septum.net.architecture.window import WindowConfig, WindowNet, foveate

SMALL = WindowConfig(1, 2, features=(4, 5), kernels=(4, 3), pools=(2, 2), bottom=2, hidden=6)


def network(config: WindowConfig = SMALL, *, seed: int = 0) -> WindowNet:
    """A network in evaluation whose normalisation has seen something."""
    torch.manual_seed(seed)
    made = WindowNet(config)
    made.train()(torch.randn(2, config.in_channels, config.window + 9, config.window + 9) + 1.0)
    return made.eval()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=3),
    st.integers(1, 3),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.integers(0, 99),
)
def test_all_pixels_at_once_are_what_their_patches_are_one_by_one(
    layers: list[tuple[int, int, int]], bottom: int, size: tuple[int, int], seed: int
) -> None:
    features, kernels, pools = zip(*layers, strict=True)
    try:
        config = WindowConfig(2, 3, features=features, kernels=kernels, pools=pools, bottom=bottom, hidden=4)
    except ConfigError:  # a patch without a middle
        return
    made = network(config, seed=seed)
    x = torch.randn(2, 2, *made.valid_input_size(size))
    with torch.inference_mode():
        dense, naive = made(x), made.naive(x)
    assert dense.shape == (2, 3, *size)
    torch.testing.assert_close(dense, naive, atol=1e-5, rtol=1e-5)


def test_the_published_network_looks_at_95_pixels_and_agrees_with_its_definition() -> None:
    made = network(WindowConfig(1, 2))
    assert (made.config.window, made.margin) == (95, (47, 47))
    x = torch.randn(1, 1, 98, 97)
    with torch.inference_mode():
        torch.testing.assert_close(made(x), made.naive(x), atol=1e-5, rtol=1e-5)


def test_a_pixel_depends_on_its_patch_and_on_nothing_else() -> None:
    made, side = network(), SMALL.window
    x = torch.randn(1, 1, side + 10, side + 10, requires_grad=True)
    made(x)[0, 1, 3, 7].backward()
    assert x.grad is not None
    touched = x.grad[0, 0].nonzero()
    low, high = touched.min(0).values, touched.max(0).values
    assert (low >= torch.tensor([3, 7])).all()
    assert (high <= torch.tensor([3, 7]) + side - 1).all()
    assert (high - low >= side // 2).all()


def test_foveation_keeps_the_middle_blurs_the_border_and_is_computed_patch_by_patch() -> None:
    patch = torch.randn(3, 1, 31, 31)
    seen = foveate(patch)
    assert seen[:, :, 15, 15].equal(patch[:, :, 15, 15])
    assert seen[:, :, :3].std() < 0.5 * patch[:, :, :3].std()
    torch.testing.assert_close(foveate(torch.full((1, 2, 9, 9), 3.0)), torch.full((1, 2, 9, 9), 3.0))
    made = network(WindowConfig(**{**vars(SMALL), "foveation": True}))
    x = torch.randn(1, 1, SMALL.window + 2, SMALL.window + 1)
    side = SMALL.window
    with torch.inference_mode():
        whole = made(x)
        one = made(x[..., 1 : 1 + side, :side])
    torch.testing.assert_close(whole[..., 1:2, 0:1], one, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernels": (3, 3)}, "middle pixel"),
        ({"kernels": (4,)}, "as many as features"),
        ({"features": ()}, "as many as features"),
        ({"hidden": 0}, "at least 1"),
    ],
)
def test_impossible_networks_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WindowConfig(**{**vars(SMALL), **changes})  # type: ignore[arg-type]


def test_wrong_images_are_refused_with_what_would_fit() -> None:
    made = network()
    with pytest.raises(ConfigError, match=f"at least {SMALL.window} pixels"):
        made(torch.zeros(1, 1, SMALL.window, SMALL.window - 1))
    with pytest.raises(ConfigError, match="batch"):
        made(torch.zeros(1, 2, 40, 40))
    with pytest.raises(ConfigError, match="batch"):
        made.naive(torch.zeros(1, 40, 40))


def test_it_is_built_by_its_configuration() -> None:
    assert isinstance(build(SMALL), WindowNet)
    assert build(SMALL).divisor == (1, 1)
