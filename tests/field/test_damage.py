"""What people suffered when one file was bad: a crash, a traceback, a full memory, litter that stayed."""

from __future__ import annotations

import errno
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
from septum.cli.main import main
from septum.errors import FormatError
from septum.geometry import Grid, LabelMap
from septum.io import safe


def load(name: str) -> ModuleType:
    """A script of the benchmarks as a module."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    return load("fuzz")


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


def test_a_number_of_a_process_that_was_given_again_does_not_keep_what_the_dead_one_left(tmp_path: Path) -> None:
    mine = safe.temporary_path(tmp_path / "a.png")
    pid, start = str(os.getpid()), mine.name.split("-")[3]
    before = mine.with_name(mine.name.replace(f"-{pid}-{start}-", f"-{pid}-{int(start, 16) - 1:x}-"))
    elsewhere = mine.with_name(mine.name.replace(mine.name.split("-")[1], "00000000"))
    for path in (mine, before, elsewhere):
        path.mkdir()
        (path / "half.txt").write_text("half")
    safe._cleared.discard(tmp_path)
    if start == "0":
        pytest.skip("this system does not tell when a process began")
    assert safe.clear_dead(tmp_path) == 1
    assert {path.name for path in tmp_path.iterdir()} == {mine.name, elsewhere.name}


def test_every_temporary_file_says_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each writer names its file by `temporary_path`: what a kill leaves there is found by the next run."""
    from septum.interactive.session import journal
    from septum.net.learning import checkpoint
    from septum.report.figures import plots
    from septum.workflows.runs import files

    seen: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: [seen.append(self.name), replace(self, target)][1])
    checkpoint.save_tensors(tmp_path / "a.pt", {"step": 1})
    journal.write_snapshot(tmp_path / "a.septum", [])
    plots._write(tmp_path / "a.svg", b"<svg/>")
    files.write_json(tmp_path / "a.json", {})
    assert len(seen) == 4
    assert [name for name in seen if not safe._OURS.fullmatch(name)] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.pt", "a.septum", "a.svg"]


def test_a_full_disk_is_said_before_probabilities_are_written_and_nothing_stays(
    small_model: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(handle: int, start: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    out = tmp_path / "out"
    words = ("predict", small_model[1], small_model[0] / "images", "-o", out, "--probabilities", "--devices", "cpu")
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "must have 0 MB free for intermediate results" in said
    assert "No space left on device" in said
    assert [path for path in out.rglob("*") if path.is_file()] == []


def test_the_space_of_a_reserved_array_is_taken_at_once(tmp_path: Path) -> None:
    array = safe.reserved_array(tmp_path / "a.bin", (100, 1000), dtype=np.float32)
    assert (tmp_path / "a.bin").stat().st_blocks * 512 >= array.nbytes
    assert not array.any()


@pytest.mark.long
@pytest.mark.parametrize("command", ["edit", "review"])
def test_kills_leave_nothing_half_written_and_lose_nothing(command: str) -> None:
    found = load("kills").run(kills=4, seed=1, only=[command])["commands"][command]
    assert found["kills"] == 4
    assert found["wrong"] == []


def test_a_broken_link_is_an_image_that_cannot_be_read_not_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert io.is_image(tmp_path / "a.png")
    with pytest.raises(FormatError, match="link to nowhere"):
        io.read_image(tmp_path / "a.png")
