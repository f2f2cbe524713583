"""A script of edits: read back as it was written, and what it does not know is refused with the nearest name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from septum.errors import ConfigError
from septum.workflows.editing import script
from septum.workflows.editing.script import parse_script, parse_step, read_script, tools, whole

PAINT = '[[step]]\ndo = "paint"\npoints = [[1, 2, 2]]\nradius_mm = 0.5\nlabel = 3\n'
RULES = '[rules]\noverwrite = "none"\narea = "inside"\narea_labels = [1.0, 2.0]\nhidden_layers = "a, b,"\n'


def test_a_script_survives_being_written_and_read() -> None:
    text = 'about = "by hand"\n' + RULES + PAINT + 'layer = "x"\nchannel = 1\nregion = [[0, 0, 0], [3, 4, 5]]\n'
    first = parse_script(text + '[[step]]\ndo = "islands"\nrules = {low = 2.0, exclusive = true}\n')
    again = parse_script(first.to_toml())
    assert again == first
    assert again.to_toml() == first.to_toml()
    assert again.about == "by hand"


def test_rules_of_a_step_lie_on_top_of_those_of_the_script() -> None:
    found = parse_script(RULES + PAINT + '[[step]]\ndo = "islands"\nrules = {overwrite = "all", high = 9.0}\n')
    first, second = (found.rules_of(step) for step in found.steps)
    assert (first.overwrite, first.area, first.area_labels, first.high) == ("none", "inside", (1, 2), None)
    assert (second.overwrite, second.area, second.area_labels, second.high) == ("all", "inside", (1, 2), 9.0)
    assert first.hidden_layers == ("a", "b")


def test_every_tool_of_the_table_is_found_by_its_name() -> None:
    names = [tool.name for tool in tools()]
    assert len(set(names)) == len(names)
    assert {"paint", "magic-wand", "prompted", "mask-image"} <= set(names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[step]", "cannot be read as TOML"),
        ("steps = 1\n" + PAINT, "unknown key 'steps'; did you mean 'step'"),
        ("format = 2\n" + PAINT, "format must be 1, got 2"),
        ("about = 'x'", "must hold one"),
        ("step = 3", "must hold one"),
        ("rules = 3\n" + PAINT, "rules must be a table"),
        ('[rules]\noverwrites = "none"\n' + PAINT, "overwrite"),
        ('[rules]\narea_labels = [1.5]\n' + PAINT, "area_labels must be whole numbers"),
        ("[[step]]\nlabel = 1", "step 1 must name its tool"),
        (PAINT + '[[step]]\ndo = "pain"', "step 2: .*'paint'"),
        (PAINT + "labels = 3\n", r"step 1 \(paint\): unknown key 'labels'; did you mean 'label'"),
        (PAINT + "layer = 3\n", "layer must be the name of a layer"),
        (PAINT + "channel = true\n", "channel must be a name or a number"),
        ('[[step]]\ndo = "paint"\nlabel = 1\n', "needs points or points_mm"),
        (PAINT + "points_mm = [[1, 2, 2]]\n", "points or points_mm, got both"),
        (PAINT.replace("[[1, 2, 2]]", "[[1, 2, nan]]"), "finite numbers"),
        (PAINT.replace("[[1, 2, 2]]", "[[1, 2, 2], [1, 2]]"), "list of positions"),
        (PAINT.replace("[[1, 2, 2]]", "[[1]]"), "list of positions"),
        (PAINT.replace("[[1, 2, 2]]", "[]"), "list of positions"),
        (PAINT + "region = [[0, 0, 0]]\n", "two corners"),
    ],
)  # fmt: skip
def test_a_wrong_script_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as told:
        parse_script(text, what="mine.toml")
    assert str(told.value).startswith("mine.toml")


STROKE = {"points": [[1, 2]], "label": 1}


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        ({"strokes": []}, "strokes must be a list"),
        ({"strokes": [3]}, "strokes must be a list"),
        ({"strokes": [{**STROKE, "colour": 1}]}, "unknown key 'colour' of a stroke"),
        ({"strokes": [{"points": [[1, 2]]}]}, "and a label"),
        ({"strokes": [{**STROKE, "label": True}]}, "and a label"),
        ({"strokes": [{**STROKE, "points_mm": [[1, 2]]}]}, "points or points_mm"),
        ({"strokes": [{**STROKE, "radius_mm": float("inf")}]}, "finite numbers"),
        ({"seeds_layer": 3}, "seeds_layer must be the name"),
        ({"seeds_layer": "a", "seeds_background": 0}, "seeds_background must be a label from 1"),
        ({"boxes": [{"region": [[0, 0]]}]}, "two corners"),
        ({"boxes": [{"label": 1}]}, "region or region_mm"),
        ({"boxes": [{"region": [[0, 0], [1, 1]], "label": 1.5}]}, "label of a box must be a whole number"),
    ],
)
def test_what_is_shown_is_checked_before_an_image_is_opened(shown: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_step({"do": "prompted", "model": "m", **shown})


def test_labels_have_no_fractions() -> None:
    assert whole([1.0, 2], "only") == (1, 2)
    with pytest.raises(ConfigError, match="only must be whole numbers, got"):
        whole([1.5], "only")


def test_a_huge_or_binary_script_is_refused_unparsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.toml"
    path.write_text(PAINT)
    assert read_script(path) == parse_script(PAINT)
    monkeypatch.setattr(script, "MAX_SCRIPT", len(PAINT) - 1)
    with pytest.raises(ConfigError, match="at most"):
        read_script(path)
    monkeypatch.setattr(script, "MAX_SCRIPT", 1000)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_script(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_script(tmp_path / "none.toml")
