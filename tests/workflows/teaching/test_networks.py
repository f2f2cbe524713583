"""The lessons on networks: shapes, parameters and multiplications against PyTorch's own count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from septum import lessons
from septum.workflows.teaching import networks


def answers(lesson: object, question: int) -> list[float]:
    return [answer.value for answer in lesson.questions[question].answers]  # type: ignore[attr-defined]


def test_parameters_of_the_first_block_are_those_of_two_convolutions() -> None:
    block = nn.Sequential(nn.Conv2d(1, 16, 3), nn.Conv2d(16, 16, 3))
    assert answers(networks.unet(), 1) == [sum(p.numel() for p in block.parameters())]


@pytest.mark.parametrize("side", [572, 572 + 16, 188])
def test_the_papers_output_is_that_of_its_layers(side: int) -> None:
    size = torch.zeros(1, 1, side, side)
    two = nn.MaxPool2d(3, 1)  # as large as two unpadded 3 × 3 convolutions, once applied twice
    for _ in range(4):
        size = nn.functional.max_pool2d(two(two(size)), 2)
    size = two(two(size))
    for _ in range(4):
        size = two(two(nn.functional.interpolate(size, scale_factor=2)))
    assert networks._paper_output(side) == size.shape[-1]


def test_multiplications_are_kernels_times_pixels() -> None:
    found = networks._multiplications(64, 1, width=16)
    assert found[0] == 64 * 64 * (9 * 1 * 16 + 9 * 16 * 16)
    assert found[1] == 32 * 32 * (9 * 16 * 32 + 9 * 32 * 32)
    assert len(found) == 4
    encoder = sum(found) + 4 * 4 * (9 * 128 * 256 + 9 * 256 * 256)
    decoder = sum((64 // 2**n) ** 2 * (2 * 16 * 2**n * 16 * 2**n + 9 * 16 * 2**n * 3 * 16 * 2**n) for n in range(4))
    assert networks._unet_multiplications(64) == encoder + decoder
    assert networks._unet_multiplications(512) == 64 * networks._unet_multiplications(64)


def test_the_window_costs_hundreds_of_times_as_much_and_time_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "_seconds_per_patch", lambda: (2e-3, 0.25))
    lesson = networks.sliding_window()
    (ratio,) = [int(line.split(": ")[1]) for line in lesson.lines if line.strip().startswith("ratio")]
    assert 100 < ratio < 10000
    assert any("2000 µs for a patch" in line for line in lesson.lines)
    assert any(f"so {2e-3 * 512**2:.0f} s patch by patch, against 0.25 s" in line for line in lesson.lines)
    assert answers(lesson, 2) == [65 * 64]


@pytest.mark.parametrize(
    ("point", "degrees", "expected"), [((10, 0), 90, (0, 10)), ((3, 4), 180, (-3, -4)), ((5, 7), 0, (5, 7))]
)
def test_points_turn_about_the_centre(
    point: tuple[float, float], degrees: float, expected: tuple[float, float]
) -> None:
    assert networks._turn(point, degrees) == pytest.approx(expected, abs=1e-12)


def test_eight_versions_of_an_image_without_interpolation() -> None:
    assert answers(networks.augmentation(), 0) == [8]
    assert answers(networks.augmentation(), 1) == pytest.approx(
        [
            float(value)
            for value in np.array([30 + 40j]) * np.exp(1j * np.deg2rad(20))
            for value in (value.real, value.imag)
        ]
    )


def test_the_small_network_learns_its_picture() -> None:
    weights, x, losses, dice = networks._train_small()
    assert losses[-1] < 0.5 * losses[0]
    assert dice > 0.8
    assert lessons.unet_forward(weights, x).logits.shape[-2:] == x.shape
