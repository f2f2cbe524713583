"""Weights and training state on disk: no pickle, written whole or not at all, refused loudly when too new.

Everything is read with `torch.load(..., weights_only=True)`, which admits tensors and plain containers only, so a model
folder from a stranger cannot run code. The network's configuration travels inside the weights file, which stands alone.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from septum.errors import CheckpointError
from septum.net.architecture.unet import UNet, UNetConfig, build

FORMAT_VERSION = 1


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain containers to `path` through a temporary file beside it.

    Raises:
        CheckpointError: when the disk is full or the folder cannot be written; nothing is left under `path`'s name.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_tensors(Path(folder, "state.pt"), {"step": 3})
    ...     load_tensors(Path(folder, "state.pt"))["step"]
    3
    """
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            torch.save({"format_version": FORMAT_VERSION, **content}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise CheckpointError(f"cannot write {path.name}: {error}; free some space and run again") from error


def load_tensors(path: Path) -> dict[str, Any]:
    """Read what `save_tensors` wrote, onto the CPU.

    Raises:
        CheckpointError: when the file is missing, damaged, or of a newer format version.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_tensors(Path(folder, "state.pt"), {"weights": torch.ones(2)})
    ...     load_tensors(Path(folder, "state.pt"))["weights"]
    tensor([1., 1.])
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist; is this a model folder?") from error
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}); copy it again or train again"
        ) from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise CheckpointError(f"{path} is not a Septum checkpoint (no format version)")
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, this Septum reads up to {FORMAT_VERSION}; upgrade Septum"
        )
    return content


def save_model(path: Path, model: UNet, weights: dict[str, torch.Tensor] | None = None) -> None:
    """Write a network: its configuration and its weights (`weights` replaces the model's own, e.g. their average).

    >>> from septum.net.architecture.unet import lecture
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.pt"), UNet(lecture(2, 1, 2, features=(4, 8))))
    ...     load_model(Path(folder, "model.pt")).config.features
    (4, 8)
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in (weights or model.state_dict()).items()}
    save_tensors(path, {"unet": dataclasses.asdict(model.config), "weights": state})


def load_model(path: Path) -> UNet:
    """Rebuild the network that `save_model` wrote, in evaluation mode.

    Raises:
        CheckpointError: as `load_tensors`, and when weights and configuration do not fit.

    >>> from septum.net.architecture.unet import lecture
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.pt"), UNet(lecture(2, 1, 2, features=(4, 8))))
    ...     load_model(Path(folder, "model.pt")).training
    False
    """
    content = load_tensors(path)
    try:
        model = build(UNetConfig(**content["unet"]))
        model.load_state_dict(content["weights"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: configuration and weights do not fit together ({error})") from error
    return model.eval()
