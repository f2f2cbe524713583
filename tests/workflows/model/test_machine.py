"""Where a network runs and in which precision; timed only where a clock may have a say."""

from __future__ import annotations

import pytest
import torch

from septum.workflows.model import machine
from septum.workflows.model.machine import Machine, choose_device, measure_machine, usual_machine


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds that a step is said to take, by precision; a machine without accelerators."""
    seconds = {"32-true": 1.0, "bf16-mixed": 1.0}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(machine, "seconds_per_step", lambda config, patch, batch, where: seconds[where.precision])
    return seconds


@pytest.mark.parametrize(("bf16", "chosen"), [(0.5, "bf16-mixed"), (0.89, "bf16-mixed"), (0.95, "32-true")])
def test_bfloat16_is_taken_where_it_is_clearly_faster(timed: dict[str, float], bf16: float, chosen: str) -> None:
    timed["bf16-mixed"] = bf16
    assert measure_machine() == Machine("cpu", chosen)


def test_without_a_clock_a_processor_gets_float32(timed: dict[str, float]) -> None:
    timed["bf16-mixed"] = 0.01
    assert usual_machine() == Machine("cpu", "32-true")


def test_what_the_user_says_is_not_timed(timed: dict[str, float]) -> None:
    timed.clear()
    assert measure_machine("cpu", "bf16-mixed") == usual_machine("cpu", "bf16-mixed") == Machine("cpu", "bf16-mixed")


def test_accelerators_are_preferred_and_named_devices_obeyed(
    timed: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device() == "mps"
    assert measure_machine() == Machine("mps", "32-true")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert choose_device("2") == "cuda"
    assert measure_machine() == usual_machine() == Machine("cuda", "16-mixed")
    assert choose_device("cpu") == "cpu"


def test_a_step_is_really_timed() -> None:
    assert 0 < machine.seconds_per_step(machine.PROBE, (16, 16), 1, Machine("cpu", "32-true")) < 60
