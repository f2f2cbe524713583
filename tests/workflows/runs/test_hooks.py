"""Hooks that nobody set do nothing, and every workflow takes them as one."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

import septum
from septum.errors import Cancelled
from septum.workflows.runs.hooks import Hooks

WORKFLOWS = Path(septum.__file__).parent / "workflows"
NAMES = {field.name for field in dataclasses.fields(Hooks)}


def test_hooks_that_nobody_set_say_nothing_and_never_stop() -> None:
    hooks = Hooks()
    assert hooks.on_progress("case", 0.5) is None
    assert hooks.on_note("a sentence") is None
    assert hooks.should_stop() is False
    hooks.stop_if_asked()


def test_hooks_cannot_be_changed_while_a_run_uses_them() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Hooks().should_stop = lambda: True  # type: ignore[misc]


def test_a_wish_to_stop_is_raised_where_it_is_asked_for() -> None:
    with pytest.raises(Cancelled):
        Hooks(should_stop=lambda: True).stop_if_asked()


def test_progress_about_something_names_it_and_leaves_the_rest() -> None:
    seen: list[tuple[str, float]] = []
    notes: list[str] = []
    hooks = Hooks(lambda what, share: seen.append((what, share)), notes.append, lambda: True).about("readers of")
    hooks.on_progress("head", 0.25)
    hooks.on_note("as it is")
    assert (seen, notes, hooks.should_stop()) == ([("readers of head", 0.25)], ["as it is"], True)


def test_a_command_inside_of_another_is_unspoken_but_shows_progress_and_stops() -> None:
    seen: list[tuple[str, float]] = []
    notes: list[str] = []
    hooks = Hooks(lambda what, share: seen.append((what, share)), notes.append, lambda: True).unspoken()
    hooks.on_progress("head", 0.25)
    hooks.on_note("train with --folds all")
    assert (seen, notes, hooks.should_stop()) == ([("head", 0.25)], [], True)


def one_by_one(source: str) -> Iterator[str]:
    """Functions that take two or more of the hooks as parameters of their own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            given = {one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
            if len(given & NAMES) > 1:
                yield node.name


def test_a_workflow_takes_its_hooks_as_one() -> None:
    found = {path.name: list(one_by_one(path.read_text(encoding="utf-8"))) for path in WORKFLOWS.rglob("*.py")}
    assert {name: own for name, own in found.items() if own} == {}, "take `hooks: Hooks`"
    assert list(one_by_one("def f(a, *, on_note, should_stop): ...\ndef g(on_note): ...")) == ["f"]
