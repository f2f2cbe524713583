"""Figures: bytes of the right kind, the numbers in them, no state left behind, names from outside kept harmless."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture

from septum.errors import ConfigError
from septum.report.figures import plots

CURVES = pd.DataFrame(
    {
        "network": ["judge 1"] * 3 + ["all images"] * 3,
        "step": [10, 20, 30, 10, 20, 30],
        "seconds": [6.0, 12.0, 18.0, 6.0, 12.0, 18.0],
        "loss": [1.0, 0.6, 0.4, 1.1, 0.7, 0.5],
        "val_dice": [np.nan, np.nan, 0.8, np.nan, np.nan, 0.7],
    }
)


def test_the_distribution_names_every_label_with_its_count() -> None:
    svg = plots.dice_distribution({"liver": [0.9, 0.8, float("nan")], "tumour": [0.5]}).decode()
    assert "liver" in svg
    assert "(n = 2, 1 undefined)" in svg
    assert "(n = 1)" in svg


def test_a_label_that_is_undefined_everywhere_is_shown_as_such() -> None:
    assert b"undefined in every case" in plots.dice_distribution({"liver": [float("nan")] * 3})


def test_of_many_labels_the_lowest_are_drawn_and_the_rest_are_counted() -> None:
    svg = plots.dice_distribution({f"region {i:03d}": [i / 100] * 2 for i in range(100)}).decode()
    assert "the 40 of 100 labels with the lowest medians" in svg
    assert "region 039" in svg
    assert "region 040" not in svg


def test_the_histogram_says_median_and_quartiles() -> None:
    svg = plots.score_histogram(np.linspace(0.5, 0.9, 41)).decode()
    assert "median 0.700" in svg
    assert "quartiles 0.600" in svg


def test_a_histogram_is_for_twenty_cases_or_more() -> None:
    assert plots.wants_histogram([0.5] * 20)
    assert not plots.wants_histogram([0.5] * 19 + [float("nan")] * 5)


def test_png_is_a_picture_and_the_same_input_gives_the_same_svg() -> None:
    png = plots.dice_distribution({"a": [0.3, 0.4]}, image_format="png")
    assert Picture.open(io.BytesIO(png)).width == 690
    assert plots.score_histogram([0.5, 0.7]) == plots.score_histogram([0.5, 0.7])


def test_drawing_leaves_no_state_behind_and_needs_no_pyplot() -> None:
    before = dict(mpl.rcParams)
    plots.learning_curves(CURVES, quantity="loss")
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in plots.__dict__
    assert not hasattr(sys.modules["septum.report.figures.plots"], "plt")


@pytest.mark.parametrize("name", ["$\\frac{", "<script>", "区域", "a" * 300, "100 % & more"])
def test_names_from_outside_are_drawn_as_plain_text(name: str) -> None:
    svg = plots.dice_distribution({name: [0.5, 0.6]}).decode()
    assert "<script>" not in svg
    plots.dice_distribution({name: [0.5, 0.6]}, image_format="png")


def test_learning_curves_have_a_line_per_network_that_has_values_in_minutes() -> None:
    svg = plots.learning_curves(CURVES, quantity="loss").decode()
    assert "judge 1" in svg
    assert "all images" in svg
    unwatched = CURVES.assign(val_dice=[np.nan, 0.7, 0.8, *[np.nan] * 3])
    assert "all images" not in plots.learning_curves(unwatched, quantity="val_dice").decode()
    assert "minutes" in svg
    assert plots.drawable_quantities(CURVES) == ("loss", "val_dice")
    assert plots.drawable_quantities(CURVES.assign(val_dice=np.nan)) == ("loss",)


def test_long_names_of_networks_stay_inside_the_picture() -> None:
    long = CURVES.assign(network=["the network of all images"] * 2 + ["judge 1"] * 2 + ["judge 2"] * 2)
    assert plots._legend_columns(["judge 1", "judge 2", "judge 3"]) == 4
    assert plots._legend_columns(list(long["network"])) == 2
    with Picture.open(io.BytesIO(plots.learning_curves(long, quantity="loss", image_format="png"))) as picture:
        edges = np.asarray(picture.convert("L"))[:90, [*range(12), *range(-12, 0)]]
    assert (edges == 255).all()


def test_without_times_the_axis_is_the_step() -> None:
    assert ">step<" in plots.learning_curves(CURVES.drop(columns="seconds"), quantity="loss").decode()


def test_learning_curves_are_saved_from_csv_to_one_png(tmp_path: Path) -> None:
    CURVES.to_csv(tmp_path / "log.csv", index=False)
    png = plots.save_learning_curves(tmp_path / "log.csv", tmp_path / "curves.png")
    with Picture.open(png) as picture:
        assert picture.height > picture.width
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.png", "log.csv"]


def test_a_picture_that_cannot_be_put_in_place_leaves_no_half_file(tmp_path: Path) -> None:
    CURVES.to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "curves.png").mkdir()
    with pytest.raises(OSError, match="curves"):
        plots.save_learning_curves(tmp_path / "log.csv", tmp_path / "curves.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.png", "log.csv"]


def test_impossible_figures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least one label"):
        plots.dice_distribution({})
    with pytest.raises(ConfigError, match="'svg' or 'png', got 'gif'"):
        plots.dice_distribution({"a": [0.5]}, image_format="gif")
    with pytest.raises(ConfigError, match="at least one defined score"):
        plots.score_histogram([float("nan")])
    with pytest.raises(ConfigError, match="the column 'lr' with values"):
        plots.learning_curves(CURVES, quantity="lr")
    with pytest.raises(ConfigError, match="a column seconds, minutes or step"):
        plots.learning_curves(CURVES[["loss"]], quantity="loss")
    (tmp_path / "log.csv").write_text("step,lr\n1,0.1\n")
    with pytest.raises(ConfigError, match="must hold one of the columns"):
        plots.save_learning_curves(tmp_path / "log.csv", tmp_path / "curves.png")
