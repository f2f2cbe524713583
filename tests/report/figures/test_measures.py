"""Figures of measures: nothing is refused, one value is drawn."""

import numpy as np
import pytest

from septum.errors import ConfigError
from septum.report.figures.measures import group_dots, group_histogram


@pytest.mark.parametrize("draw", [group_dots, group_histogram])
def test_figures_of_nothing_are_refused_and_of_one_value_drawn(draw):
    with pytest.raises(ConfigError, match="at least one"):
        draw({"a": [np.nan]}, measure="area")
    assert draw({"a$": [3.0], "b": [3.0, np.nan]}, measure="area", image_format="png")[:4] == b"\x89PNG"
