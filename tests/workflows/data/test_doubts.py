"""What readers had to assume: told once, kept with every image that it is true of."""

from __future__ import annotations

import numpy as np

from septum.geometry import Grid, Image
from septum.workflows.data.doubts import Doubts


def image(*notes: str) -> Image:
    return Image(np.zeros((1, 2, 2)), Grid.pixels((2, 2)), notes=notes)


def test_a_sentence_is_told_once_and_kept_for_every_image() -> None:
    told: list[str] = []
    doubts = Doubts(told.append)
    doubts.hear("a", image("no spacing", "no origin"))
    doubts.hear("b", image())
    doubts.hear("c", image("no spacing"))
    assert told == ["a: no spacing", "a: no origin"]
    assert doubts.cases == {"no spacing": ["a", "c"], "no origin": ["a"]}


def test_runs_do_not_share_what_they_heard() -> None:
    Doubts(lambda text: None).hear("a", image("no spacing"))
    assert Doubts(lambda text: None).cases == {}
