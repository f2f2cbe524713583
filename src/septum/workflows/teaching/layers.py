"""The lessons on layers: perceptron, convolution, pooling, transposed convolution, on the lecture's own numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from septum import lessons
from septum.lessons import perceptron
from septum.lessons.perceptron import Perceptron
from septum.workflows.teaching import drawing, pictures
from septum.workflows.teaching.lesson import Lesson, posed

IMAGE = ((0, 1, 2), (3, 4, 5), (6, 7, 8))
KERNEL = ((0, 1), (2, 3))
POOL_FIVE = ((3, 3, 2, 1, 0), (0, 0, 1, 3, 1), (3, 1, 2, 2, 3), (2, 0, 0, 2, 2), (2, 0, 0, 0, 1))
POOL_FOUR = ((2, 2, 7, 3), (9, 4, 6, 1), (8, 5, 2, 4), (3, 1, 2, 6))
UP_IMAGE = ((2, 1), (3, 2))
UP_FILTER = ((1, 2, 1), (2, 0, 1), (0, 2, 1))
EDGE = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))


def convolution_lesson() -> Lesson:
    """A kernel slides over an image; networks do not flip it."""
    steps = lessons.convolution_steps(IMAGE, KERNEL)
    flipped = lessons.convolution_steps(IMAGE, KERNEL, flip=True)
    lines = ["input      kernel", "0 1 2      0 1", "3 4 5      2 3", "6 7 8", ""]
    lines += ["the kernel slides over the input, and each output is the sum of the products under it:"]
    lines += [f"  row {s.position[0]}, column {s.position[1]}:  {s.text}" for s in steps]
    lines += ["", "true convolution turns the kernel by 180 degrees first; networks leave it as it is:"]
    lines += [f"  row {s.position[0]}, column {s.position[1]}:  {s.text}" for s in flipped]
    lines += ["", "output size = floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1"]
    for stride, padding, dilation in ((1, 0, 1), (1, 1, 1), (2, 1, 1), (1, 0, 2)):
        size = lessons.output_size(5, size=3, stride=stride, padding=padding, dilation=dilation)
        lines.append(f"  5 pixels, kernel 3, stride {stride}, padding {padding}, dilation {dilation}: {size}")
    first, half = flipped[0], lessons.output_size(128, size=3, stride=2, padding=1)
    return Lesson(
        tuple(lines),
        _draw_convolution,
        (
            posed("The four outputs, row by row?", *((s.value, s.text) for s in steps)),
            posed("The first output of the true convolution (kernel turned by 180°)?", (first.value, first.text)),
            posed(
                "Pixels along a side after kernel 3, stride 2, padding 1 on 128 pixels?",
                (half, f"floor((128 + 2 × 1 - 2 - 1) / 2) + 1 = {half}"),
            ),
        ),
    )


def _draw_convolution() -> Any:
    figure, axes = drawing.new_figure(4, rows=2)
    steps = lessons.convolution_steps(IMAGE, KERNEL)
    output = lessons.convolution(IMAGE, KERNEL)[0]
    drawing.draw_table(axes[0], IMAGE, title="input", box=(0, 0, 2, 2))
    drawing.draw_table(axes[1], KERNEL, title="kernel")
    drawing.draw_table(axes[2], steps[0].products[0], title="products: sum 19")
    drawing.draw_table(axes[3], output, title="output", box=(0, 0, 1, 1))
    coins = pictures.coins()[:150, :190]
    found = lessons.convolution(coins, EDGE, padding=1)[0]
    flipped = lessons.convolution(coins, EDGE, padding=1, flip=True)[0]
    wide = float(np.abs(found).max())
    drawing.picture(axes[4], coins, title="coins")
    drawing.draw_table(axes[5], EDGE, title="kernel: brighter to the right")
    drawing.picture(axes[6], found, title="as networks do it", vmin=-wide, vmax=wide)
    drawing.picture(axes[7], flipped, title="true convolution: signs turned", vmin=-wide, vmax=wide)
    return figure


def pooling_lesson() -> Lesson:
    """One number per window: the largest or the mean."""
    five = lessons.pooling_steps(POOL_FIVE, size=3, stride=1)
    four = lessons.pooling_steps(POOL_FOUR, size=2)
    mean = lessons.pooling_steps(POOL_FOUR, size=2, kind="average")
    lines = ["MaxPooling2D((3, 3), strides=(1, 1), padding='valid'), input 5 × 5:"]
    lines += [f"  row {s.position[0]}, column {s.position[1]}:  {s.text}" for s in five]
    lines += ["", "MaxPooling2D(pool_size=2, strides=2), input 4 × 4:"]
    lines += [f"  row {s.position[0]}, column {s.position[1]}:  {s.text}" for s in four]
    lines += ["", "AveragePooling2D(pool_size=2, strides=2), the same input:"]
    lines += [f"  row {s.position[0]}, column {s.position[1]}:  {s.text}" for s in mean]
    largest, average = (lessons.global_pooling(POOL_FOUR, kind=kind)[0] for kind in ("max", "average"))
    lines += ["", f"GlobalMaxPooling2D: {largest:g}   GlobalAveragePooling2D: {average:g}"]
    back = lessons.pooling_gradient(np.ones((1, 2, 2)), POOL_FOUR, size=2)[0]
    lines += ["", "backwards, the gradient goes to the winner of each window alone:"]
    lines += ["  " + " ".join(f"{value:g}" for value in row) for row in back]
    return Lesson(
        tuple(lines),
        _draw_pooling,
        (
            posed("The nine outputs of the 3 × 3 max pooling, row by row?", *((s.value, s.text) for s in five)),
            posed("The four outputs of the 2 × 2 max pooling?", *((s.value, s.text) for s in four)),
            posed("The four outputs of the 2 × 2 average pooling?", *((s.value, s.text) for s in mean)),
        ),
    )


def _draw_pooling() -> Any:
    figure, axes = drawing.new_figure(4, rows=2)
    drawing.draw_table(axes[0], POOL_FIVE, title="input", box=(0, 0, 3, 3))
    drawing.draw_table(
        axes[1], lessons.pooling(POOL_FIVE, size=3, stride=1)[0], title="max 3×3, stride 1", box=(0, 0, 1, 1)
    )
    drawing.draw_table(axes[2], POOL_FOUR, title="input", box=(0, 0, 2, 2))
    drawing.draw_table(axes[3], lessons.pooling(POOL_FOUR, size=2)[0], title="max 2×2, stride 2", box=(0, 0, 1, 1))
    coins = pictures.coins()[:144, :192]
    drawing.picture(axes[4], coins, title="coins, 144 × 192")
    drawing.picture(axes[5], lessons.pooling(coins, size=8)[0], title="max 8×8: 18 × 24")
    drawing.picture(axes[6], lessons.pooling(coins, size=8, kind="average")[0], title="average 8×8")
    gradient = lessons.pooling_gradient(np.ones((1, 18, 24)), coins, size=8)[0]
    drawing.picture(axes[7], gradient, title="where max's gradient goes")
    return figure


def transposed_convolution_lesson() -> Lesson:
    """Every input pixel stamps the kernel into a larger output."""
    full = lessons.transposed_convolution(UP_IMAGE, UP_FILTER)[0]
    cut = lessons.transposed_convolution(UP_IMAGE, UP_FILTER, padding=1, output_padding=1)[0]
    keras = lessons.transposed_convolution(UP_IMAGE, UP_FILTER, padding="same")[0]
    lines = [
        "input      filter 3 × 3, stride 2, padding 1",
        "2 1        1 2 1",
        "3 2        2 0 1",
        "           0 2 1",
        "",
    ]
    lines += ["every input pixel, times the filter, is added into the output:"]
    lines += [f"  {step.text}" for step in lessons.transposed_convolution_steps(UP_IMAGE, UP_FILTER)]
    lines += ["", "all stamps together, 5 × 5:", *_rows(full)]
    lines += ["", "without the padding (first row and column), 4 × 4 as on the slide:", *_rows(cut)]
    lines += [
        "",
        "Conv2DTranspose(1, (3, 3), strides=(2, 2), padding='same') cuts the last ones instead:",
        *_rows(keras),
    ]
    lines += ["", "output size = (size - 1) stride + kernel - 2 padding + output padding"]
    size = lessons.transposed_output_size(64, size=2)
    return Lesson(
        tuple(lines),
        _draw_transposed,
        (
            posed(
                "The sixteen outputs with the first row and column cut off, row by row?",
                *((cut[y, x], f"row {y}, column {x}: {_sum_at(y + 1, x + 1)}") for y, x in np.ndindex(4, 4)),
            ),
            posed("Pixels along a side after kernel 2, stride 2 on 64 pixels?", (size, f"(64 - 1) × 2 + 2 = {size}")),
            posed(
                "How many stamps reach row 2, column 2 of the full 5 × 5 result, and what do they add up to?",
                (len(_meeting(2, 2)), "all four: each input pixel's filter reaches the middle"),
                (full[2, 2], _sum_at(2, 2)),
            ),
        ),
    )


def _sum_at(row: int, column: int) -> str:
    """The products that meet in a pixel of the full result, and their sum."""
    parts = _meeting(row, column)
    return " + ".join(f"({a} × {b})" for a, b in parts) + f" = {sum(a * b for a, b in parts)}"


def _meeting(row: int, column: int) -> list[tuple[int, int]]:
    """Input pixel and filter value of every stamp that reaches a pixel of the full result."""
    return [
        (UP_IMAGE[y][x], UP_FILTER[row - 2 * y][column - 2 * x])
        for y, x in np.ndindex(2, 2)
        if 0 <= row - 2 * y < 3 and 0 <= column - 2 * x < 3
    ]


def _rows(array: Any) -> list[str]:
    return ["  " + " ".join(f"{value:3g}" for value in row) for row in array]


def _draw_transposed() -> Any:
    figure, axes = drawing.new_figure(4, rows=2)
    full = lessons.transposed_convolution(UP_IMAGE, UP_FILTER)[0]
    drawing.draw_table(axes[0], UP_IMAGE, title="input", box=(0, 1, 1, 1))
    drawing.draw_table(axes[1], UP_FILTER, title="filter")
    drawing.draw_table(axes[2], full, title="full: the stamp of the 1", box=(0, 2, 3, 3))
    cut = lessons.transposed_convolution(UP_IMAGE, UP_FILTER, padding=1, output_padding=1)[0]
    drawing.draw_table(axes[3], cut, title="padding 1: 4 × 4")
    small = lessons.pooling(pictures.coins()[:152, :192], size=4, kind="average")[0]
    drawing.picture(axes[4], small, title="coins, 38 × 48")
    square, tent = np.ones((2, 2)), np.outer([0.5, 1, 0.5], [0.5, 1, 0.5])
    drawing.picture(axes[5], lessons.transposed_convolution(small, square)[0], title="kernel of ones, 2×2")
    drawing.picture(axes[6], lessons.transposed_convolution(small, tent, padding="same")[0], title="tent 3×3: smooth")
    uneven = lessons.transposed_convolution(small, np.ones((3, 3)), padding="same")[0]
    drawing.picture(axes[7], uneven, title="ones 3×3: checkerboard")
    return figure


def two_layers() -> Perceptron:
    """The perceptron of the worked example: two inputs, two hidden neurons, one output, all sigmoid."""
    weights = (np.array([[0.5, -0.4], [0.3, 0.8]]), np.array([[0.7], [-0.6]]))
    return Perceptron(weights, (np.array([0.1, -0.2]), np.array([0.2])), "sigmoid", "squared error")


def perceptron_lesson() -> Lesson:
    """Forward, backward, one step down."""
    network, x, target, rate = two_layers(), [[1.0, 0.5]], [[1.0]], 0.5
    trace = perceptron.forward(network, x)
    back = perceptron.backward(network, trace, target)
    after = perceptron.descend(network, back, rate=rate)
    before_loss = perceptron.loss(network, trace, targets=target)
    after_loss = perceptron.loss(network, perceptron.forward(after, x), targets=target)
    hidden, output = trace.inputs[1][0], trace.output[0, 0]
    sum_1, sum_2 = trace.sums[0][0]
    text_1 = f"1 × 0.5 + 0.5 × 0.3 + 0.1 = {sum_1:.4g};  sigmoid = {hidden[0]:.4f}"
    text_2 = f"1 × -0.4 + 0.5 × 0.8 - 0.2 = {sum_2:.4g};  sigmoid = {hidden[1]:.4f}"
    text_3 = (
        f"{hidden[0]:.4f} × 0.7 + {hidden[1]:.4f} × -0.6 + 0.2 = {trace.sums[1][0, 0]:.4f};  sigmoid = {output:.4f}"
    )
    error, gradient = back.sums[1][0, 0], back.weights[1][0, 0]
    text_4 = f"({output:.4f} - 1) × {output:.4f} × (1 - {output:.4f}) = {error:.4f}"
    text_5 = f"what came in × the error behind it = {hidden[0]:.4f} × {error:.4f} = {gradient:.4f}"
    new = after.weights[1][0, 0]
    text_6 = f"0.7 - {rate} × {gradient:.4f} = {new:.4f}"
    deep = f"{error:.4f} × 0.7 × {hidden[0]:.4f} × (1 - {hidden[0]:.4f}) = {back.sums[0][0, 0]:.4f}"
    lines = (
        "forward: inputs 1 and 0.5, target 1; every neuron: weighted sum, then sigmoid",
        f"  hidden 1:  {text_1}",
        f"  hidden 2:  {text_2}",
        f"  output:    {text_3}",
        f"  loss:      ({output:.4f} - 1)² / 2 = {before_loss:.4f}",
        "",
        "backward: how much would the loss change with each sum, weight by weight from the end",
        f"  error of the output:       {text_4}",
        f"  error of hidden 1:         {deep}",
        f"  gradient of weight 0.7:    {text_5}",
        "",
        f"one step down the slope, rate {rate}:",
        f"  the weight 0.7 becomes     {text_6}",
        f"  the loss falls from {before_loss:.4f} to {after_loss:.4f}",
    )
    return Lesson(
        lines,
        _draw_perceptron,
        (
            posed("The outputs of the two hidden neurons?", (hidden[0], text_1), (hidden[1], text_2)),
            posed("The gradient of the loss at the weight 0.7?", (gradient, f"{text_4}; {text_5}")),
            posed("That weight after a step with rate 0.5?", (new, text_6)),
        ),
    )


def _draw_perceptron() -> Any:
    """Two moons that no line separates: the boundary before, during and after training."""
    from sklearn.datasets import make_moons

    x, y = make_moons(120, noise=0.15, random_state=0)
    network = Perceptron.create((2, 8, 2), generator=np.random.default_rng(1))
    figure, axes = drawing.new_figure(4, width=3.2)
    across, up = np.meshgrid(np.linspace(-1.8, 2.8, 120), np.linspace(-1.3, 1.8, 90))
    places = np.column_stack([across.ravel(), up.ravel()])
    losses: list[float] = []
    for axis, steps in zip(axes, (0, 30, 1500), strict=False):
        while len(losses) < steps:
            trace = perceptron.forward(network, x)
            losses.append(perceptron.loss(network, trace, targets=y))
            network = perceptron.descend(network, perceptron.backward(network, trace, y), rate=0.5)
        chance = perceptron.forward(network, places).output[:, 1].reshape(across.shape)
        axis.contourf(across, up, chance, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
        axis.contour(across, up, chance, levels=[0.5], colors="black", linewidths=1.2)
        axis.scatter(*x.T, c=np.where(y == 1, drawing.ORANGE, drawing.BLUE), s=10)
        right = (perceptron.predict(network, x) == y).mean()
        axis.set_title(f"after {steps} steps: {right:.0%} right", fontsize=11)
    drawing.curve(axes[3], losses, title="loss", across="step", up="cross entropy")
    return figure
