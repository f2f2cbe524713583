"""Learning from images without labels: the averaged network says what they hold, and the network must agree.

The insight: the averaged weights, which every run keeps anyway, are a better network than the one that learns (a mean
teacher: Tarvainen & Valpola 2017). What it is sure of in an image that was only turned and bent is taken for its label
(FixMatch: Sohn et al. 2020); the network that learns sees the same patch with other intensities and with a box of
another patch in it (French et al. 2020; UniMatch: Yang et al. 2023), and so learns what does not depend on them. What
the teacher is not sure of counts in no sum. Its word weighs little at first, when it knows little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from septum.errors import ConfigError


@dataclass(frozen=True)
class TeacherConfig:
    """How images without labels take part.

    Args:
        batch: patches of them per step and device, beside those with labels.
        weight: of their loss beside that of the labelled patches; 0 leaves them out.
        confidence: probability from which on the teacher's word counts.
        ramp: share of the budget over which the weight rises.
        cutmix: share of the patches that get a box of another one.
    """

    batch: int = 2
    weight: float = 1.0
    confidence: float = 0.95
    ramp: float = 0.4
    cutmix: float = 1.0

    def __post_init__(self) -> None:
        for name, (low, high) in TEACHER_BOUNDS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"teacher.{name} must lie between {low:g} and {high:g}, got {value:g}")


TEACHER_BOUNDS = {"batch": (1, 4096), "weight": (0, 100), "confidence": (0, 1), "ramp": (0, 1), "cutmix": (0, 1)}


def ramp_up(progress: float, *, length: float) -> float:
    """Share of the full weight at `progress` (0 to 1) of the budget: exp(-5 (1 - t)²) over `length` of it, then 1.

    >>> [round(ramp_up(progress, length=0.4), 3) for progress in (0.0, 0.2, 0.4, 1.0)]
    [0.007, 0.287, 1.0, 1.0]
    """
    left = max(0.0, 1 - progress / length) if length > 0 else 0.0
    return math.exp(-5 * left * left)


def pseudo_labels(logits: Tensor, *, confidence: float, ignore: int) -> Tensor:
    """The likeliest class `(N, *spatial)` of logits `(N, K, *spatial)`, `ignore` where its probability is below
    `confidence`.

    >>> pseudo_labels(torch.tensor([[[0.0, 9.0], [0.1, 0.0]]]), confidence=0.9, ignore=255).tolist()
    [[255, 0]]
    """
    sure, found = logits.float().softmax(1).max(1)
    return torch.where(sure >= confidence, found, found.new_tensor(ignore))
