"""`septum challenge` as it is typed: what it says, and how it ends."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from septum.errors import Cancelled
from septum.workflows.challenges import run
from septum.workflows.challenges.table import CHALLENGES


def test_options_reach_the_run_and_the_scores_are_printed(septum, tmp_path, monkeypatch):
    seen = {}

    def taken(name, data, *, output, settings, hooks, on_status):
        seen.update(name=name, settings=settings)
        return run.ChallengeResult(output / "index.html", pd.DataFrame([{"method": "auto", "v_rand": 0.91234}]))

    monkeypatch.setattr(run, "run_challenge", taken)
    words = ("em", tmp_path, "-o", tmp_path / "out", "--methods", "auto, window", "--minutes", "3", "--seed", "2")
    result = septum("challenge", *words)
    assert result.code == 0
    assert "0.9123" in result.out
    assert seen["name"] == "em"
    assert (seen["settings"].methods, seen["settings"].minutes, seen["settings"].seed) == (("auto", "window"), 3.0, 2)


@pytest.mark.parametrize("how", [Cancelled, KeyboardInterrupt])
def test_a_stop_says_that_the_same_command_goes_on_and_is_the_last_word(septum, tmp_path, monkeypatch, how):
    def stopped(*given, hooks, **named):
        hooks.on_progress("measuring a", 0.5)
        hooks.on_progress("measuring b", 1.0)
        raise how

    monkeypatch.setattr(run, "run_challenge", stopped)
    result = septum("challenge", "em", tmp_path, "-o", tmp_path / "out")
    assert result.code == 130
    assert result.err.splitlines()[-1].endswith("the same command goes on")
    assert "measuring b" not in result.err


def test_the_help_names_the_methods_of_each_challenge(septum):
    told = " ".join(septum("challenge", "--help").out.replace("│", " ").split())
    for row in CHALLENGES:
        assert re.search(rf"{row.name}[a-z, ]*: {', '.join(row.methods)}[.;]", told), row.name


@pytest.mark.parametrize(
    ("words", "message"),
    [(("emm",), "did you mean 'em'"), (("em", "--methods", "unet"), "methods of em"), (("em",), "must be a folder")],
)
def test_wrong_words_are_answered_with_the_right_ones(septum, tmp_path, words, message):
    name, *rest = words
    result = septum("challenge", name, tmp_path / "none", "-o", tmp_path / "out", *rest)
    assert result.code == 2
    assert message in result.err
