"""JSON and TOML from outside: parsed within bounds, so that no text of them ends a program.

One insight: the parsers of the standard library give up in three ways that are no syntax error (deep nesting, numbers
of thousands of digits, numbers beyond any type), and pass on a key that stands twice. Here all of them are one
`ValueError`, the error that whoever reads such a file expects anyway and turns into its own.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LARGEST = 256 << 20
"""Bytes of the largest document that is read, unless the reader says less."""

DEEPEST = 100
"""Lists and objects inside each other; a model in Keras' JSON has about twenty."""

MOST_DIGITS = 20
"""Of a whole number: those of 64 bits have up to 20."""


def parse_json(text: str | bytes) -> Any:
    """What a JSON text holds.

    Raises:
        ValueError: no JSON, nesting beyond `DEEPEST`, a number too large, or a key that stands twice in an object.

    >>> parse_json('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """
    try:
        found = json.loads(text, parse_int=_whole, parse_float=_fraction, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    check_depth(found)
    return found


def parse_toml(text: str) -> dict[str, Any]:
    """What a TOML text holds; errors as `parse_json`.

    >>> parse_toml("a = 1")
    {'a': 1}
    """
    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    check_depth(found)
    return found


def read_json(path: Path, *, largest: int = LARGEST) -> Any:
    """What a JSON file in UTF-8 holds, with or without a byte order mark.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger than `largest` bytes or no UTF-8, and as `parse_json`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.json").write_text('{"a": 1}')
    ...     read_json(Path(folder, "a.json"))
    {'a': 1}
    """
    return parse_json(read_text(path, largest=largest))


def read_toml(path: Path, *, largest: int = LARGEST) -> dict[str, Any]:
    """What a TOML file holds; errors as `read_json`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.toml").write_text("a = 1")
    ...     read_toml(Path(folder, "a.toml"))
    {'a': 1}
    """
    return parse_toml(read_text(path, largest=largest))


def read_text(path: Path, *, largest: int = LARGEST) -> str:
    """The text of a file in UTF-8; errors as `read_json`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.txt").write_text("µm", encoding="utf-8")
    ...     read_text(Path(folder, "a.txt"))
    'µm'
    """
    with path.open("rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"it is larger than {largest >> 10} kB")
    return data.decode("utf-8-sig")


def check_depth(found: Any) -> None:
    """Nothing, when plain data are nested at most `DEEPEST` levels and hold no number beyond 64 bits.

    Raises:
        ValueError: they are deeper, or a number is larger.

    >>> check_depth([[1]])
    """
    level: list[Any] = [found]
    for _ in range(DEEPEST + 1):
        if any(isinstance(one, int) and abs(one) > 1 << 64 for one in level):
            raise ValueError("it holds a number beyond 64 bits")
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return
    raise ValueError(f"it is nested deeper than {DEEPEST} levels")


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > MOST_DIGITS:
        raise ValueError(f"it holds a number of {len(text)} digits")
    return int(text)


def _fraction(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"it holds a number beyond any type ({text[:20]})")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return found
