"""Where a network runs and in which precision; timed only where a clock may have a say."""

from __future__ import annotations

import pytest
import torch

from septum.net.architecture.unet import lecture
from septum.workflows.model import machine
from septum.workflows.model.machine import Machine, choose_device, measure_machine, usual_machine


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without accelerators."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(("has", "chosen"), [(True, "bf16-mixed"), (False, "32-true")])
def test_a_processor_gets_bfloat16_where_it_multiplies_it_and_no_clock_is_asked(
    plain: None, monkeypatch: pytest.MonkeyPatch, has: bool, chosen: str
) -> None:
    monkeypatch.setattr(machine, "multiplies_bfloat16", lambda: has)
    monkeypatch.setattr(machine, "seconds_per_step", lambda *given, **named: pytest.fail("timed"))
    assert measure_machine() == Machine("cpu", chosen)


def test_bfloat16_that_multiplies_wrongly_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(machine, "BFLOAT16_ERROR", -1.0)
    assert not machine.multiplies_bfloat16()


def test_what_the_user_says_is_taken(plain: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "multiplies_bfloat16", lambda: pytest.fail("asked"))
    assert measure_machine("cpu", "bf16-mixed") == usual_machine("cpu", "bf16-mixed") == Machine("cpu", "bf16-mixed")


def test_accelerators_are_preferred_and_named_devices_obeyed(plain: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device() == "mps"
    assert measure_machine() == Machine("mps", "32-true")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert choose_device("2") == "cuda"
    assert measure_machine() == usual_machine() == Machine("cuda", "16-mixed")
    assert choose_device("cpu") == "cpu"


def test_a_step_is_really_timed() -> None:
    assert (
        0
        < machine.seconds_per_step(lecture(2, 1, out_channels=2), (16, 16), batch=1, machine=Machine("cpu", "32-true"))
        < 60
    )


def test_a_precision_that_was_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "multiplies_bfloat16", lambda: pytest.fail("looked"))
    assert measure_machine("cpu", "32-true") == Machine("cpu", "32-true")


def test_a_processor_that_multiplies_wrongly_gets_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: True)
    assert machine.multiplies_bfloat16()
    monkeypatch.setattr(machine, "BFLOAT16_ERROR", 0.0)
    assert not machine.multiplies_bfloat16()
