"""Named options of methods and tools: a row of a table is a function, and what it can be told, with every check.

The insight: an option is a value with a kind, a range and a unit, so a TOML file, a flag and a test can all be checked
by one function, and the message can say what would have been right. The rows stand beside what they list
(`septum.classical.methods`, `septum.interactive.tools`, `septum.interactive.edit_rows`).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from septum.errors import ConfigError

Stage = Literal["image", "segment", "clean", "tool", "edit"]
KINDS = ("number", "integer", "choice", "flag", "numbers", "text")


@dataclass(frozen=True)
class Option:
    """One thing that a method can be told.

    Args:
        name: the keyword argument of the function.
        kind: "number", "integer", "choice", "flag" (true or false), "numbers" (a list), "text".
        default: value where it is not given; None means what `what` says.
        what: one phrase for people.
        low, high: the range, both included; None where it is open.
        unit: "mm", "mm³ (mm² in 2-D)", …; empty for plain numbers.
        choices: of a "choice".
        suggest: values that `septum segment --suggest` tries, sizes in multiples of the data's finest spacing; empty
            leaves the default.
    """

    name: str
    kind: str
    default: Any
    what: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    suggest: tuple[Any, ...] = ()

    def parse(self, value: Any, method: str) -> Any:
        """The value of this option from text (command line) or plain data (TOML).

        Raises:
            ConfigError: of another kind, outside the range, or not among the choices.
        """
        if value is None or (self.default is None and value == "none"):
            return None
        try:
            found = _PARSERS[self.kind](value)
        except (TypeError, ValueError):
            raise ConfigError(f"{self._where(method)} must be {self.range_text()}, got {value!r}") from None
        wrong = (self.kind == "choice" and found not in self.choices) or (found == () and self.default != ())
        if wrong:
            raise ConfigError(f"{self._where(method)} must be {self.range_text()}, got {value!r}")
        if self.kind in ("number", "integer", "numbers"):
            low, high = -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high
            if not all(low <= v <= high for v in (found if self.kind == "numbers" else (found,))):
                raise ConfigError(f"{self._where(method)} must be {self.range_text()}, got {value!r}")
        return found

    def range_text(self) -> str:
        """Kind, range and unit as people read them: "a number from 0, mm"."""
        text = {
            "number": "a number",
            "integer": "a whole number",
            "choice": "one of " + ", ".join(self.choices),
            "flag": "true or false",
            "numbers": "numbers, such as 1,2,3",
            "text": "text",
        }[self.kind]
        if self.low is not None:
            text += f" from {self.low:g}"
        if self.high is not None:
            text += f" to {self.high:g}"
        return f"{text}, {self.unit}" if self.unit else text

    def _where(self, method: str) -> str:
        return f"{self.name} of {method}"


@dataclass(frozen=True)
class Method:
    """One row of the table; `methods` says what `stage` and `given` mean.

    Args:
        name: what the user types.
        function: called as `function(array, *, **given, **options)`.
        stage: "image", "segment" or "clean" of a method; "tool" or "edit" where a person acts.
        what: one line for people.
        library: which library runs.
        options: what it can be told.
        given: keyword arguments that the caller hands over.
        needs: those of `given` that must not be missing.
        dimensions: numbers of axes that it takes.
        channels: "one" (`spatial`) or "any" (`(C, *spatial)`).
        result: what a segmenting method returns: "mask" (0 and 1), "classes" (0, 1, 2 … by intensity, the same from
            image to image) or "objects" (numbers without a meaning, 0 = background).
        suggest: whether `--suggest` tries it.
    """

    name: str
    function: Callable[..., Any]
    stage: Stage
    what: str
    library: str
    options: tuple[Option, ...] = ()
    given: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    dimensions: tuple[int, ...] = (2, 3)
    channels: str = "one"
    result: str = "mask"
    suggest: bool = False

    def option(self, name: str) -> Option:
        """The option of this name; `ConfigError` with the nearest one when there is none."""
        for option in self.options:
            if option.name == name:
                return option
        known = [option.name for option in self.options]
        raise ConfigError(f"{self.name} has no option {name!r}; {nearest(name, known, none='it has no options')}")

    def resolve(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value: what was given, checked, else the default."""
        given = {name: self.option(name).parse(value, self.name) for name, value in values.items()}
        return {option.name: given.get(option.name, option.default) for option in self.options}


def nearest(name: str, known: Sequence[str], *, none: str = "") -> str:
    """A hint for a misspelt name.

    >>> nearest("otus", ["otsu", "li"])
    "did you mean 'otsu'?"
    """
    if not known:
        return none
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[_text(value).lower()]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    found = float(value)
    if not math.isfinite(found):
        raise ValueError
    return found


def _integer(value: Any) -> int:
    found = _number(value)
    if found != int(found):
        raise ValueError
    return int(found)


def _numbers(value: Any) -> tuple[float, ...]:
    parts = (
        [p for p in value.split(",") if p]
        if isinstance(value, str)
        else [value]
        if isinstance(value, (int, float))
        else list(value)
    )
    return tuple(_number(part) for part in parts)


def _flag_or_error(value: Any) -> bool:
    try:
        return _flag(value)
    except KeyError:
        raise ValueError from None


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "integer": _integer,
    "choice": _text,
    "text": _text,
    "flag": _flag_or_error,
    "numbers": _numbers,
}


def at_least(value: float, low: float, *, name: str, above: bool = False) -> float:
    """`value`, when it is a number not below `low` (with `above`: greater than it); `ConfigError` otherwise.

    >>> at_least(3.0, 1, name="size")
    3.0
    """
    if math.isfinite(value) and (value > low if above else value >= low):
        return value
    raise ConfigError(f"{name} must be {'above' if above else 'at least'} {low:g}, got {value:g}; choose a larger one")


def one_of(value: str, allowed: Sequence[str], *, name: str) -> str:
    """`value`, when it is among `allowed`; `ConfigError` otherwise.

    >>> one_of("mm", ("mm", "px"), name="unit")
    'mm'
    """
    if value in allowed:
        return value
    raise ConfigError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
