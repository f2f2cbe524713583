"""A comparison in words."""

from __future__ import annotations

import numpy as np

from septum.metrics.statistics import compare_all, rank_methods
from septum.report.pages import sections


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
