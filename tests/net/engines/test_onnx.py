"""ONNX Runtime: a runtime that is missing is named with the command that installs it."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.net.engines.small import tiny

from septum.errors import ConfigError
from septum.net.engines.onnx import onnx_engine
from septum.net.engines.openvino import openvino_engine


@pytest.mark.parametrize("make", [onnx_engine, openvino_engine])
def test_a_missing_runtime_is_named_with_the_command_that_installs_it(
    make: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r'pip install "\.\[engines\]"'):
        make([tiny()], folder=tmp_path)
    assert not list(tmp_path.iterdir())
