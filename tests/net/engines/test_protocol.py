"""What an engine is: mirrors, and ensembles that cannot be."""

import pytest
from tests.net.engines.small import tiny

from septum.errors import ConfigError
from septum.net.architecture.unet import UNet
from septum.net.engines.protocol import mirrors
from septum.net.engines.torch import torch_engine


def test_mirrors_are_all_combinations() -> None:
    assert len(mirrors((0, 1, 2))) == 8
    assert mirrors(()) == ((),)


@pytest.mark.parametrize(
    ("models", "settings", "match"),
    [
        ([], {}, "at least one network"),
        ([tiny(), tiny(classes=4)], {}, "must agree in channels, classes"),
        ([tiny()], {"precision": "8-bit"}, "precision must be one of"),
    ],
)
def test_impossible_ensembles_are_refused(models: list[UNet], settings: dict, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        torch_engine(models, **settings)
