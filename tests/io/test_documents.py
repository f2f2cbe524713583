"""JSON and TOML within bounds: what cannot be is one kind of error, whatever the parser would do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.io.documents import DEEPEST, check_depth, parse_json, parse_toml, read_json, read_toml

LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text()
PLAIN = st.recursive(
    LEAVES | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(PLAIN)
def test_whatever_json_can_say_comes_back(content: object) -> None:
    assert parse_json(json.dumps(content)) == content


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested deeper"),
        ("[" * (DEEPEST + 2) + "]" * (DEEPEST + 2), "nested deeper"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "nested deeper"),
        ('{"a": ' + "9" * 5000 + "}", "number of 5000 digits"),
        ('{"a": -' + "9" * 21 + "}", "number of 22 digits"),
        ('{"a": 1e999}', "beyond any type"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ("{", "Expecting"),
    ],
)
def test_what_no_program_should_have_to_bear_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "nested deeper"),
        ("a = " + "9" * 5000, "digits"),
        ("a = " + "9" * 30, "beyond 64 bits"),
        ("a = 2026-99-99", "."),
        ("a = 1\na = 2", "."),
    ],
)
def test_toml_has_the_same_bounds(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_toml(text)


def test_a_file_larger_than_wanted_or_not_in_utf8_is_refused_and_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(path) == {"a": 1}
    with pytest.raises(ValueError, match="larger than"):
        read_json(path, largest=8)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="utf-8"):
        read_json(path)
    path.write_text("a = 1\n")
    assert read_toml(path) == {"a": 1}
    with pytest.raises(OSError, match="No such file"):
        read_json(tmp_path / "none.json")


def test_depth_is_counted_in_lists_and_objects_alike() -> None:
    inner: object = 1
    for level in range(DEEPEST):
        inner = [inner] if level % 2 else {"a": inner}
    check_depth(inner)
    with pytest.raises(ValueError, match="deeper"):
        check_depth([inner])
