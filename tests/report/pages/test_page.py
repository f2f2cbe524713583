"""The page: everything inside, nothing from outside, hostile names harmless, worst case first."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from tests import phantoms

from septum.geometry.picture import colour_of
from septum.metrics import EMPTY_CASES
from septum.report.figures.overlay import ShownCase
from septum.report.pages.page import Content, Shown, inline_svg, number, render_page
from septum.report.pages.sections import Section

HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(2)>"\'&'
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Elements(HTMLParser):
    """Start tags with their attributes, texts, and whether every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def summary_row(name: str, metric: str = "dice") -> dict[str, object]:
    numbers = dict.fromkeys(("mean", "median", "q1", "q3", "minimum", "maximum"), 0.8)
    limits = dict.fromkeys(("mean_ci_low", "mean_ci_high", "median_ci_low", "median_ci_high"), 0.75)
    return {"label": 1, "name": name, "metric": metric, "n": 3, "n_undefined": 1, "n_groups": 3, **numbers, **limits}


def content(case: str = "case 1", name: str = "liver", **changes: object) -> Content:
    scores = pd.DataFrame(
        {
            "case": [case, "case 2", "case 3"],
            "group": ["", "", ""],
            "label": 1,
            "name": name,
            "dice": [0.9, 0.4, np.nan],
            "iou": [0.8, 0.3, np.nan],
            "pixel_error": [0.01, 0.02, 0.0],
            "empty": ["", "", "both empty"],
        }
    )
    mask = phantoms.box((20, 24)).array
    settings: dict[str, object] = {
        "title": "Test report",
        "scores": scores,
        "summary": pd.DataFrame([summary_row(name)]),
        "case_means": pd.Series({case: 0.9, "case 2": 0.4, "case 3": np.nan}),
        "shown": [Shown("worst", 0.4, ShownCase(case, np.zeros((1, 20, 24)), mask, mask, (0.5, 0.5)))],
        "created": "2026-01-01 12:00 UTC",
        "version": "0.0",
    }
    return Content(**(settings | changes))  # type: ignore[arg-type]


FULL = {
    "curves": pd.DataFrame({"seconds": [1.0, 2.0], "loss": [1.0, 0.5], "val_dice": [np.nan, 0.8]}),
    "plan": {"patch": [64, 64], "name": HOSTILE},
    "provenance": {"seed": 0, "folder": HOSTILE},
    "notes": [f"16 cases have no prediction: {HOSTILE}"],
    "not_scored": [(HOSTILE, "no prediction")],
}


def test_the_page_asks_nothing_from_outside() -> None:
    page = render_page(content(HOSTILE, HOSTILE, title=HOSTILE, **FULL))
    elements = Elements(page)
    for tag, attributes in elements.tags:
        assert tag not in ("link", "iframe", "object", "base", "form")
        for key in ("src", "href", "xlink:href", "action", "srcset", "poster", "data"):
            value = attributes.get(key) or "#"
            assert value.startswith(("#", "data:image/")), (tag, key, value)
    assert "://" not in page
    assert not re.search(r"@import|url\((?!#)", page)
    (policy,) = [m["content"] for m in elements.find("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_hostile_names_stay_text() -> None:
    page = render_page(content(HOSTILE, HOSTILE, title=HOSTILE, **FULL))
    elements = Elements(page)
    assert elements.open == []
    assert len(elements.find("script")) == 3  # the data of the pictures, what shows them, what sorts the table
    assert all("onerror" not in attributes for _, attributes in elements.tags)
    assert all((image["src"] or "").startswith("data:image/") for image in elements.find("img"))
    assert HOSTILE in "".join(elements.texts)


def test_every_picture_and_figure_is_described() -> None:
    elements = Elements(render_page(content(**FULL)))
    assert len(elements.find("img")) == 1  # without scripts; with them, the pictures in the data are shown
    assert all(image["alt"] for image in elements.find("img"))
    figures = elements.find("svg")
    assert len(figures) == 3
    assert all(figure["role"] == "img" and figure["aria-label"] for figure in figures)


def looks(page: str) -> list[dict[str, object]]:
    """What the script of the page shows of its cases."""
    found: list[dict[str, object]] = json.loads(re.search(r'id="looks-data">(.*?)</script>', page, re.S).group(1))  # type: ignore[union-attr]
    return found


def test_a_case_is_shown_with_its_reference_prediction_and_errors_each_with_a_legend() -> None:
    truth, guess = np.zeros((20, 24), int), np.zeros((20, 24), int)
    truth[2:18, 2:12], guess[2:18, 6:20] = 1, 2
    example = ShownCase("case 1", np.zeros((1, 20, 24)), truth, guess, names={1: "liver", 2: "spleen"})
    (one,) = looks(render_page(content(shown=[Shown("worst", 0.1, example)])))
    assert set(one["views"][0]["layers"]) == {"reference", "prediction", "errors"}  # type: ignore[index]
    legend = one["legend"]
    assert legend["reference"] == [{"name": "liver", "colour": colour_of(1)}]  # type: ignore[index]
    assert legend["prediction"] == [{"name": "spleen", "colour": colour_of(2)}]  # type: ignore[index]
    assert [part["name"] for part in legend["errors"]] == ["missed", "too much", "another class"]  # type: ignore[index]


def test_a_volume_is_shown_in_three_planes_and_a_case_without_image_says_so() -> None:
    box = phantoms.box((12, 16, 10)).array
    (one,) = looks(render_page(content(shown=[Shown("worst", 0.1, ShownCase("a", None, box, box, orientation="SAR"))])))
    assert [view["title"] for view in one["views"]] == ["axial", "coronal", "sagittal"]  # type: ignore[attr-defined, index]
    assert one["image"] is False


def test_what_was_asked_for_is_a_card_and_a_comparison_comes_first() -> None:
    rows = [summary_row("liver"), summary_row("liver", "panoptic_quality") | {"mean": 0.4321}]
    sections = [Section("Later"), Section("Comparison of methods", first=True)]
    page = render_page(
        content(summary=pd.DataFrame(rows), cards=("panoptic_quality",), sections=sections, pictured="ours",
                titles={"panoptic_quality": "panoptic quality"})
    )  # fmt: skip
    cards = re.search(r'<dl class="facts">(.*?)</dl>', page, re.S).group(1)  # type: ignore[union-attr]
    assert "Panoptic quality, mean (ours)" in cards
    assert "0.432" in cards
    assert page.index("Comparison of methods") < page.index("distribution") < page.index("Later")


def test_a_table_scrolls_with_the_page_not_inside_it() -> None:
    page = render_page(content(**FULL))
    assert "max-height: 32rem" not in page
    assert 'class="scroll tall"' not in page


def test_ids_are_unique_though_figures_share_the_page() -> None:
    page = render_page(content(**FULL))
    found = [a["id"] for _, a in Elements(page).tags if "id" in a]
    assert len(found) == len(set(found)) > 10
    used = re.findall(r"url\(#([^)]+)\)", page) + re.findall(r'href="#([^"]+)"', page)
    assert used
    assert set(used) <= set(found)


def test_figures_take_the_readers_colour() -> None:
    page = render_page(content())
    assert "currentColor" in page
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_cases_are_listed_worst_first_and_undefined_last() -> None:
    texts = "\n".join(Elements(render_page(content())).texts)
    table = texts[texts.index("Cases, worst first") :]
    assert table.index("case 2") < table.index("case 1") < table.index("case 3")


def test_numbers_intervals_empty_cases_and_missing_cases_are_said() -> None:
    text = " ".join(" ".join(Elements(render_page(content(**FULL))).texts).split())
    assert "95 % interval 0.750 – 0.750" in text
    assert "1 undefined, 1 not scored" in text
    assert "no prediction" in text
    assert "not a medical device" in text
    assert all(row.meaning in text for row in EMPTY_CASES)
    assert f"both empty {EMPTY_CASES[0].meaning} 1 1" in text


def test_an_interval_that_does_not_exist_is_one_dash() -> None:
    row = summary_row("liver") | dict.fromkeys(("mean_ci_low", "mean_ci_high"), np.nan)
    page = render_page(content(summary=pd.DataFrame([row])))
    assert "– – –" not in page
    assert "<td>–</td>" in page


def test_plan_and_provenance_can_be_unfolded() -> None:
    elements = Elements(render_page(content(**FULL)))
    assert len(elements.find("details")) == 3
    assert any('"patch"' in text for text in elements.texts)


def test_several_labels_have_a_column_each() -> None:
    one = content().scores
    scores = pd.concat([one, one.assign(name="tumour", label=2, dice=[0.1, 0.2, 0.3])])
    text = " ".join(Elements(render_page(content(scores=scores))).texts)
    assert "Mean Dice" in text
    assert "Dice per label" in text
    assert "0.300" in text


def test_groups_are_shown_where_cases_share_them() -> None:
    grouped = content(
        scores=content().scores.assign(group=["p1", "p1", "p2"]),
        summary=pd.DataFrame([summary_row("liver") | {"n_groups": 2}]),
    )
    text = " ".join(" ".join(Elements(render_page(grouped)).texts).split())
    assert "in 2 groups;" in text
    assert "resamples of whole groups" in text


def test_a_long_table_is_cut_and_says_so() -> None:
    names = [f"c{i}" for i in range(1003)]
    base = content().scores.iloc[[0]]
    scores = pd.concat([base] * 1003).assign(case=names, dice=np.linspace(0, 1, 1003))
    page = render_page(content(scores=scores, case_means=pd.Series(np.linspace(0, 1, 1003), index=names), shown=()))
    assert "3 better cases are left out here" in page
    assert "<svg" in page


def test_without_any_score_the_page_says_so() -> None:
    empty = content().scores.iloc[:0]
    page = render_page(
        content(
            scores=empty, summary=pd.DataFrame(columns=["metric", "n"]), case_means=pd.Series(dtype=float), shown=()
        )
    )
    assert "No case could be scored" in page


@pytest.mark.parametrize(("value", "text"), [(0.12345, "0.123"), (float("nan"), "–"), (1.0, "1.000")])
def test_numbers_have_three_decimals_or_a_dash(value: float, text: str) -> None:
    assert number(value) == text


def test_an_inlined_figure_keeps_its_labels() -> None:
    svg = b'<?xml version="1.0"?><svg xmlns="http://x" width="3pt" height="2pt" viewBox="0 0 3 2"><g id="a"/></svg>'
    text = str(inline_svg(svg, alt='5 < 6 "quoted"', prefix="p"))
    assert text.startswith('<svg role="img" aria-label="5 &lt; 6 &#34;quoted&#34;"')
    assert 'id="p-a"' in text
    assert "width=" not in text
    assert 'viewBox="0 0 3 2"' in text
