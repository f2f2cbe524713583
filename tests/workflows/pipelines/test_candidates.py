"""The grid of pipelines: which are tried, in which sizes, and how masks are mended."""

from __future__ import annotations

import numpy as np
import pytest

from septum.workflows.pipelines.candidates import Candidate, first_stage, mended
from septum.workflows.pipelines.comparison import key_of
from septum.workflows.pipelines.pipeline import Pipeline, make_step, run_pipeline


def test_the_grid_holds_every_method_that_is_to_be_tried_and_scales_sizes():
    found = first_stage(spacing=(0.5, 0.5), channels=("grey",), n_classes=2)
    assert {"otsu", "shanbhag", "sauvola", "kmeans", "gaussian-mixture", "hysteresis"} <= {c.method for c in found}
    widths = {c.steps[-1].options["radius_mm"] for c in found if c.method == "niblack"}
    assert widths == {3.5, 7.5, 20.0}
    colour = first_stage(spacing=(1.0, 1.0), channels=("red", "green", "blue"), n_classes=2)
    assert {s.options["use"] for c in colour for s in c.steps if s.method.name == "channel"} >= {
        "grey",
        "1",
        "saturation",
    }
    assert {c.method for c in first_stage(spacing=(1, 1), channels=("a",), n_classes=3)} == {
        "multi-otsu",
        "kmeans",
        "gaussian-mixture",
    }


def test_no_candidate_is_tried_twice_and_volumes_get_no_method_of_planes() -> None:
    for spacing, n_classes in (((0.5, 0.5), 2), ((3.0, 1.0, 1.0), 2), ((1.0, 1.0), 3)):
        found = first_stage(spacing=spacing, channels=("a",), n_classes=n_classes)
        keys = [key_of(candidate) for candidate in found]
        assert len(set(keys)) == len(keys)
        for candidate in found:
            assert candidate.steps[-1].method.name == candidate.method
            assert len(spacing) in candidate.steps[-1].method.dimensions
            assert candidate.classes == (candidate.steps[-1].method.result == "classes")


@pytest.mark.parametrize(("spacing", "lines"), [((1.0, 1.0), True), ((1.0, 1.1), True), ((1.0, 1.2), False)])
def test_lines_are_sought_where_samples_are_about_as_long_as_wide(spacing: tuple[float, ...], lines: bool) -> None:
    found = first_stage(spacing=spacing, channels=("a",), n_classes=2)
    widths = [c.steps[0].options["sigmas_mm"] for c in found if c.steps[0].method.name == "ridges"]
    assert bool(widths) is lines
    assert not lines or {tuple(w) for w in widths} == {(1.0, 2.0, 3.0), (2.0, 4.0, 6.0)}


@pytest.mark.parametrize(
    ("channels", "uses"),
    [((), {"grey"}), (("a",), set()), (("a", "b"), {"0", "1"}),
     (("r", "g", "b"), {"grey", "saturation", "0", "1", "2"}),
     (tuple("abcdef"), {"0", "1", "2", "3"})],
)  # fmt: skip
def test_one_channel_is_chosen_of_several_or_their_grey_value(channels: tuple[str, ...], uses: set[str]) -> None:
    found = first_stage(spacing=(1.0, 1.0), channels=channels, n_classes=2)
    chosen = {c.steps[0].options["use"] for c in found if c.method == "otsu" and c.steps[0].method.name == "channel"}
    assert chosen == uses


def test_a_mask_is_mended_after_its_labels_have_got_their_meaning() -> None:
    image = np.zeros((1, 30, 30), np.float32)
    image[0, 5:20, 5:20], image[0, 10, 10], image[0, 25, 25] = 10.0, 0.0, 10.0
    image[0, :2] = 5.0
    threshold = Candidate((make_step("multi-otsu", {"classes": 3}),), "multi-otsu", True)
    ways = mended(threshold, (0, 0, 1), spacing=(1.0, 1.0))
    assert all(way.steps[:2] == (threshold.steps[0], make_step("assign", {"values": [0.0, 0.0, 1.0]})) for way in ways)
    assert {way.classes for way in ways} == {False}
    masks = {tuple(step.method.name for step in way.steps[2:]): run_pipeline(Pipeline(way.steps), image,
             spacing=(1.0, 1.0)) for way in ways}  # fmt: skip
    assert masks["fill-holes",][10, 10] == 1
    assert masks["remove-small",][25, 25] == 0
    assert masks["fill-holes", "remove-small"].sum() == 15 * 15
    plain = mended(threshold, None, spacing=(1.0, 1.0))
    assert plain[0].steps[1].method.name == "fill-holes"


def test_sizes_that_are_too_small_grow_with_the_sample() -> None:
    start = Candidate((make_step("otsu"),), "otsu", False)
    sizes = [
        sorted({step.options["minimum_size"] for way in mended(start, None, spacing=spacing) for step in way.steps
                if step.method.name == "remove-small"}) for spacing in ((1.0, 1.0), (3.0, 0.5, 0.5))
    ]  # fmt: skip
    assert sizes == [[30.0, 150.0], [22.5, 112.5]]
