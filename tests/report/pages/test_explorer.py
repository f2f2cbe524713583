"""Tables for papers, sections of the page, and the data of the interactive plot."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from tests.report.pages.explored import NAN, content

from septum.report.figures.overlay import ShownCase, case_thumbnail
from septum.report.pages import sections
from septum.report.pages.explorer import Explorer
from septum.report.pages.page import render_page


def test_sizes_of_many_labels_are_shown_for_the_first_few() -> None:
    volumes = {f"l{i}": (np.array([1.0, 2.0]), np.array([1.0, 2.5])) for i in range(9)}
    found = sections.agreement_section(volumes, unit="ml")
    assert "The first 6 of 9 labels" in found.text
    assert len(found.drawings) == len(found.tables[0].rows) == 6
    assert found.drawings[0].draw("svg") != b""


def explorer() -> Explorer:
    table = pd.DataFrame(
        {"series": ["s"] * 3, "case": ["a", "b", "</script>"], "group": ["", "g", ""], "dice": [0.123456, NAN, 1.0]}
    )
    example = ShownCase("a", None, np.eye(8, dtype=np.uint8), np.ones((8, 8), np.uint8))
    return Explorer(
        table.assign(size=[5, 6, 7]), {"dice": "Dice", "size": "size"}, "size", {"a": case_thumbnail(example)}
    )


def test_the_plot_holds_every_case_and_undefined_values_as_null() -> None:
    payload = explorer().payload()
    assert payload["cases"] == ["a", "b", "</script>"]
    assert payload["series"][0]["points"] == [[0, 0.1235, 5.0], [1, None, 6.0], [2, 1.0, 7.0]]
    assert payload["across"] == 1
    assert payload["groups"] == ["", "g", ""]
    assert payload["pictures"][0].startswith("data:image/jpeg;base64,")


def test_more_numbers_than_a_mail_carries_are_left_to_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    import septum.report.pages.explorer as module

    monkeypatch.setattr(module, "MOST_VALUES", 10)
    table = pd.concat([explorer().table, explorer().table.assign(series="t")])
    assert [one["name"] for one in Explorer(table, {"dice": "Dice"}, "dice").payload()["series"]] == ["s"]


def test_the_page_carries_the_plot_and_no_name_can_break_out_of_it() -> None:
    page = render_page(content(explorer=explorer()))
    data = re.search(r'id="ex-data">(.*?)</script>', page, re.S)
    assert data is not None
    assert json.loads(data.group(1))["cases"][2] == "</script>"
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "ex-plot" not in render_page(content())


def test_a_thumbnail_is_small_and_shows_both_outlines() -> None:
    import io

    from PIL import Image as Picture

    reference, prediction = np.zeros((60, 30), np.uint8), np.zeros((60, 30), np.uint8)
    reference[10:30, 5:15], prediction[30:50, 15:25] = 1, 1
    panel = case_thumbnail(ShownCase("a", None, reference, prediction), longest_px=240)
    picture = np.asarray(Picture.open(io.BytesIO(panel.data)).convert("RGB")).astype(int)
    assert picture.shape == (240, 120, 3)
    red, blue = picture[..., 0] - picture[..., 2] > 80, picture[..., 2] - picture[..., 0] > 80
    assert red[:130].any()
    assert not red[140:].any()
    assert blue[110:].any()
    assert not blue[:100].any()
    assert len(panel.data) < 20_000
