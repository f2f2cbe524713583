"""Weights that others published: found in the package that carries them, and taken only when they are the known ones.

The insight: a file of weights may hold a program. So nothing of the package is run, the file's digest is compared
before it is opened, and it is read as tensors only.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor

from septum.errors import CheckpointError


@dataclass(frozen=True)
class Published:
    """A file of weights in a package.

    Args:
        package: its name as it is imported; pip knows it with hyphens.
        version: of the package that holds the known file.
        file: within the package.
        digest: SHA-256 of the file.
        purpose: what it is needed for, in words.
        remedy: what to do without the package, in words.
    """

    package: str
    version: str
    file: str
    digest: str
    purpose: str
    remedy: str

    @property
    def pinned(self) -> str:
        """Package and version as pip takes them.

        >>> Published("some_weights", "0.1", "w.pth", "", "", "").pinned
        'some-weights==0.1'
        """
        return f"{self.package.replace('_', '-')}=={self.version}"

    def find(self) -> Path:
        """Where the file lies; nothing of the package is run.

        Raises:
            CheckpointError: when the package is not installed.
        """
        found = importlib.util.find_spec(self.package)
        for place in (found.submodule_search_locations or ()) if found else ():
            if (path := Path(place) / self.file).is_file():
                return path
        name = self.package.replace("_", "-")
        raise CheckpointError(f"the package {name} must be installed for {self.purpose}, got none; {self.remedy}")

    def read(self, path: Path) -> dict[str, Tensor]:
        """The tensors in `path`, on the processor.

        Raises:
            CheckpointError: when the file is not the one that is known.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error}; install the package again") from error
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.digest:
            raise CheckpointError(
                f"{path.name} must have the digest {self.digest[:12]}…, got {digest[:12]}…; install {self.pinned} again"
            )
        weights: dict[str, Tensor] = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
        return weights
