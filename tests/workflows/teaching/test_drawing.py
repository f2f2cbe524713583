"""How lessons draw: numbers in their squares, frames where they belong, and outlines only where there is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from septum.workflows.teaching import drawing


@pytest.fixture
def axis() -> Any:
    return drawing.new_figure(1)[1][0]


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (3, 1), (2, 2)])
def test_axes_come_in_reading_order_without_ticks(columns: int, rows: int) -> None:
    figure, axes = drawing.new_figure(columns, rows=rows, width=2.0, height=3.0)
    assert len(axes) == columns * rows
    assert figure.get_size_inches().tolist() == [2.0 * columns, 3.0 * rows]
    assert not any(axis.axison for axis in axes)


def squares(axis: Any) -> list[Rectangle]:
    return [patch for patch in axis.patches if patch.get_fill()]


def test_every_number_stands_in_its_square_and_larger_ones_are_darker(axis: Any) -> None:
    drawing.draw_table(axis, [[1.0, 2.5], [np.nan, 4.0]], title="numbers", corner=(10, 20))
    texts = {tuple(text.get_position()): text.get_text() for text in axis.texts}
    assert texts == {(20, 10): "1", (21, 10): "2.5", (20, 11): "", (21, 11): "4"}
    shade = {patch.get_xy(): patch.get_facecolor()[0] for patch in squares(axis)}
    assert shade[19.5, 9.5] == pytest.approx(1.0)
    assert shade[20.5, 10.5] == pytest.approx(0.55)
    assert shade[19.5, 10.5] == 1.0  # no number
    assert axis.get_xlim() == pytest.approx((19.3, 21.7))
    assert axis.get_ylim() == pytest.approx((11.7, 9.3))  # rows go down
    assert axis.get_title() == "numbers"


def test_a_frame_lies_round_its_window(axis: Any) -> None:
    drawing.draw_table(axis, np.zeros((3, 4)), title="", box=(1, 2, 2, 1))
    (frame,) = [patch for patch in axis.patches if not patch.get_fill()]
    assert (frame.get_xy(), frame.get_width(), frame.get_height()) == ((1.5, 0.5), 1, 2)


def test_a_mask_has_an_outline_unless_it_is_empty_or_full(axis: Any) -> None:
    mask = np.zeros((6, 7), bool)
    drawing.draw_outlines(axis, np.zeros((6, 7)), mask=mask, title="")
    drawing.draw_outlines(axis, np.zeros((6, 7)), mask=~mask, title="")
    assert len(axis.collections) == 0
    mask[2:4, 2:4] = True
    drawing.draw_outlines(axis, np.zeros((6, 7)), mask=mask, title="")
    assert len(axis.collections) == 1


def test_objects_have_colours_of_their_own_on_black(axis: Any) -> None:
    drawing.objects(axis, np.array([[0, 1], [2, 3]]), title="")
    found = np.asarray(axis.images[0].get_array())
    assert found[0, 0].tolist() == [0, 0, 0]
    assert len({tuple(pixel) for pixel in found.reshape(-1, 3)}) == 4
    assert found[1:].min() >= 0.35


def test_a_curve_names_its_axes(axis: Any) -> None:
    drawing.curve(axis, [3, 2, 1], title="loss", across="step", up="cross entropy")
    assert axis.axison
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_title()) == ("step", "cross entropy", "loss")
    assert axis.lines[0].get_ydata().tolist() == [3, 2, 1]
