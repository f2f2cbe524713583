"""A volume with a bright ball."""

from __future__ import annotations

import pytest
from tests import phantoms

from septum import Image


@pytest.fixture
def image() -> Image:
    return phantoms.ball((10, 24, 26), (2.0, 1.0, 1.0), radius_mm=7.0).image(contrast=20.0)
