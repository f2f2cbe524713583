"""The U-Net in numpy: the same numbers as the network that segments, gradients to 1e-6, and it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from tests.lessons.gradients import assert_gradients_agree, numerical_gradient

from septum.errors import ConfigError
from septum.lessons import unet
from septum.lessons.perceptron import sigmoid
from septum.net.architecture.unet import UNet, lecture

FEATURES = (2, 3, 4)


def weights(classes=2, channels=1, features=FEATURES):
    made = unet.create_unet(channels=channels, classes=classes, features=features, generator=np.random.default_rng(0))
    generator = np.random.default_rng(1)
    return {name: value + (0.1 * generator.standard_normal(value.shape)) for name, value in made.items()}


def image(*shape):
    return np.random.default_rng(2).standard_normal(shape)


def test_it_is_the_network_that_segments_with_the_same_weights():
    own = weights(channels=3)
    network = UNet(lecture(2, 3, out_channels=2, features=FEATURES)).double()
    network.load_state_dict({name: torch.tensor(value) for name, value in own.items()})
    x = image(3, 8, 12)
    trace = unet.unet_forward(own, x)
    with torch.no_grad():
        expected = network(torch.tensor(x)[None])[0].numpy()
    assert np.abs(trace.logits - expected).max() < 1e-10


def test_its_gradients_are_those_of_the_network_that_segments():
    own = weights()
    network = UNet(lecture(2, 1, out_channels=2, features=FEATURES)).double()
    network.load_state_dict({name: torch.tensor(value) for name, value in own.items()})
    x, target = image(1, 8, 8), (image(2, 8, 8) > 0).astype(float)
    logits = network(torch.tensor(x)[None])[0]
    value = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor(target))
    value.backward()
    trace = unet.unet_forward(own, x)
    loss, gradient = unet.cross_entropy(trace.logits, target)
    found, _ = unet.unet_backward(own, trace, gradient=gradient)
    assert np.isclose(loss, value.item())
    for name, parameter in network.named_parameters():
        assert np.abs(found[name] - parameter.grad.numpy()).max() < 1e-10, name


def test_every_gradient_of_the_whole_network_is_the_numerical_one():
    own, x, target = weights(classes=1), image(1, 4, 4), (image(1, 4, 4) > 0).astype(float)

    def value(name=None, moved=None, at=x):
        changed = own if name is None else {**own, name: moved}
        return unet.cross_entropy(unet.unet_forward(changed, at).logits, target)[0]

    trace = unet.unet_forward(own, x)
    found, at_image = unet.unet_backward(own, trace, gradient=unet.cross_entropy(trace.logits, target)[1])
    assert set(found) == set(own)
    for name in own:
        numerical = numerical_gradient(lambda moved, name=name: value(name, moved), own[name], step=1e-5)
        assert_gradients_agree(found[name], numerical)
    assert_gradients_agree(at_image, numerical_gradient(lambda moved: value(at=moved), x, step=1e-5))


def test_it_learns_a_tiny_real_image():
    """48 × 48 of the coins, threshold as target: the loss falls and the mask overlaps."""
    patch = data.coins()[20:116:2, 20:116:2].astype(float)
    target = (patch > 110).astype(float)
    start = unet.create_unet(features=(4, 8), generator=np.random.default_rng(0))
    trained, losses = unet.train_unet(start, (patch - patch.mean()) / patch.std(), target=target, steps=40, rate=0.02)
    assert losses[-1] < 0.4 * losses[0]
    chance = sigmoid(unet.unet_forward(trained, (patch - patch.mean()) / patch.std()).logits[0])
    mask = chance > 0.5
    assert 2 * (mask & (target > 0)).sum() / (mask.sum() + target.sum()) > 0.9


def test_what_does_not_fit_is_refused_with_the_remedy():
    own = weights(classes=1)
    with pytest.raises(ConfigError, match="multiples of 4, got"):
        unet.unet_forward(own, image(6, 8))
    with pytest.raises(ConfigError, match="input channels"):
        unet.unet_forward(own, image(2, 8, 8))
    with pytest.raises(ConfigError, match="target must be 0 and 1"):
        unet.cross_entropy(np.zeros((1, 4, 4)), np.full((4, 4), 2))
    with pytest.raises(ConfigError, match="must be positive"):
        unet.create_unet(features=(0, 2), generator=np.random.default_rng(0))
    with pytest.raises(ConfigError, match="steps must be at least 1"):
        unet.train_unet(own, image(8, 8), target=np.zeros((8, 8)), steps=0)
