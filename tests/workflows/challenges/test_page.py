"""The page of a challenge: the best method first, people beside it, and what its numbers are not."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from septum.workflows.challenges.challenge import Challenge, Column, Division, Part, Picture
from septum.workflows.challenges.page import Entry, challenge_page
from septum.workflows.challenges.pictures import panels_jpeg

JPEG = panels_jpeg([np.zeros((4, 4, 3), np.uint8)])


def challenge(**given: Any) -> Any:
    row: dict[str, Any] = {
        "name": "toy", "title": "Toys & <games>", "source": "A. Author 2020", "caution": "These are no entry.",
        "methods": ("auto",), "columns": (Column("hit", "Hit", "share of hits"), Column("miss", "Miss", "rest")),
        "training": {}, "divide": None, "predict": None, "score": None,
        "shown": lambda division: (Picture("image 1", "as it is", JPEG), Picture("image 2", "as it is, too", JPEG)),
    }  # fmt: skip
    return Challenge(**row | given)


def entry(method: str, hit: float) -> Entry:
    times = {"minutes": 2.5, "steps": 0.0 if method == "classical" else 120.0, "seconds_per_image": 0.25}
    pictures = (Picture("image 1", f"what {method} made", JPEG),)
    return Entry(method, {"hit": hit, "miss": 1 - hit}, times, ({"image": "1"},), pictures)


@pytest.fixture
def page() -> str:
    tests: Any = (SimpleNamespace(id="1"), SimpleNamespace(id="2"))
    division = Division((Part("", Path("t.csv"), tests=tests),), ("first half trains",))
    entries = [entry("window", 0.25), entry("classical", 0.75), entry("auto", 0.5)]
    return challenge_page(challenge(), division, entries=entries, rivals={"second reader": {"hit": 0.125}})


def test_the_first_score_ranks_and_people_stand_below(page: str) -> None:
    rows = re.findall(r"<tr[^>]*>.*?</tr>", page, re.DOTALL)
    named = [re.sub(r"<[^>]+>|\s+", " ", row).split()[0] for row in rows if "0." in row]
    assert named == ["classical", "auto", "window", "second"]
    assert page.index("what classical made") < page.index("what auto made") < page.index("what window made")


def test_what_no_network_has_is_a_dash_and_a_score_that_nobody_gave_is_no_zero(page: str) -> None:
    rows = {row.split()[0]: row.split() for row in (
        re.sub(r"<[^>]+>|\s+", " ", row) for row in re.findall(r"<tr[^>]*>.*?</tr>", page, re.DOTALL)
    ) if row.split()}  # fmt: skip
    assert rows["classical"][-3:] == ["2.5", "–", "0.25"]
    assert rows["auto"][-3:] == ["2.5", "120", "0.25"]
    assert "0.000" not in " ".join(rows["second"])


def test_the_truth_of_every_part_is_shown_and_only_networks_are_said_to_be_trained(page: str) -> None:
    assert page.index("as it is, too") < page.index("what classical made")
    assert "networks with the same budget; classical is chosen, not trained" in page


def test_a_method_that_found_nothing_is_named_whatever_else_it_scores() -> None:
    columns = (Column("auc", "AUC", "of maps"), Column("hit", "Hit", "share of hits", finds=True))
    division = Division((Part("", Path("t.csv"), tests=()),))
    times = {"minutes": 1.0, "steps": 2.0, "seconds_per_image": 0.5}
    entries = [
        Entry(name, {"auc": 0.676, "hit": hit}, times, (), ()) for name, hit in (("lecture", 0.009), ("auto", 0.1))
    ]
    page = challenge_page(challenge(columns=columns), division, entries=entries, rivals={})
    assert "Found next to nothing at the cut-off of masks, too little to be used: lecture (Hit 0.009)." in page
    assert "Found next" not in challenge_page(challenge(), division, entries=[entry("auto", 0.5)], rivals={})


def test_the_page_says_caution_division_source_and_what_it_is_and_escapes_names(page: str) -> None:
    for words in ("These are no entry.", "first half trains", "A. Author 2020", "medical device", "2 images"):
        assert words in page
    assert "Toys &amp; &lt;games&gt;" in page
    assert "<games>" not in page
    assert not re.search(r"""(src|href)=["']https?:""", page)
