"""Hooks that nobody set do nothing."""

from __future__ import annotations

import dataclasses

import pytest

from septum.workflows.runs.hooks import Hooks


def test_hooks_that_nobody_set_say_nothing_and_never_stop() -> None:
    hooks = Hooks()
    assert hooks.on_progress("case", 0.5) is None
    assert hooks.on_note("a sentence") is None
    assert hooks.should_stop() is False


def test_hooks_cannot_be_changed_while_a_run_uses_them() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Hooks().should_stop = lambda: True  # type: ignore[misc]
