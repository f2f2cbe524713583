"""What a prediction can be told, and what contradicts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from septum.errors import ConfigError
from septum.workflows.prediction.settings import ENGINES, PredictSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"outlines": ("imagej", "svg")}, "outlines must be among imagej, geojson"),
        ({"quality_threshold": 0.0}, "quality_threshold must lie between 0 and 1"),
        ({"quality_threshold": 1.0}, "quality_threshold must lie between 0 and 1"),
        ({"engine": "tensorflow"}, "engine must be one of torch, onnx, openvino"),
        ({"overlap": 0.95}, "overlap must lie between 0 and 0.95"),
        ({"overlap": -0.1}, "overlap must lie between 0 and 0.95"),
        ({"memory_mb": 15}, "memory must be at least 16 MB, got 15"),
        ({"scribble_background": 9}, "must come with scribbles"),
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PredictSettings(**wrong)


@pytest.mark.parametrize(
    "right",
    [
        *({"engine": engine} for engine in ENGINES),
        {"overlap": 0.0},
        {"overlap": 0.94},
        {"memory_mb": 16},
        {"outlines": ("geojson", "imagej")},
        {"scribble_background": 0, "scribbles": Path("s.png")},
    ],
)
def test_a_setting_at_the_edge_of_what_is_allowed_is_kept(right: dict[str, Any]) -> None:
    kept = PredictSettings(**right)
    assert {name: getattr(kept, name) for name in right} == right


@pytest.mark.parametrize(
    ("given", "prompted"),
    [({}, False), ({"clicks": ("1,2",)}, True), ({"boxes": ("1,2,3,4",)}, True), ({"scribbles": Path("s.png")}, True)],
)
def test_clicks_boxes_and_scribbles_are_prompts(given: dict[str, Any], prompted: bool) -> None:
    assert PredictSettings(**given).prompted is prompted
