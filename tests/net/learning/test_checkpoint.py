"""Checkpoints: what comes back, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from septum.errors import Cancelled, CheckpointError
from septum.net.architecture.unet import UNet, lecture
from septum.net.learning import checkpoint
from septum.net.learning.checkpoint import CHECKPOINT_FORMAT, load_model, load_tensors, save_model, save_tensors


def test_a_saved_network_computes_the_same_after_loading(tmp_path: Path) -> None:
    model = UNet(lecture(2, 1, out_channels=3, features=(2, 4))).eval()
    save_model(tmp_path / "weights.pt", model)
    image = torch.randn(1, 1, 16, 16)
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path / "weights.pt")(image), model(image))


def test_a_stop_while_a_checkpoint_is_read_is_a_stop_and_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: object, **named: object) -> None:
        raise Cancelled

    monkeypatch.setattr(torch, "load", stopped)
    with pytest.raises(Cancelled):
        load_tensors(tmp_path / "state.pt")


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.write_text, (tmp_path / "owned", "x"))  # type: ignore[return-value]

    for name, save in (("a.pt", torch.save), ("b.pt", lambda o, p: Path(p).write_bytes(pickle.dumps(o)))):
        save({"format_version": 1, "weights": Hostile()}, tmp_path / name)
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_tensors(tmp_path / name)
    assert not (tmp_path / "owned").exists()


def test_a_newer_format_version_is_refused_with_advice(tmp_path: Path) -> None:
    torch.save({"format_version": CHECKPOINT_FORMAT + 1}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="upgrade Septum"):
        load_tensors(tmp_path / "w.pt")


def test_missing_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        load_tensors(tmp_path / "none.pt")
    save_tensors(tmp_path / "w.pt", {"a": torch.zeros(1000)})
    (tmp_path / "cut.pt").write_bytes((tmp_path / "w.pt").read_bytes()[:700])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_tensors(tmp_path / "cut.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="no format version"):
        load_tensors(tmp_path / "list.pt")


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    model = UNet(lecture(2, 1, out_channels=2, features=(2, 4)))
    save_model(tmp_path / "w.pt", model, weights=UNet(lecture(2, 1, out_channels=2, features=(3, 4))).state_dict())
    with pytest.raises(CheckpointError, match="do not fit together"):
        load_model(tmp_path / "w.pt")


def test_a_full_disk_leaves_the_old_file_and_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.pt"
    save_tensors(path, {"a": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(CheckpointError, match="No space left"):
        save_tensors(path, {"a": 2})
    assert load_tensors(path)["a"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["w.pt"]
