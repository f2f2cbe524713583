"""A script of edits: read from TOML, checked at once, written beside the result so that it can be replayed.

The insight: a step is a row of one table (`septum.interactive.edit_rows` and the tables of the tools) and nothing else,
so the command line knows every tool without a line about any of them; what is unknown is refused with the nearest name
before an image is opened.

    [rules]
    overwrite = "none"

    [[step]]
    do = "paint"
    points_mm = [[12.5, -40.0, 30.0], [12.5, -38.0, 44.0]]
    radius_mm = 4
    label = 2

    [[step]]
    do = "smooth"
    kind = "closing"
    rules = {area = "outside", area_labels = [3]}

Besides the options of its tool a step may hold: `points` (voxels from 0, array order, fractions allowed) or `points_mm`
(world positions); `strokes`, a list of `{points | points_mm, label, radius_mm}`: lines with the label that they mark;
`seeds_layer`, a layer whose labels are such marks, with `seeds_background`, the label there that marks background;
`boxes`, a list of `{region | region_mm, label}` around objects;
`region` (`[start, stop]` in voxels) or `region_mm` (two corners); `layer`, the one that is edited; `other`, another
layer; `channel` of the image; `rules` of this step on top of the script's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from septum.errors import ConfigError
from septum.interactive.edit_rows import EDITS, MASK_IMAGE
from septum.interactive.edits.rules import AREAS, OVERWRITE, Rules
from septum.interactive.tools import TOOLS, find_tool
from septum.io.documents import parse_toml
from septum.options import Method, Option, nearest
from septum.workflows.editing.prompted_step import PROMPTED
from septum.workflows.runs.words import why

SCRIPT_FORMAT = 1


MAX_SCRIPT = 64 << 20


SHOWN = ("points", "points_mm", "strokes", "seeds_layer", "seeds_background", "boxes", "region", "region_mm")


_KEYS = ("format", "about", "rules", "step")


_STROKE = ("points", "points_mm", "label", "radius_mm")


_BOX = ("region", "region_mm", "label")


RULES = Method(
    "rules",
    Rules,
    "edit",
    "what an edit may change",
    "own code",
    (
        Option("overwrite", "choice", "all", "labels that may be replaced", choices=OVERWRITE),
        Option("hidden", "numbers", (), "labels of the edited layer that `visible` protects", low=0),
        Option("hidden_layers", "text", "", "layers that `visible` protects, names with commas between"),
        Option("area", "choice", "everywhere", "where may be edited", choices=AREAS),
        Option("area_labels", "numbers", None, "labels that make the area; none: all", low=0),
        Option("area_layer", "text", None, "layer that holds them; none: the edited one"),
        Option("low", "number", None, "lowest intensity that may be edited"),
        Option("high", "number", None, "highest intensity that may be edited"),
        Option("range_channel", "integer", 0, "channel of the image that the range is about", low=0),
        Option("exclusive", "flag", False, "a label that is set takes the voxel from all other layers"),
    ),
)


@dataclass(frozen=True)
class EditStep:
    """One step: a row of the table with all options, what was shown (points, strokes, a region), and names."""

    tool: Method
    options: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    layer: str | None = None
    other: str | None = None
    channel: str | int | None = None

    def to_plain(self) -> dict[str, Any]:
        """As in a TOML file; what has no value is left out."""
        named = {"do": self.tool.name, "layer": self.layer, "other": self.other, "channel": self.channel}
        options = {key: list(v) if isinstance(v, tuple) else v for key, v in self.options.items()}
        plain = {key: value for key, value in {**named, **self.shown, **options}.items() if value is not None}
        return {**plain, "rules": dict(self.rules)} if self.rules else plain


@dataclass(frozen=True)
class Script:
    """Steps in their order, the rules that hold for all, and a line about where it comes from."""

    steps: tuple[EditStep, ...]
    rules: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""

    def to_toml(self) -> str:
        """The file that gives this script again."""
        content: dict[str, Any] = {"format": SCRIPT_FORMAT}
        if self.about:
            content["about"] = self.about
        if self.rules:
            content["rules"] = dict(self.rules)
        return tomli_w.dumps({**content, "step": [step.to_plain() for step in self.steps]})

    def rules_of(self, step: EditStep) -> Rules:
        """The rules under which a step is applied."""
        found = RULES.resolve({**self.rules, **step.rules})
        labels = found["area_labels"]
        return Rules(
            overwrite=found["overwrite"],
            hidden=whole(found["hidden"], "hidden"),
            hidden_layers=tuple(name.strip() for name in found["hidden_layers"].split(",") if name.strip()),
            area=found["area"],
            area_labels=None if labels is None else whole(labels, "area_labels"),
            area_layer=found["area_layer"],
            low=found["low"],
            high=found["high"],
            channel=found["range_channel"],
            exclusive=found["exclusive"],
        )


def tools() -> tuple[Method, ...]:
    """Every edit and tool that a script can name, in the order of `septum edit --list-tools`."""
    return (*EDITS, *TOOLS, PROMPTED, MASK_IMAGE)


def read_script(path: Path) -> Script:
    """The script in a TOML file; errors as `parse_script`, and `ConfigError` when it cannot be read."""
    try:
        if path.stat().st_size > MAX_SCRIPT:
            raise ConfigError(f"{path} must be at most {MAX_SCRIPT >> 20} MB, got {path.stat().st_size >> 20} MB")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {why(error)}; check the path") from error
    return parse_script(text, what=str(path))


def parse_script(text: str, *, what: str = "the script") -> Script:
    """The script in TOML text.

    Raises:
        ConfigError: not TOML, an unknown key, tool or option (the nearest is named), or a value that breaks its rule.
    """
    try:
        content = parse_toml(text)
    except ValueError as error:
        raise ConfigError(f"{what} cannot be read as TOML: {error}") from error
    for key in content:
        if key not in _KEYS:
            raise ConfigError(f"{what}: unknown key {key!r}; {nearest(key, _KEYS)}")
    if content.get("format", SCRIPT_FORMAT) != SCRIPT_FORMAT:
        raise ConfigError(f"{what}: format must be {SCRIPT_FORMAT}, got {content['format']!r}; update Septum")
    steps = content.get("step", [])
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise ConfigError(f"{what} must hold one [[step]] or more, got {steps!r}; each names its tool with do")
    try:
        rules = _rules(content.get("rules", {}), "rules")
        parsed = tuple(parse_step(step, f"step {number}") for number, step in enumerate(steps, start=1))
        script = Script(parsed, rules, str(content.get("about", "")))
        for step in script.steps:
            script.rules_of(step)
        return script
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from error


def whole(values: Sequence[float], name: str) -> tuple[int, ...]:
    """Labels as integers; `ConfigError` for a fraction."""
    if any(v != int(v) for v in values):
        raise ConfigError(f"{name} must be whole numbers, got {list(values)}; labels have no fractions")
    return tuple(int(v) for v in values)


def _rules(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ConfigError(f'{where} must be a table, got {content!r}; for example {{overwrite = "none"}}')
    RULES.resolve(content)
    return content


def parse_step(content: Mapping[str, Any], where: str = "the step") -> EditStep:
    """One step from plain data, checked as a whole; `where` begins the messages. Errors as `parse_script`."""
    if not isinstance(content.get("do"), str):
        raise ConfigError(f'{where} must name its tool, got {dict(content)!r}; write do = "NAME"')
    try:
        tool = find_tool(content["do"], tools())
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    where = f"{where} ({tool.name})"
    known = [*(option.name for option in tool.options), *_prompts(tool), "layer", "channel", "rules", "do"]
    for key in content:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}; {nearest(key, known)}")
    for key in ("layer", "other"):
        if key in content and not isinstance(content[key], str):
            raise ConfigError(f"{where}: {key} must be the name of a layer, got {content[key]!r}; write it in quotes")
    channel = content.get("channel")
    if not (channel is None or (isinstance(channel, (str, int)) and not isinstance(channel, bool))):
        raise ConfigError(f"{where}: channel must be a name or a number, got {channel!r}")
    shown = {key: content[key] for key in SHOWN if key in content}
    _check_shown(shown, where)
    _check_needs(tool, content, where=where)
    options = {o.name: content[o.name] for o in tool.options if o.name in content}
    rules = _rules(content.get("rules", {}), f"rules of {where}")
    return EditStep(tool, tool.resolve(options), shown, rules, content.get("layer"), content.get("other"), channel)


def _prompts(tool: Method) -> list[str]:
    """The keys with which a person shows something to this tool."""
    known = []
    if "points" in tool.given:
        known += ["points", "points_mm"]
    if "strokes" in tool.given or "seeds" in tool.given:
        known.append("strokes")
    if "seeds" in tool.given or "seeds_layer" in tool.given:
        known += ["seeds_layer", "seeds_background"]
    known += [key for key in ("boxes", "other") if key in tool.given]
    return known if tool.stage == "image" else [*known, "region", "region_mm"]


def _check_needs(tool: Method, content: Mapping[str, Any], *, where: str) -> None:
    """Raise where the step does not show what its tool needs."""
    words = {"points": ("points", "points_mm"), "seeds": ("strokes", "seeds_layer")}
    for name in tool.needs:
        keys = words.get(name, (name,))
        if not any(key in content for key in keys):
            raise ConfigError(f"{where} needs {' or '.join(keys)}, got none; add it")


def _check_shown(shown: Mapping[str, Any], where: str) -> None:
    for key, value in shown.items():
        if key == "strokes":
            _check_strokes(value, where)
        elif key == "boxes":
            _check_boxes(value, where)
        elif key == "seeds_layer":
            if not isinstance(value, str):
                raise ConfigError(f"{where}: {key} must be the name of a layer, got {value!r}; write it in quotes")
        elif key == "seeds_background":
            if type(value) is not int or value < 1:
                raise ConfigError(f"{where}: {key} must be a label from 1, got {value!r}")
        elif not _is_points(value) or (key.startswith("region") and len(value) != 2):
            form = (
                "two corners, such as [[0, 0, 0], [9, 40, 40]]" if key.startswith("region") else "a list of positions"
            )
            raise ConfigError(f"{where}: {key} must be {form} of finite numbers, got {str(value)[:80]}")
    for one, other in (("points", "points_mm"), ("region", "region_mm")):
        if one in shown and other in shown:
            raise ConfigError(f"{where} must have {one} or {other}, got both; leave one out")


def _check_strokes(strokes: Any, where: str) -> None:
    for stroke in _tables(strokes, where, name="strokes", one="a stroke", form="{points, label}", known=_STROKE):
        if ("points" in stroke) == ("points_mm" in stroke) or type(stroke.get("label")) is not int:
            raise ConfigError(f"{where}: a stroke must have points or points_mm, and a label, got {str(stroke)[:80]}")
        if not _is_points(stroke.get("points", stroke.get("points_mm"))) or not _is_number(stroke.get("radius_mm", 0)):
            raise ConfigError(
                f"{where}: points of a stroke must be positions of finite numbers, got {str(stroke)[:80]}"
            )


def _check_boxes(boxes: Any, where: str) -> None:
    for box in _tables(boxes, where, name="boxes", one="a box", form="{region, label}", known=_BOX):
        corners = box.get("region", box.get("region_mm"))
        if ("region" in box) == ("region_mm" in box) or not _is_points(corners) or len(corners) != 2:
            raise ConfigError(
                f"{where}: a box must have region or region_mm, two corners such as [[0, 0, 0], [9, 40, 40]], "
                f"got {str(box)[:80]}"
            )
        if type(box.get("label", 1)) is not int:
            raise ConfigError(f"{where}: label of a box must be a whole number, got {box['label']!r}")


def _tables(
    value: Any, where: str, *, name: str, one: str, form: str, known: Sequence[str]
) -> Sequence[Mapping[str, Any]]:
    """The value, when it is a list of tables with known keys."""
    if not isinstance(value, list) or not value or not all(isinstance(table, dict) for table in value):
        raise ConfigError(f"{where}: {name} must be a list of {form}, got {str(value)[:80]}")
    for key in (key for table in value for key in table):
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r} of {one}; {nearest(key, known)}")
    return value


def _is_points(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(p, list) and len(p) in (2, 3) and all(_is_number(n) for n in p) for p in value)
        and len({len(p) for p in value}) == 1
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
