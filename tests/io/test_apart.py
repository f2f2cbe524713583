"""A reader in a process of its own: one that dies or hangs costs one file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.io.headered import nrrd

from septum import io
from septum.errors import FormatError
from septum.io import apart


def test_a_reader_that_dies_or_hangs_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = nrrd(tmp_path / "a.nrrd")
    io.read_image(path)
    program = tmp_path / "itk_process.py"
    for text, message in (("import os; os.abort()", "reader stopped"), ("while True: pass", "within")):
        program.write_text(text)
        with monkeypatch.context() as patched:
            patched.setattr(apart, "__file__", str(tmp_path / "apart.py"))
            patched.setattr(apart, "SECONDS", 0.5)
            for child in apart._children.values():
                apart._end(child)
            with pytest.raises(FormatError, match=message):
                io.read_image(path)
    assert io.read_image(path).array.max() == 119
