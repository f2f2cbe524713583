"""Small models, and a folder in which they are exported once."""

from pathlib import Path

import pytest
from tests.net.engines.small import tiny

from septum.net.architecture.unet import UNet


@pytest.fixture(scope="session")
def models() -> dict[int, UNet]:
    return {2: tiny(norm="instance"), 3: tiny(3, norm="batch", deep_supervision=0)}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")
