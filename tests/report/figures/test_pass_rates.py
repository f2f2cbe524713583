"""The two-panel figure and the pictures that readers see."""

from __future__ import annotations

import numpy as np
import pytest

from septum.errors import ConfigError
from septum.report.figures.pass_rates import CutLine, PassRate, by_rating, two_panels

RATES = [PassRate("anna", "model", 27, 30, 0.744, 0.965), PassRate("ben", "model", 24, 30, 0.627, 0.905)]


def test_both_panels_show_their_numbers():
    scores = np.random.default_rng(0).beta(8, 2, 2500)
    text = two_panels({"model": scores}, RATES, lines=[CutLine(0.7, "pass from", 0.65, 0.75)]).decode()
    for word in ("(a)", "(b)", "n = 2,500", f"median {np.median(scores):.3f}", "27/30", "24/30", "0.650"):
        assert word in text


def test_without_dice_panel_b_stands_alone():
    text = two_panels({}, RATES).decode()
    assert "27/30" in text
    assert "(a)" not in text


def test_the_figure_is_also_a_picture():
    assert two_panels({"m": [0.5, np.nan]}, RATES, image_format="png").startswith(b"\x89PNG")


def test_names_cannot_switch_on_formulas():
    text = two_panels({"$a$": [0.5]}, [PassRate("$x$", "$a$", 1, 1, 0.2, 1.0)]).decode()
    assert "$x$" in text


def test_nothing_to_draw_is_refused():
    with pytest.raises(ConfigError, match="at least one reader"):
        two_panels({"m": [0.5]}, [])
    with pytest.raises(ConfigError, match="at least one defined score"):
        by_rating([np.nan], [1.0])
    with pytest.raises(ConfigError, match="'svg' or 'png'"):
        two_panels({"m": [0.5]}, RATES, image_format="pdf")
