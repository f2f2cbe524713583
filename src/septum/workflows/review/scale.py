"""The scale on which readers rate: its question, its answers with their keys, and which of them count as a pass.

One insight: whatever the scale, the study asks in the end whether a mask is good enough, so every answer says whether
it passes, and pass/fail and Likert studies are reported by the same figure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from septum.errors import ConfigError
from septum.io.documents import parse_json
from septum.workflows.runs.settings import load_settings, structure, unstructure

_RESERVED = "uhq"  # undo, hide the outline, quit


@dataclass(frozen=True)
class ScalePoint:
    """One answer: the value that is stored, the key that gives it, what the reader reads, and whether it passes."""

    value: str
    key: str
    text: str
    passes: bool


@dataclass(frozen=True)
class Scale:
    """A question and its answers, worst first.

    Args:
        question: what the reader is asked of every mask.
        choices: at least two, with different values and different keys of one character.

    Raises:
        ConfigError: fewer than two answers, repeated values or keys, a key that the page uses itself, or answers that
            all pass or all fail.
    """

    question: str
    choices: tuple[ScalePoint, ...] = field(default=())

    def __post_init__(self) -> None:
        values, keys = [c.value for c in self.choices], [c.key.lower() for c in self.choices]
        if len(self.choices) < 2 or len(set(values)) < len(values) or len(set(keys)) < len(keys):
            raise ConfigError(
                f"choices must be two or more with different values and keys, got {values} on keys {keys}"
            )
        wrong = [key for key in keys if len(key) != 1 or key in _RESERVED or not key.isalnum()]
        if wrong:
            raise ConfigError(
                f"keys must be one letter or digit other than u, h and q, got {wrong[0]!r}; choose another"
            )
        if any(not value.strip() or len(value) > 64 for value in values):
            raise ConfigError(f"values must have 1 to 64 characters, got {values}; shorten them")
        if len({c.passes for c in self.choices}) != 2:
            raise ConfigError("choices must hold at least one that passes and one that does not; set passes = true")

    def passes(self, value: str) -> bool:
        """Whether an answer counts as a pass."""
        return self.choice(value).passes

    def choice(self, value: str) -> ScalePoint:
        """The answer of this value.

        Raises:
            ConfigError: when the scale has no such answer.
        """
        found = next((c for c in self.choices if c.value == value), None)
        if found is None:
            allowed = ", ".join(c.value for c in self.choices)
            raise ConfigError(f"rating must be one of {allowed}, got {value!r}; use one of them")
        return found

    def to_json(self) -> str:
        """The scale as JSON; `from_json` is the way back."""
        return json.dumps(unstructure(self))

    @staticmethod
    def from_json(text: str) -> Scale:
        """The scale of `to_json`."""
        try:
            return structure(parse_json(text), Scale, what="scale of the study")
        except ValueError as error:
            raise ConfigError(f"the scale of the study cannot be read: {error}; create the study again") from error


PASS_FAIL = Scale(
    "Is this segmentation good enough to be used without correction?",
    (ScalePoint("fail", "f", "fail", False), ScalePoint("pass", "p", "pass", True)),
)


LIKERT = Scale(
    "How good is this segmentation?",
    (
        ScalePoint("1", "1", "unusable", False),
        ScalePoint("2", "2", "needs to be drawn again in large part", False),
        ScalePoint("3", "3", "needs correction", False),
        ScalePoint("4", "4", "usable, small flaws", True),
        ScalePoint("5", "5", "as good as drawn by an expert", True),
    ),
)


SCALES: Mapping[str, Scale] = MappingProxyType({"passfail": PASS_FAIL, "likert5": LIKERT})


def load_scale(name: str) -> Scale:
    """A scale by name (`passfail`, `likert5`) or from a TOML file with `question` and `[[choices]]`.

    >>> "".join(choice.key for choice in load_scale("passfail").choices)
    'fp'

    Raises:
        ConfigError: neither a known name nor a file that holds a scale.
    """
    if name in SCALES:
        return SCALES[name]
    path = Path(name)
    if not path.is_file():
        raise ConfigError(f"scale must be {', '.join(SCALES)} or a TOML file, got {name!r}; check the path")
    return load_settings(Scale, path, overrides={})
