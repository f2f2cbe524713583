"""What `import septum` gives: names that a person can guess, the rest one dot away, nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import septum

ROOMS = sorted(
    path.name.removesuffix(".py")
    for path in Path(septum.__file__).parent.iterdir()
    if path.name
    not in ("__init__.py", "__init__.pyi", "__main__.py", "__pycache__", "py.typed", "cli", "library", "server")
)


def test_importing_septum_loads_nothing_heavy_and_every_room_follows_when_it_is_named() -> None:
    code = (
        "import sys, septum\n"
        "print([m for m in ('numpy', 'torch', 'fastapi', 'pandas', 'scipy') if m in sys.modules])\n"
        "septum.metrics.dice\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "False"]


@pytest.mark.parametrize("name", septum.__all__)
def test_every_name_at_the_top_can_be_had(name: str) -> None:
    assert getattr(septum, name) is not None
    assert name in dir(septum)


def test_every_room_is_an_attribute() -> None:
    assert set(ROOMS) <= set(septum.__all__)


def test_the_stub_that_editors_read_has_the_same_names() -> None:
    stub = ast.parse(Path(septum.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    names = {a.asname or a.name for n in stub.body if isinstance(n, ast.ImportFrom) for a in n.names}
    names |= {n.target.id for n in stub.body if isinstance(n, ast.AnnAssign)}
    assert names == set(septum.__all__)


def test_a_name_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'trian'; it has .*train"):
        septum.trian  # noqa: B018
