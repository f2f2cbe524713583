"""The perceptron: gradients by hand, by differences and by PyTorch; what it learns beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from tests.lessons.gradients import assert_gradients_agree, numerical_gradient

from septum.errors import ConfigError
from septum.lessons import perceptron
from septum.lessons.perceptron import Perceptron


def network(widths=(3, 5, 4, 2), activation="tanh", loss="cross entropy", seed=0):
    return Perceptron.create(widths, generator=np.random.default_rng(seed), activation=activation, loss=loss)


def samples(count=7, features=3, seed=1):
    return np.random.default_rng(seed).standard_normal((count, features))


def test_backpropagation_by_hand():
    """One neuron with two inputs: 1 / (1 + e^-(0.5·1 - 0.25·2 + 0)) = 0.5; slope 0.25; error 0.5 - 1."""
    one = Perceptron((np.array([[0.5], [-0.25]]),), (np.zeros(1),), "sigmoid", "squared error")
    trace = perceptron.forward(one, [[1.0, 2.0]])
    assert trace.output.tolist() == [[0.5]]
    assert perceptron.loss(one, trace, targets=[[1.0]]) == 0.125
    gradients = perceptron.backward(one, trace, [[1.0]])
    assert gradients.weights[0].tolist() == [[-0.125], [-0.25]]
    assert gradients.biases[0].tolist() == [-0.125]
    assert gradients.inputs.tolist() == [[-0.0625, 0.03125]]


@given(
    activation=st.sampled_from(perceptron.ACTIVATIONS),
    loss=st.sampled_from(perceptron.LOSSES),
    hidden=st.lists(st.integers(1, 4), max_size=3),
)
def test_gradients_are_numerical_ones_at_any_depth(activation, loss, hidden):
    net = network((3, *hidden, 2), activation, loss)
    net = Perceptron(net.weights, tuple(b + 0.1 for b in net.biases), activation, loss)
    x = samples()
    targets = [0, 1, 1, 0, 1, 0, 0] if loss == "cross entropy" else samples(7, 2, seed=2)
    own = perceptron.backward(net, perceptron.forward(net, x), targets)

    def value(weights=net.weights, biases=net.biases, inputs=x):
        moved = Perceptron(weights, biases, activation, loss)
        return perceptron.loss(moved, perceptron.forward(moved, inputs), targets=targets)

    assert_gradients_agree(own.inputs, numerical_gradient(lambda moved: value(inputs=moved), x))
    for layer in range(len(net.weights)):

        def of_weights(moved, layer=layer):
            return value(weights=(*net.weights[:layer], moved, *net.weights[layer + 1 :]))

        def of_biases(moved, layer=layer):
            return value(biases=(*net.biases[:layer], moved, *net.biases[layer + 1 :]))

        assert_gradients_agree(own.weights[layer], numerical_gradient(of_weights, net.weights[layer]))
        assert_gradients_agree(own.biases[layer], numerical_gradient(of_biases, net.biases[layer]))


@pytest.mark.parametrize("activation", perceptron.ACTIVATIONS)
def test_gradients_are_pytorchs(activation):
    net = network(activation=activation)
    x, targets = samples(), np.array([0, 1, 1, 0, 1, 0, 0])
    weights = [torch.tensor(w, requires_grad=True) for w in net.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in net.biases]
    h = torch.tensor(x)
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
        h = h @ w + b
        h = getattr(torch, activation)(h) if layer < 2 else h
    torch.nn.functional.cross_entropy(h, torch.tensor(targets)).backward()
    own = perceptron.backward(net, perceptron.forward(net, x), targets)
    for mine, theirs in zip((*own.weights, *own.biases), (*weights, *biases), strict=True):
        assert np.abs(mine - theirs.grad.numpy()).max() < 1e-10


def test_a_step_down_the_slope_lowers_the_loss_and_leaves_the_network_as_it_was():
    net, x, targets = network(), samples(), [0, 1, 1, 0, 1, 0, 0]
    before = [w.copy() for w in net.weights]
    _, losses = perceptron.train(net, x, targets=targets, rate=0.1, steps=50)
    assert (np.diff(losses) < 0).all()
    assert all(np.array_equal(a, b) for a, b in zip(before, net.weights, strict=True))


def test_large_sums_neither_overflow_nor_lose_the_loss():
    assert perceptron.sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0.0, 0.5, 1.0]
    assert perceptron.softmax(np.array([[1000.0, 0.0]])).tolist() == [[1.0, 0.0]]


def test_it_reads_digits():
    digits = load_digits()
    x, y = digits.data / 16.0, digits.target
    trained, _ = perceptron.train(network((64, 16, 10)), x[:800], targets=y[:800], rate=1.0, steps=120)
    assert (perceptron.predict(trained, x[1200:]) == y[1200:]).mean() > 0.85


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: network(activation="swish"), "activation must be one of sigmoid, tanh, relu"),
        (lambda: network(loss="hinge"), "loss must be one of"),
        (lambda: network((3,)), "widths must be at least two"),
        (lambda: Perceptron((np.ones((2, 3)), np.ones((2, 1))), (np.ones(3), np.ones(1))), "must follow one another"),
        (lambda: perceptron.forward(network(), [[1.0]]), r"inputs must be \(N, 3\)"),
        (lambda: perceptron.forward(network(), [[1.0, np.nan, 0.0]]), "inputs must be finite"),
        (lambda: perceptron.train(network(), samples(), targets=[0] * 6), "targets must be 7 classes"),
        (lambda: perceptron.train(network(), samples(), targets=[2] * 7), "targets must be 7 classes"),
        (lambda: perceptron.train(network(), samples(), targets=[0] * 7, steps=0), "steps must be at least 1"),
        (
            lambda: perceptron.train(network(loss="squared error"), samples(), targets=[[0.0]] * 7),
            r"targets must be \(7, 2\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_remedy(call, message):
    with pytest.raises(ConfigError, match=message):
        call()
