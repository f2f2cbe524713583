"""OpenVINO: bfloat16 where asked, and precisions that it does not have."""

import os
from pathlib import Path

import numpy as np
import pytest
from tests.net.engines.small import logits_of, needs_engines, noise, tiny

from septum.errors import ConfigError
from septum.net.architecture.unet import UNet
from septum.net.engines.openvino import openvino_engine


@needs_engines
def test_openvino_runs_in_bfloat16_where_asked(models: dict[int, UNet], folder: Path) -> None:
    batch = noise(1, 1, 16, 16)
    if os.environ.get("ONEDNN_MAX_CPU_ISA") in ("SSE41", "AVX2"):  # of tools/portable.py: processors without it
        with pytest.raises(ConfigError, match="on this processor; use --precision 32-true"):
            openvino_engine([models[2]], folder=folder, precision="bf16-mixed")(batch)
        return
    low = openvino_engine([models[2]], folder=folder, precision="bf16-mixed")(batch)
    np.testing.assert_allclose(low, logits_of(models[2], batch), atol=0.3)


def test_openvino_refuses_a_precision_it_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for OpenVINO"):
        openvino_engine([tiny()], folder=tmp_path, precision="16-mixed")
