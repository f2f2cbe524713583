"""Figures of comparisons: what is drawn is what was found, and what cannot be drawn is refused."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image as Picture

from septum.errors import ConfigError
from septum.metrics.statistics import bland_altman, compare_all, rank_methods
from septum.report.figures.agreement import bland_altman_plot, difference_plot, ranking_plot, reader_agreement_plot

RNG = np.random.default_rng(0)
SCORES = {name: np.clip(RNG.normal(mean, 0.05, 20), 0, 1) for name, mean in (("ours $x$", 0.9), ("theirs", 0.7))}


def text(svg: bytes) -> str:
    return " ".join(re.findall(r">([^<>]+)</text>", svg.decode()))


def test_the_bland_altman_plot_names_its_lines_and_unit_and_leaves_out_undefined_cases() -> None:
    reference, prediction = np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.1, 2.3, 2.9, 1.0])
    svg = bland_altman_plot(reference, prediction, found=bland_altman(prediction, reference), unit="ml")
    assert "prediction − reference, ml" in text(svg)
    assert "bias" in text(svg)
    assert "95 % limits" in text(svg)
    marks = re.search(rb'<g id="PathCollection_1">.*?</g>\s*</g>', svg, re.S)
    assert marks is not None
    assert marks.group(0).count(b"<use ") == 3
    png = bland_altman_plot(
        reference, prediction, found=bland_altman(prediction, reference), unit="ml", image_format="png"
    )
    assert Picture.open(io.BytesIO(png)).format == "PNG"


def test_one_measurement_is_drawn_without_limits() -> None:
    svg = bland_altman_plot([1.0], [2.0], found=bland_altman([2.0], [1.0]), unit="ml")
    assert "95 % limits" not in text(svg)


def test_every_pair_has_a_row_with_its_interval() -> None:
    shown = text(difference_plot(compare_all(SCORES), score_name="Dice"))
    assert "− theirs" in shown
    assert "mean difference in Dice" in shown


def test_ranks_are_drawn_with_their_shares() -> None:
    svg = ranking_plot(rank_methods(SCORES))
    assert text(svg).count("100 %") == 2


def test_models_and_readers_stand_beside_the_band_of_their_agreement() -> None:
    shown = text(reader_agreement_plot({"model": [0.8, np.nan]}, {"anna": [0.9, 0.85]}, between=[0.8, 0.9]))
    assert "model" in shown
    assert "anna" in shown
    assert "their median 0.850" in shown
    assert "median" not in text(reader_agreement_plot({}, {"anna": [0.9]}, between=[]))


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ConfigError, match="share a defined case"):
        bland_altman_plot([np.nan], [1.0], found=bland_altman([1.0], [np.nan]), unit="ml")
    with pytest.raises(ConfigError, match="at least one pair"):
        difference_plot([], score_name="Dice")
    with pytest.raises(ConfigError, match="at least two methods, got 0"):
        ranking_plot(rank_methods({"a": [0.5], "b": [0.6]}))
    with pytest.raises(ConfigError, match="at least one reader"):
        reader_agreement_plot({"model": [0.5]}, {}, between=[])
    with pytest.raises(ConfigError, match="'svg' or 'png'"):
        difference_plot(compare_all(SCORES), score_name="Dice", image_format="gif")
