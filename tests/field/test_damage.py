"""What people suffered when one file was bad: a crash, a traceback, a full memory, litter that stayed."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid, LabelMap
from septum.io import safe


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz.py"
    spec = importlib.util.spec_from_file_location("fuzz", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_three_hundred_damaged_and_crafted_files_are_read_or_refused(fuzz: ModuleType, tmp_path: Path) -> None:
    wrong = []
    (tmp_path / "whole").mkdir()
    for number, (name, data) in enumerate(fuzz.cases(tmp_path / "whole", damaged_files=240, crafted_files=60, seed=1)):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(data)
        result = fuzz.read_one(path)
        if result not in ("read", "refused"):
            wrong.append((path.name, result))
    assert wrong == []


def test_a_reader_that_runs_out_of_memory_refuses_one_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="must fit into memory"), safe.reading(tmp_path / "a.nii", "NIfTI"):
        raise MemoryError


def test_what_a_killed_run_left_is_cleared_by_the_next_and_a_living_ones_is_not(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom septum.io.safe import replacing\n"
        "with replacing(Path(sys.argv[1]) / 'm.nii.gz') as temporary:\n"
        "    temporary.write_bytes(b'half')\n    print('written', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        left = list(tmp_path.glob(".septum-*"))
        assert len(left) == 1
        assert safe.clear_dead(tmp_path) == 0
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    safe._cleared.discard(tmp_path)
    labels = LabelMap(np.ones((4, 4), np.uint8), Grid.from_spacing((4, 4), (1, 1)))
    io.write_labels(tmp_path / "next.png", labels)
    assert [path.name for path in tmp_path.iterdir()] == ["next.png"]


def test_a_broken_link_is_an_image_that_cannot_be_read_not_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert io.is_image(tmp_path / "a.png")
    with pytest.raises(FormatError, match="link to nowhere"):
        io.read_image(tmp_path / "a.png")
