"""Sections of a page: figures, tables, tiles, rounded cells."""

from __future__ import annotations

import numpy as np
import pytest
from tests.report.pages.explored import NAN, content

from septum.report.figures.overlay import ShownCase, case_thumbnail
from septum.report.pages.page import cell, render_page
from septum.report.pages.sections import Drawing, Section, Table, Tile


def test_sections_show_figures_tables_and_tiles() -> None:
    picture = case_thumbnail(ShownCase("bad <b>", None, np.eye(9, dtype=np.uint8), np.eye(9, dtype=np.uint8)))
    section = Section(
        "Part",
        "Text <i>",
        (Drawing("d", "Caption", "alt text", lambda f: b"<?xml?><svg width='1' height='2'></svg>"),),
        (Table(("what", "n"), [("x & y", 0.12345)], "note"),),
        (Tile("bad <b>", "Dice 0.1", picture),),
    )
    page = render_page(content(sections=(section,)))
    for part in ("Part", "Text &lt;i&gt;", "Caption", "x &amp; y", "0.123", "note", "bad &lt;b&gt;", "Dice 0.1"):
        assert part in page
    assert "bad <b>" not in page


@pytest.mark.parametrize(
    ("value", "shown"), [(NAN, "–"), (0.5, "0.500"), (1234.5, "1234"), (3, "3"), ("p", "p"), (-2000.0, "-2000")]
)
def test_cells_are_rounded_for_reading(value: float, shown: str) -> None:
    assert cell(value) == shown
