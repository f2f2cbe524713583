"""The multi-layer perceptron and backpropagation: weighted sums, a bend, and the chain rule run backwards.

The insight: going back is going forward with the arrows turned. Every layer keeps what it saw; given the loss's
gradient at its output it can say the gradient at its weights (what it saw times that gradient) and at its input (its
weights times that gradient), which is the output of the layer before. Rumelhart, Hinton & Williams 1986, Nature
323:533-536.

Inputs are (N, features), one row per sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Float64Array
from septum.options import at_least, one_of

ACTIVATIONS = ("sigmoid", "tanh", "relu")
LOSSES = ("cross entropy", "squared error")


@dataclass(frozen=True)
class Perceptron:
    """Weights (into, out) and biases (out,) of each layer, and what bends the hidden sums.

    The loss decides the last layer: "cross entropy" takes its sums as logits of classes (softmax), "squared error"
    bends them as the hidden ones.
    """

    weights: tuple[Float64Array, ...]
    biases: tuple[Float64Array, ...]
    activation: str = "tanh"
    loss: str = "cross entropy"

    def __post_init__(self) -> None:
        one_of(self.activation, ACTIVATIONS, name="activation")
        one_of(self.loss, LOSSES, name="loss")
        if not self.weights or any(a.shape[1] != b.shape[0] for a, b in pairwise(self.weights)):
            shapes = [w.shape for w in self.weights]
            raise ConfigError(f"weights must follow one another (into, out), got {shapes}; match their sizes")

    @classmethod
    def create(
        cls,
        widths: Sequence[int],
        *,
        generator: np.random.Generator,
        activation: str = "tanh",
        loss: str = "cross entropy",
    ) -> Perceptron:
        """A network of any depth with random weights; `widths` are features, hidden neurons …, outputs.

        The weights have the variance 1 / inputs (2 / inputs for ReLU), so that sums neither grow nor fade with depth.

        >>> Perceptron.create((2, 8, 8, 3), generator=np.random.default_rng(0)).size
        123
        """
        if len(widths) < 2 or min(widths) < 1:
            raise ConfigError(f"widths must be at least two positive numbers, got {tuple(widths)}; name every layer")
        gain = 2.0 if activation == "relu" else 1.0
        weights = tuple(generator.normal(0.0, np.sqrt(gain / a), (a, b)) for a, b in pairwise(widths))
        return cls(weights, tuple(np.zeros(width) for width in widths[1:]), activation, loss)

    @property
    def size(self) -> int:
        """How many numbers it learns."""
        return sum(w.size + b.size for w, b in zip(self.weights, self.biases, strict=True))


@dataclass(frozen=True)
class Trace:
    """What a forward pass computed: each layer's input, its weighted sums, and the output (probabilities or values)."""

    inputs: tuple[Float64Array, ...]
    sums: tuple[Float64Array, ...]
    output: Float64Array


@dataclass(frozen=True)
class Gradients:
    """The loss's gradient at every weight and bias, at the sums of every layer (the "errors"), and at the input."""

    weights: tuple[Float64Array, ...]
    biases: tuple[Float64Array, ...]
    sums: tuple[Float64Array, ...]
    inputs: Float64Array


def activate(sums: Float64Array, activation: str) -> Float64Array:
    """Sigmoid 1 / (1 + e^-s), tanh, or ReLU max(0, s).

    >>> activate(np.array([-1.0, 2.0]), "relu").tolist()
    [0.0, 2.0]
    """
    if activation == "sigmoid":
        return sigmoid(sums)
    return np.tanh(sums) if activation == "tanh" else np.maximum(sums, 0.0)


def slope(sums: Float64Array, activation: str) -> Float64Array:
    """Derivative of `activate`; ReLU's at 0 is 0.

    >>> slope(np.array([-1.0, 0.0, 2.0]), "relu").tolist()
    [0.0, 0.0, 1.0]
    """
    if activation == "relu":
        return (sums > 0).astype(np.float64)
    value = activate(sums, activation)
    return value * (1 - value) if activation == "sigmoid" else 1 - value**2


def sigmoid(sums: Float64Array) -> Float64Array:
    """1 / (1 + e^-s), without overflow on either side.

    >>> sigmoid(np.array([0.0, 800.0, -800.0])).tolist()
    [0.5, 1.0, 0.0]
    """
    small = np.exp(-np.abs(sums))
    return np.where(sums >= 0, 1.0, small) / (1.0 + small)


def softmax(logits: Float64Array) -> Float64Array:
    """Probabilities along the last axis; each row sums to 1.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Float64Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def forward(network: Perceptron, inputs: ArrayLike) -> Trace:
    """Run inputs (N, features) through the network, keeping every intermediate value.

    Raises:
        ConfigError: when the inputs have another number of features, or are not finite.

    >>> network = Perceptron((np.array([[2.0], [1.0]]),), (np.array([0.5]),), "sigmoid", "squared error")
    >>> forward(network, [[1.0, 3.0]]).sums[0].tolist()  # 1 × 2 + 3 × 1 + 0.5
    [[5.5]]
    """
    x = _inputs(network, inputs)
    seen, sums = [], []
    last = len(network.weights) - 1
    for layer, (weights, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        seen.append(x)
        sums.append(x @ weights + bias)
        if layer == last and network.loss == "cross entropy":
            x = softmax(sums[-1])
        else:
            x = activate(sums[-1], network.activation)
    return Trace(tuple(seen), tuple(sums), x)


def loss(network: Perceptron, trace: Trace, *, targets: ArrayLike) -> float:
    """Mean over the samples: cross entropy -log p(class) for classes (N,), half the squared error for (N, outputs).

    >>> network = Perceptron((np.array([[0.0]]),), (np.array([0.0]),), "sigmoid", "squared error")
    >>> loss(network, forward(network, [[3.0]]), targets=[[1.0]])  # (0.5 - 1)² / 2
    0.125
    """
    wanted = _targets(network, trace, targets=targets)
    if network.loss == "cross entropy":
        chances = trace.output[wanted.astype(bool)]
        return float(-np.log(np.maximum(chances, 1e-300)).mean())
    return float(0.5 * ((trace.output - wanted) ** 2).sum(axis=1).mean())


def backward(network: Perceptron, trace: Trace, targets: ArrayLike) -> Gradients:
    """Gradients of `loss` by the chain rule, from the last layer to the first.

    For both losses the story begins with output minus target; the squared error's is bent back by the slope.

    >>> network = Perceptron((np.array([[0.0]]),), (np.array([0.0]),), "sigmoid", "squared error")
    >>> backward(network, forward(network, [[3.0]]), [[1.0]]).weights[0].tolist()  # (0.5 - 1) × 0.5 × 0.5 × 3
    [[-0.375]]
    """
    error = (trace.output - _targets(network, trace, targets=targets)) / len(trace.output)
    if network.loss == "squared error":
        error = error * slope(trace.sums[-1], network.activation)
    weights, biases, errors = [], [], [error]
    for layer in reversed(range(len(network.weights))):
        weights.append(trace.inputs[layer].T @ errors[-1])
        biases.append(errors[-1].sum(axis=0))
        back = errors[-1] @ network.weights[layer].T
        errors.append(back * slope(trace.sums[layer - 1], network.activation) if layer else back)
    return Gradients(tuple(weights[::-1]), tuple(biases[::-1]), tuple(errors[-2::-1]), errors[-1])


def descend(network: Perceptron, gradients: Gradients, *, rate: float) -> Perceptron:
    """One step down the slope: every weight minus `rate` times its gradient; a new network.

    >>> network = Perceptron((np.array([[0.0]]),), (np.array([0.0]),), "sigmoid", "squared error")
    >>> gradients = backward(network, forward(network, [[3.0]]), [[1.0]])
    >>> descend(network, gradients, rate=2.0).weights[0].tolist()  # 0 + 2 × 0.375
    [[0.75]]
    """
    at_least(rate, 0.0, name="rate")
    weights = tuple(w - rate * g for w, g in zip(network.weights, gradients.weights, strict=True))
    biases = tuple(b - rate * g for b, g in zip(network.biases, gradients.biases, strict=True))
    return Perceptron(weights, biases, network.activation, network.loss)


def train(
    network: Perceptron, inputs: ArrayLike, *, targets: ArrayLike, rate: float = 0.5, steps: int = 200
) -> tuple[Perceptron, NDArray[np.float64]]:
    """Gradient descent on all samples at once: the trained network, and the loss before each step (steps,).

    >>> xor = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> start = Perceptron.create((2, 8, 2), generator=np.random.default_rng(0))
    >>> trained, _ = train(start, xor, targets=[0, 1, 1, 0], steps=500)
    >>> predict(trained, xor).tolist()
    [0, 1, 1, 0]
    """
    losses = np.empty(int(at_least(steps, 1, name="steps")))
    for step in range(steps):
        trace = forward(network, inputs)
        losses[step] = loss(network, trace, targets=targets)
        network = descend(network, backward(network, trace, targets), rate=rate)
    return network, losses


def predict(network: Perceptron, inputs: ArrayLike) -> NDArray[np.intp]:
    """The class (N,) with the largest output.

    >>> network = Perceptron((np.array([[1.0, -1.0]]),), (np.zeros(2),), "relu", "cross entropy")
    >>> predict(network, [[2.0], [-2.0]]).tolist()
    [0, 1]
    """
    classes: NDArray[np.intp] = forward(network, inputs).output.argmax(axis=1)
    return classes


def _inputs(network: Perceptron, inputs: ArrayLike) -> Float64Array:
    x = np.asarray(inputs, dtype=np.float64)
    wanted = network.weights[0].shape[0]
    if x.ndim != 2 or x.shape[1] != wanted or len(x) == 0:
        raise ConfigError(f"inputs must be (N, {wanted}) with at least one row, got {x.shape}; one column per feature")
    if not np.isfinite(x).all():
        raise ConfigError("inputs must be finite, got nan or infinity; leave such samples out")
    return x


def _targets(network: Perceptron, trace: Trace, *, targets: ArrayLike) -> Float64Array:
    """Classes (N,) as rows with a single 1, or values (N, outputs) as they are."""
    wanted = np.asarray(targets)
    count, outputs = trace.output.shape
    if network.loss == "cross entropy":
        whole = wanted.shape == (count,) and np.issubdtype(wanted.dtype, np.integer)
        if not whole or wanted.min() < 0 or wanted.max() >= outputs:
            raise ConfigError(f"targets must be {count} classes from 0 to {outputs - 1}, got shape {wanted.shape}")
        rows: Float64Array = np.eye(outputs)[wanted]
        return rows
    if wanted.shape != (count, outputs):
        raise ConfigError(f"targets must be {(count, outputs)}, got {wanted.shape}; one row per sample")
    return wanted.astype(np.float64)
