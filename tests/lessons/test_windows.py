"""Windows: gather cuts what scatter adds back, each is the other's transpose, and sizes are those of the formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from septum.errors import ConfigError
from septum.lessons.windows import Slide, as_image, gather_windows, scatter, short_number

SLIDES = st.fixed_dictionaries(
    {"stride": st.integers(1, 3), "dilation": st.integers(1, 2), "padding": st.sampled_from([0, 1, 2, "valid", "same"])}
)


@given(st.tuples(st.integers(3, 8), st.integers(3, 8)), st.tuples(st.integers(1, 3), st.integers(1, 3)), SLIDES)
def test_scatter_is_the_transpose_of_gather(shape: Any, size: Any, how: Any) -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(2, *shape))
    try:
        slide = Slide.over(image.shape, size, **how)
    except ConfigError:
        assume(False)
    windows = gather_windows(image, slide)
    assert windows.shape == (2, *slide.output(image.shape), *size)
    other = rng.normal(size=windows.shape)
    assert np.sum(windows * other) == pytest.approx(np.sum(image * scatter(other, slide, shape=image.shape)))


@pytest.mark.parametrize(("length", "stride", "outputs"), [(5, 1, 5), (5, 2, 3), (6, 2, 3), (7, 3, 3)])
def test_same_padding_gives_a_window_for_every_stride_with_the_odd_pixel_at_the_end(
    length: int, stride: int, outputs: int
) -> None:
    slide = Slide.over((1, length, length), (2, 2), stride=stride, padding="same")
    assert slide.output((1, length, length)) == (outputs, outputs)
    before, after = slide.pads[0]
    assert 0 <= after - before <= 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stride": 0}, "stride must be at least 1"), ({"dilation": 0}, "dilation must be at least 1"),
        ({"size": (0, 2)}, "size must be at least 1"), ({"padding": -1}, "padding must be"),
        ({"padding": "some"}, "padding must be"), ({"size": (9, 9)}, "must fit into the padded image"),
        ({"size": (3, 3), "dilation": 3}, "must fit into the padded image"),
    ],
)  # fmt: skip
def test_windows_that_cannot_slide_are_refused(wrong: dict[str, Any], message: str) -> None:
    given_ = {"size": (2, 2), "stride": 1, "padding": 0, "dilation": 1} | wrong
    with pytest.raises(ConfigError, match=message):
        Slide.over((1, 6, 6), given_.pop("size"), **given_)


def test_a_plane_is_one_channel_and_what_is_no_image_is_refused() -> None:
    assert as_image([[1, 2]]).shape == (1, 1, 2)
    assert as_image(np.zeros((3, 2, 2))).shape == (3, 2, 2)
    for wrong in (np.zeros(3), np.zeros((0, 2)), np.zeros((1, 1, 1, 1))):
        with pytest.raises(ConfigError, match="not empty, got shape"):
            as_image(wrong)
    with pytest.raises(ConfigError, match="must be finite"):
        as_image([[np.nan]])
    assert [short_number(v) for v in (3.0, -0.25, 1 / 3)] == ["3", "-0.25", "0.3333"]
