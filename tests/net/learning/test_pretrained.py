"""Weights that have seen images: the known file or none, and the encoder alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from septum.errors import CheckpointError
from septum.net.architecture.unet import UNetConfig, build_unet, encoder_unet
from septum.net.learning import pretrained
from septum.net.learning.pretrained import load_pretrained, published_weights, weights_file


def test_a_file_of_another_digest_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"something else")
    with pytest.raises(CheckpointError, match="digest"):
        published_weights(tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="cannot be read"):
        published_weights(tmp_path / "none.pth")


def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package")
    with pytest.raises(CheckpointError, match=r"no-such-package.*pip"):
        weights_file()


def test_loading_fills_the_encoder_alone_and_leaves_other_networks_as_they_are() -> None:
    network = build_unet(encoder_unet(1, 2))
    head = network.head.get_parameter("weight").clone()
    load_pretrained(network, image_channels=1)
    assert torch.equal(network.head.get_parameter("weight"), head)
    assert float(network.encoder.get_buffer("stem_norm.variance").std()) > 0
    plain = build_unet(UNetConfig(2, 1, 2, (2, 4), ((2, 2),), ((3, 3),) * 2))
    before = {name: tensor.clone() for name, tensor in plain.state_dict().items()}
    load_pretrained(plain, image_channels=1)
    assert all(torch.equal(before[name], tensor) for name, tensor in plain.state_dict().items())
