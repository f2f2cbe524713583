"""Options of methods: every kind read from text and plain data, every range held, and what would be right is said."""

from __future__ import annotations

from typing import Any

import pytest

from septum.errors import ConfigError
from septum.options import Method, Option, at_least, nearest, one_of


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("number", "1.5", 1.5), ("number", 2, 2.0), ("integer", "3", 3), ("integer", 3.0, 3), ("flag", "Yes", True),
        ("flag", False, False), ("flag", "0", False), ("text", "a", "a"), ("numbers", "1,2.5,", (1.0, 2.5)),
        ("numbers", [1, 2], (1.0, 2.0)), ("numbers", 7, (7.0,)), ("choice", "b", "b"),
    ],
)  # fmt: skip
def test_every_kind_is_read_from_text_and_plain_data(kind: str, given: Any, value: Any) -> None:
    found = Option("o", kind, 0, "what", choices=("a", "b")).parse(given, "m")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("number", "x"), ("number", True), ("number", "nan"), ("number", float("inf")), ("integer", 1.5),
        ("integer", "1.5"), ("flag", "maybe"), ("flag", 1), ("text", 3), ("numbers", "1,x"), ("numbers", ""),
        ("choice", "c"), ("choice", 1),
    ],
)  # fmt: skip
def test_another_kind_is_refused_with_what_would_be_right(kind: str, given: Any) -> None:
    with pytest.raises(ConfigError, match=r"^o of m must be .*, got"):
        Option("o", kind, 0, "what", choices=("a", "b")).parse(given, "m")


@pytest.mark.parametrize(("value", "inside"), [(0, True), (2, True), (-1, False), (3, False)])
@pytest.mark.parametrize("kind", ["number", "integer", "numbers"])
def test_both_ends_of_a_range_belong_to_it(kind: str, value: int, inside: bool) -> None:
    option = Option("o", kind, 0, "what", low=0, high=2, unit="mm")
    if inside:
        option.parse([value] if kind == "numbers" else value, "m")
    else:
        with pytest.raises(ConfigError, match="from 0 to 2, mm, got"):
            option.parse([1, value] if kind == "numbers" else value, "m")


def test_none_is_no_value_where_the_default_is_none() -> None:
    assert Option("o", "number", None, "what", low=0).parse("none", "m") is None
    assert Option("o", "number", None, "what", low=0).parse(None, "m") is None
    with pytest.raises(ConfigError):
        Option("o", "number", 1.0, "what", low=0).parse("none", "m")
    assert Option("o", "numbers", (), "what").parse("", "m") == ()


OPTIONS = (Option("size", "number", 1.0, "what"), Option("on", "flag", True, "x"))
ROW = Method("row", abs, "segment", "what", "own", OPTIONS)


def test_a_row_gives_every_option_and_names_the_nearest_of_one_that_it_lacks() -> None:
    assert ROW.resolve({}) == {"size": 1.0, "on": True}
    assert ROW.resolve({"on": "no"}) == {"size": 1.0, "on": False}
    with pytest.raises(ConfigError, match="row has no option 'sise'; did you mean 'size'"):
        ROW.resolve({"sise": 1})
    with pytest.raises(ConfigError, match="it has no options"):
        Method("bare", abs, "segment", "what", "own").option("x")


def test_hints_name_the_nearest_or_all() -> None:
    assert nearest("zzz", ["otsu", "li"]) == "known are otsu, li"
    assert nearest("zzz", [], none="nothing") == "nothing"


def test_limits_are_held() -> None:
    assert at_least(1.0, 1, name="x") == 1.0
    for value, above in ((0.9, False), (1.0, True), (float("nan"), False), (float("inf"), False)):
        with pytest.raises(ConfigError, match="x must be"):
            at_least(value, 1, name="x", above=above)
    assert one_of("a", ("a", "b"), name="x") == "a"
    with pytest.raises(ConfigError, match="x must be one of a, b, got 'c'"):
        one_of("c", ("a", "b"), name="x")
