"""What benchmarks, documentation and tools take from Septum is there: nothing else runs all of them."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(path for room in ("benchmarks", "docs", "tools") for path in (ROOT / room).rglob("*.py"))


def is_there(module: str, name: str) -> bool:
    """Whether a module has the name, or is a package with a module of it."""
    found = importlib.import_module(module)
    inside = hasattr(found, "__path__") and importlib.util.find_spec(f"{module}.{name}") is not None
    return inside or hasattr(found, name)


def missing(source: str) -> list[str]:
    """Names that a source takes from modules of Septum that do not have them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "septum":
            found += [f"{node.module}.{name.name}" for name in node.names if not is_there(node.module, name.name)]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_imported_exists(path: Path) -> None:
    assert missing(path.read_text(encoding="utf-8")) == []


def test_a_name_that_is_gone_is_found() -> None:
    source = "from septum.errors import SeptumError, Gone\nfrom septum import io\nfrom os import sep\n"
    assert missing(source) == ["septum.errors.Gone"]
