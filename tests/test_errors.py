"""The exception tree, and the one exception that stands beside it."""

import ast
import copy
from pathlib import Path

import pytest

from septum.errors import Cancelled, SeptumError

SOURCES = sorted((Path(__file__).parents[1] / "src/septum").rglob("*.py"))
SECOND_CTRL_C = "stopping.py"  # of the command line: there the process is ended as Python itself would


def test_a_wish_to_stop_is_an_exception_but_no_failure_of_a_case():
    assert issubclass(Cancelled, Exception)
    assert not issubclass(Cancelled, SeptumError)


def test_a_wish_to_stop_crosses_processes_with_its_words():
    assert str(copy.copy(Cancelled("stopped at 40%"))) == "stopped at 40%"
    assert "stopped" in str(Cancelled())


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name != SECOND_CTRL_C], ids=str)
def test_no_code_ends_a_worker_by_the_exception_of_the_keyboard(path):
    raised = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Raise)]
    assert not [node.lineno for node in raised if "KeyboardInterrupt" in ast.dump(node)]
