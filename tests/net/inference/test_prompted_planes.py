"""Which plane is asked what, by a prompter that writes down what it is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from septum.errors import Cancelled, ConfigError
from septum.net.inference.predict import Listener
from septum.net.inference.promptable import PromptAnswer, PromptQuestion
from septum.net.inference.prompted_planes import MOST_CLICKS, PromptedPlanes
from septum.net.prompts import BoxPrompt, Mark, Prompts


class Bright:
    """Answers with what is bright, and within the box where there is one."""

    weights = "none"

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []
        self.asked: list[PromptQuestion] = []

    def see(self, plane: Any, *, shown: Any = None) -> Any:
        self.seen.append(plane)
        return plane[0]

    def answer(self, seen: Any, question: PromptQuestion) -> PromptAnswer:
        self.asked.append(question)
        mask = np.zeros(seen.shape, bool)
        (top, left), (bottom, right) = question.box or ((0, 0), (seen.shape[0] - 1, seen.shape[1] - 1))
        mask[top : bottom + 1, left : right + 1] = seen[top : bottom + 1, left : right + 1] > 0
        return PromptAnswer(mask, 0.5)


def cone() -> np.ndarray:
    image = np.zeros((1, 5, 20, 20), np.uint8)
    for z in range(5):
        image[0, z, 10 - z : 10 + z, 10 - z : 10 + z] = 1
    return image


def marks(*points: list[int], index: int = 1) -> Mark:
    return Mark(np.array(points, dtype=np.int64), index)


def test_a_box_of_a_volume_goes_outward_with_the_box_of_the_neighbour() -> None:
    bright = Bright()
    found = PromptedPlanes(cone(), prompter=bright).find(Prompts(boxes=(BoxPrompt((1, 2, 2), (5, 18, 18), 1),)))
    assert np.array_equal(found.classes[1:], cone()[0, 1:])
    assert [one.box for one in bright.asked] == [
        ((2, 2), (17, 17)), ((6, 6), (13, 13)), ((5, 5), (14, 14)), ((6, 6), (13, 13))
    ]  # fmt: skip
    assert found.words == (
        "the box was asked in slice 2 and then outward to slices 1 and 4, each with the box around its neighbour's "
        "mask",
    )
    assert found.expected == {1: (0.5,) * 4}


def test_a_click_draws_in_its_own_slice_across_the_chosen_axis() -> None:
    bright = Bright()
    found = PromptedPlanes(cone(), prompter=bright, axis=2).find(Prompts((marks([3, 9, 10]),)))
    assert np.flatnonzero(found.classes.any(axis=(0, 1))).tolist() == [10]
    assert bright.asked[0].inside.tolist() == [[3, 9]]
    assert found.words == ("the clicks in slice 10 gave a mask in that slice alone",)


def test_each_label_has_its_own_clicks_and_the_others_say_not_here() -> None:
    bright = Bright()
    prompts = Prompts((marks([2, 2]), marks([5, 5], index=2), marks([7, 7], index=0)), (BoxPrompt((4, 4), (9, 9), 2),))
    image = np.ones((3, 10, 10), np.uint8)
    image[:, 0, 0] = 0
    found = PromptedPlanes(image, prompter=bright).find(prompts)
    first, second = bright.asked
    assert (first.inside.tolist(), first.outside.tolist(), first.box) == ([[2, 2]], [[5, 5], [7, 7]], None)
    assert (second.inside.tolist(), second.outside.tolist()) == ([[5, 5]], [[2, 2], [7, 7]])
    assert second.box == ((4, 4), (8, 8))
    assert len(bright.seen) == 1
    assert (found.classes == 2).sum() == 25
    assert found.words == ()


def test_a_scribble_is_thinned() -> None:
    bright = Bright()
    PromptedPlanes(np.ones((1, 4, 99), np.uint8), prompter=bright).find(Prompts((marks(*([1, x] for x in range(99))),)))
    assert len(bright.asked[0].inside) == MOST_CLICKS


def test_the_second_question_about_a_slice_sees_nothing_anew() -> None:
    bright = Bright()
    planes = PromptedPlanes(cone(), prompter=bright)
    for _ in range(2):
        planes.find(Prompts((marks([3, 9, 10]),)))
    assert len(bright.seen) == 1


@pytest.mark.parametrize("shape", [(2, 8, 8), (4, 8, 8), (3, 4, 8, 8)])
def test_other_channels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=f"{shape[0]} channels.*--channel"):
        PromptedPlanes(np.ones(shape), prompter=Bright())


def test_a_wish_to_stop_ends_it() -> None:
    with pytest.raises(Cancelled):
        PromptedPlanes(cone(), prompter=Bright()).find(
            Prompts((marks([3, 9, 10]),)), listener=Listener(should_stop=lambda: True)
        )
