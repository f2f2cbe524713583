"""What a teacher's word is worth, and when."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import ConfigError
from septum.net.learning.teacher import TeacherConfig, pseudo_labels, ramp_up


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_weight_only_rises_and_is_whole_after_the_ramp(length: float, one: float, other: float) -> None:
    early, late = sorted((one, other))
    assert 0 < ramp_up(early, length=length) <= ramp_up(late, length=length) <= 1
    assert ramp_up(length, length=length) == 1


@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.8, 0.999])
def test_only_what_the_teacher_is_sure_of_gets_a_label(confidence: float) -> None:
    logits = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 3
    found = pseudo_labels(logits, confidence=confidence, ignore=255)
    sure = logits.softmax(1).amax(1) >= confidence
    assert torch.equal(found != 255, sure)
    assert torch.equal(found[sure], logits.argmax(1)[sure])


@pytest.mark.parametrize(
    "wrong", [{"batch": 0}, {"weight": -1.0}, {"confidence": 1.1}, {"ramp": -0.1}, {"cutmix": 2.0}]
)
def test_a_number_out_of_its_range_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=rf"teacher\.{next(iter(wrong))} must lie between"):
        TeacherConfig(**wrong)  # type: ignore[arg-type]


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="confidence"):
        TeacherConfig(confidence=float("nan"))
