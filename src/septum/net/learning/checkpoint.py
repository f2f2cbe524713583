"""Weights and training state on disk: no pickle, written whole or not at all, refused loudly when too new.

A digest of the content travels in the file and is checked: a byte that flipped on a disk would still be a network, and
its masks would look like masks.

Everything is read with `torch.load(..., weights_only=True)`, which admits tensors and plain containers only, so a model
folder from a stranger cannot run code. The network's configuration travels inside the weights file, which stands alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from septum.errors import Cancelled, CheckpointError
from septum.io.safe import temporary_path
from septum.net.architecture.network import Network, build, config_kind

CHECKPOINT_FORMAT = 1


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain containers to `path` through a temporary file beside it.

    Raises:
        CheckpointError: when the disk is full or the folder cannot be written; nothing is left under `path`'s name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_tensors(Path(folder, "state.pt"), {"step": 3})
    ...     load_tensors(Path(folder, "state.pt"))["step"]
    3
    """
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as file:
            torch.save({"format_version": CHECKPOINT_FORMAT, **content, "digest": digest_of(content)}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        raise CheckpointError(f"cannot write {path.name}: {error}; free some space and run again") from error


def load_tensors(path: Path) -> dict[str, Any]:
    """Read what `save_tensors` wrote, onto the CPU.

    Raises:
        CheckpointError: when the file is missing, damaged (also by a single byte), or of a newer format version.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_tensors(Path(folder, "state.pt"), {"weights": torch.ones(2)})
    ...     load_tensors(Path(folder, "state.pt"))["weights"]
    tensor([1., 1.])
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} does not exist; is this a model folder?") from error
    except Cancelled:  # a stop that comes while it is read says nothing of the file
        raise
    except Exception as error:
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}); copy it again or train again"
        ) from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise CheckpointError(f"{path} is not a Septum checkpoint (no format version)")
    if version > CHECKPOINT_FORMAT:
        raise CheckpointError(
            f"{path} has format version {version}, this Septum reads up to {CHECKPOINT_FORMAT}; upgrade Septum"
        )
    kept = content.pop("digest", None)  # files of earlier versions have none
    if kept is not None and kept != digest_of({k: v for k, v in content.items() if k != "format_version"}):
        raise CheckpointError(f"{path} is damaged: its content is not what was written; copy it again or train again")
    return content


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) of tensors and plain containers: names, types, shapes and every byte, in their order.

    >>> digest_of({"a": torch.zeros(2)}) == digest_of({"a": torch.zeros(3)})
    False
    """
    found = hashlib.sha256()
    for part in _bytes_of(content):
        found.update(part)
    return found.hexdigest()


def _bytes_of(value: Any) -> Iterator[Any]:
    """Nothing that differs gives the same bytes: each part is preceded by what it is and how long it is."""
    if isinstance(value, torch.Tensor):
        plain = value.detach().cpu().contiguous()
        yield f"tensor {plain.dtype} {tuple(plain.shape)};".encode()
        yield plain.reshape(-1).view(torch.uint8).numpy().data if plain.numel() else b""
    elif isinstance(value, Mapping):
        yield f"map {len(value)};".encode()
        for key, inner in value.items():
            yield from _bytes_of(key)
            yield from _bytes_of(inner)
    elif isinstance(value, (list, tuple)):
        yield f"list {len(value)};".encode()
        for inner in value:
            yield from _bytes_of(inner)
    else:
        text = repr(value).encode()
        yield f"{type(value).__name__} {len(text)};".encode() + text


def save_model(path: Path, model: Network, *, weights: dict[str, torch.Tensor] | None = None) -> None:
    """Write a network: its configuration and its weights (`weights` replaces the model's own, e.g. their average).

    >>> from septum.net.architecture.unet import UNet, lecture
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.pt"), UNet(lecture(2, 1, out_channels=2, features=(4, 8))))
    ...     load_model(Path(folder, "model.pt")).config.features
    (4, 8)
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in (weights or model.state_dict()).items()}
    save_tensors(path, {"unet": dataclasses.asdict(model.config), "weights": state})


def load_model(path: Path) -> Network:
    """Rebuild the network that `save_model` wrote, in evaluation mode.

    Raises:
        CheckpointError: as `load_tensors`, when weights and configuration do not fit, or weights are not finite.

    >>> from septum.net.architecture.unet import UNet, lecture
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(Path(folder, "model.pt"), UNet(lecture(2, 1, out_channels=2, features=(4, 8))))
    ...     load_model(Path(folder, "model.pt")).training
    False
    """
    content = load_tensors(path)
    try:
        model = build(config_kind(content["unet"])(**content["unet"]))
        model.load_state_dict(content["weights"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path}: configuration and weights do not fit together ({error})") from error
    wrong = not_finite(model.state_dict())
    if wrong:
        raise CheckpointError(f"{path}: weights must be finite, got NaN or infinity in {wrong}; train again")
    return model.eval()


def not_finite(weights: Mapping[str, torch.Tensor]) -> str:
    """The name of the first tensor that holds NaN or infinity; empty when all are finite.

    >>> not_finite({"a": torch.ones(2), "b": torch.tensor([1.0, float("nan")])})
    'b'
    """
    return next((name for name, tensor in weights.items() if not bool(torch.isfinite(tensor).all())), "")
