"""The lessons on layers against independent libraries: their numbers are those of torch and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import signal
from torch.nn import functional

from septum.workflows.teaching import layers


def tensor(values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[None, None]


def answers(lesson: object, question: int) -> list[float]:
    return [answer.value for answer in lesson.questions[question].answers]  # type: ignore[attr-defined]


def test_convolution_is_torchs_and_the_true_one_is_scipys() -> None:
    lesson = layers.convolution_lesson()
    assert answers(lesson, 0) == functional.conv2d(tensor(layers.IMAGE), tensor(layers.KERNEL)).ravel().tolist()
    turned = signal.convolve2d(np.array(layers.IMAGE), np.array(layers.KERNEL), mode="valid")
    assert answers(lesson, 1) == [turned[0, 0]]
    halved = functional.conv2d(torch.zeros(1, 1, 128, 128), torch.zeros(1, 1, 3, 3), stride=2, padding=1)
    assert answers(lesson, 2) == [halved.shape[-1]]
    for stride, padding, dilation in ((1, 0, 1), (1, 1, 1), (2, 1, 1), (1, 0, 2)):
        size = functional.conv2d(
            torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 3, 3), stride=stride, padding=padding, dilation=dilation
        ).shape[-1]
        assert any(line.endswith(f"padding {padding}, dilation {dilation}: {size}") for line in lesson.lines)


def test_pooling_is_torchs_and_its_gradient_goes_to_the_winners() -> None:
    lesson = layers.pooling_lesson()
    assert answers(lesson, 0) == functional.max_pool2d(tensor(layers.POOL_FIVE), 3, 1).ravel().tolist()
    assert answers(lesson, 1) == functional.max_pool2d(tensor(layers.POOL_FOUR), 2).ravel().tolist()
    assert answers(lesson, 2) == functional.avg_pool2d(tensor(layers.POOL_FOUR), 2).ravel().tolist()
    four = tensor(layers.POOL_FOUR).requires_grad_()
    functional.max_pool2d(four, 2).sum().backward()
    rows = ["  " + " ".join(f"{value:g}" for value in row) for row in four.grad[0, 0].tolist()]  # type: ignore[index]
    assert list(lesson.lines[-4:]) == rows
    assert "GlobalMaxPooling2D: 9   GlobalAveragePooling2D: 4.0625" in lesson.lines


def test_transposed_convolution_is_torchs_and_every_answer_shows_its_products() -> None:
    lesson = layers.transposed_convolution_lesson()
    found = functional.conv_transpose2d(
        tensor(layers.UP_IMAGE), tensor(layers.UP_FILTER), stride=2, padding=1, output_padding=1
    )
    assert answers(lesson, 0) == found.ravel().tolist()
    full = functional.conv_transpose2d(tensor(layers.UP_IMAGE), tensor(layers.UP_FILTER), stride=2)[0, 0]
    for row, column in np.ndindex(5, 5):
        assert sum(a * b for a, b in layers._meeting(row, column)) == full[row, column]
    assert answers(lesson, 2) == [4, full[2, 2]]


def test_the_perceptrons_gradient_is_the_slope_of_its_loss_and_a_step_goes_down() -> None:
    lesson = layers.perceptron_lesson()
    weights = [torch.tensor(w, requires_grad=True) for w in layers.two_layers().weights]
    value = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    hidden = []
    for weight, bias in zip(weights, layers.two_layers().biases, strict=True):
        value = torch.sigmoid(value @ weight + torch.tensor(bias))
        hidden.append(value)
    loss = ((value - 1) ** 2 / 2).sum()
    loss.backward()
    assert answers(lesson, 0) == pytest.approx(hidden[0][0].tolist())
    gradient = float(weights[1].grad[0, 0])  # type: ignore[index]
    assert answers(lesson, 1) == pytest.approx([gradient])
    assert answers(lesson, 2) == pytest.approx([0.7 - 0.5 * gradient])
    before, after = (float(word) for word in lesson.lines[-1].replace("the loss falls from", "").split(" to "))
    assert before == pytest.approx(loss.item(), abs=1e-4)
    assert after < before
