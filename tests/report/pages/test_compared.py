"""A comparison in words."""

from __future__ import annotations

import numpy as np

from septum.metrics.statistics import compare_all, rank_methods
from septum.report.figures.overlay import ShownCase
from septum.report.pages import sections
from septum.report.pages.compared import compared


def test_a_comparison_says_in_words_what_was_done() -> None:
    scores = {"a": np.array([0.9, 0.8, 0.7]), "b": np.array([0.8, 0.7, 0.65])}
    groups = ["p", "p", "q"]
    found = sections.comparison_section(
        "T",
        "Dice",
        scores=scores,
        pairs=compare_all(scores, groups=groups),
        ranking=rank_methods(scores, groups=groups),
    )
    assert "Wilcoxon signed-rank test on groups" in found.text
    assert "fewer than six" in found.text
    assert [d.name for d in found.drawings] == ["methods-dice", "differences-dice", "ranking-dice"]
    assert all(d.draw("svg").startswith(b"<?xml") for d in found.drawings)
    alone = sections.comparison_section(
        "T", "Dice", scores=scores, pairs=compare_all(scores), ranking=rank_methods(scores, groups="ppp")
    )
    assert len(alone.drawings) == 2


def legends(reference: np.ndarray, prediction: np.ndarray, **more: object) -> list[list[str]]:
    """What the legends of reference and prediction name."""
    found = compared(ShownCase("a", None, reference, prediction, **more))["legend"]
    return [[row["name"] for row in rows] for name, rows in found.items() if name != "errors"]


def test_objects_are_counted_and_an_empty_mask_says_so() -> None:
    empty, three = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    three[0, 0], three[3, 3], three[6, 6] = 1, 2, 3
    assert legends(empty, three, objects=True) == [["no object"], ["3 objects, colours in turn"]]
    assert legends(empty, three, names={1: "liver"}) == [["nothing marked"], ["liver", "label 2", "label 3"]]
