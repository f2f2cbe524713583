"""A classical segmentation as a list of steps: read from TOML, checked at once, run on an image, written beside it.

The insight: the file says what was done, in the order in which it was done, with every option resolved, so the same
file on the same image gives the same mask on another day. A step is a row of the table of methods
(`septum.classical.methods`) and nothing else; what is unknown there is refused with the nearest name.

    [[step]]
    do = "gaussian"
    sigma_mm = 1.0

    [[step]]
    do = "otsu"

    [[step]]
    do = "keep-largest"

A step works on what the steps before left: an image until something segments it, then the mask (a further segmenting
step takes the image as it is then). `as = "NAME"` keeps a result, `from = "NAME"` (or `from = "image"`, the untouched
image) goes back to one, and `combine` takes one as `other`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from septum.classical.methods import find_method
from septum.errors import ConfigError, GeometryError
from septum.io.documents import parse_toml
from septum.options import Method, nearest
from septum.workflows.runs.words import why

PIPELINE_FORMAT = 1


_KEYS = ("format", "about", "seeds", "step")


_STEP_KEYS = ("do", "from", "as", "other")


_RESERVED = ("image",)


@dataclass(frozen=True)
class PipelineStep:
    """One step: the method, all its options, and the names of results it starts from, combines with, or is kept as."""

    method: Method
    options: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    other: str | None = None
    name: str | None = None

    def to_plain(self) -> dict[str, Any]:
        """As in a TOML file; options without a value are left out."""
        named = {"do": self.method.name, "from": self.source, "other": self.other, "as": self.name}
        options = {key: list(v) if isinstance(v, tuple) else v for key, v in self.options.items()}
        return {key: value for key, value in {**named, **options}.items() if value is not None}


@dataclass(frozen=True)
class Pipeline:
    """Steps in their order, seeds as text (see `seeds.read_seeds`), and a line about where it comes from.

    Raises:
        ConfigError: no step that segments, a step that has nothing to work on, or a name that no step before it gives.
    """

    steps: tuple[PipelineStep, ...]
    seeds: tuple[str, ...] = ()
    about: str = ""

    def __post_init__(self) -> None:
        kinds: dict[str, str] = {"image": "image"}
        state = "image"
        for number, step in enumerate(self.steps, start=1):
            where = f"step {number} ({step.method.name})"
            state = self._enter(step, where, kinds=kinds, state=state)
            if step.name is not None:
                if step.name in kinds:
                    raise ConfigError(f"the name {step.name!r} of {where} must be new; choose another one")
                kinds[step.name] = state
        if state != "mask":
            raise ConfigError(
                "a pipeline must segment, got only steps that prepare an image; add a method such as otsu"
            )

    @staticmethod
    def _enter(step: PipelineStep, where: str, *, kinds: Mapping[str, str], state: str) -> str:
        """What a step leaves, "image" or "mask"; what it takes is checked."""
        for label, name in (("from", step.source), ("other", step.other)):
            if name is not None and name not in kinds:
                raise ConfigError(
                    f"{label} of {where} must name an earlier result, got {name!r}; {nearest(name, list(kinds))}"
                )
        before = state if step.source is None else kinds[step.source]
        if step.method.stage == "clean" and before != "mask":
            raise ConfigError(f"{where} mends a mask, and there is none yet; put a method that segments before it")
        if step.source is not None and step.method.stage != "clean" and before != "image":
            raise ConfigError(f"{where} needs an image, got the mask {step.source!r}; start it from an image")
        if "other" in step.method.needs and step.other is None:
            raise ConfigError(
                f'{where} needs the name of an earlier mask; give that step as = "NAME", here other = "NAME"'
            )
        if step.other is not None and ("other" not in step.method.given or kinds[step.other] != "mask"):
            raise ConfigError(f"other of {where} must be a mask and the method one that takes it, got {step.other!r}")
        return "image" if step.method.stage == "image" else "mask"

    @property
    def needs(self) -> frozenset[str]:
        """What must be handed over beside the image: "seeds", "markers"."""
        return frozenset(name for step in self.steps for name in step.method.needs) - {"other"}

    def to_toml(self) -> str:
        """The file that gives this pipeline again."""
        content: dict[str, Any] = {"format": PIPELINE_FORMAT}
        if self.about:
            content["about"] = self.about
        if self.seeds:
            content["seeds"] = list(self.seeds)
        parts = [tomli_w.dumps(content), *("[[step]]\n" + tomli_w.dumps(step.to_plain()) for step in self.steps)]
        return "\n".join(parts)

    def describe(self) -> str:
        """One line: `gaussian (sigma_mm 1) → otsu`; options at their defaults are left out."""
        parts = []
        for step in self.steps:
            changed = {k: v for k, v in step.options.items() if v != step.method.option(k).default}
            inside = ", ".join(f"{key} {_short(value)}" for key, value in changed.items())
            parts.append(f"{step.method.name} ({inside})" if inside else step.method.name)
        return " → ".join(parts)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(_short(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def make_step(
    do: str, options: Mapping[str, Any] | None = None, *, stage: str | None = None, **names: Any
) -> PipelineStep:
    """A step by the method's name, options checked and resolved.

    Raises:
        ConfigError: unknown method or option (the nearest is named), or a value outside its range.
    """
    method = find_method(do, stage=stage)
    return PipelineStep(method, method.resolve(options or {}), **names)


def parse_spec(text: str, *, stage: str | None = None) -> PipelineStep:
    """A step as it is typed on a command line: `NAME` or `NAME:option=value:option=value`.

    >>> parse_spec("gaussian:sigma_mm=2").options
    {'sigma_mm': 2.0}
    """
    name, *settings = text.split(":")
    return make_step(name, parse_options(settings), stage=stage)


def parse_options(settings: Sequence[str]) -> dict[str, str]:
    """`option=value` texts as a dictionary.

    Raises:
        ConfigError: a text without an equals sign, or an option given twice.
    """
    found: dict[str, str] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"an option must be written as option=value, got {setting!r}; for example sigma_mm=2")
        if key.strip() in found:
            raise ConfigError(f"option {key.strip()!r} must be given once, got it twice; leave one out")
        found[key.strip()] = value.strip()
    return found


def read_pipeline(path: Path) -> Pipeline:
    """The pipeline in a TOML file; errors as `parse_pipeline`, and `ConfigError` when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {why(error)}; check the path") from error
    return parse_pipeline(text, what=str(path))


def parse_pipeline(text: str, *, what: str = "the pipeline") -> Pipeline:
    """The pipeline in TOML text.

    Raises:
        ConfigError: not TOML, an unknown key, method or option (the nearest is named), or a value outside its range.
    """
    try:
        content = parse_toml(text)
    except ValueError as error:
        raise ConfigError(f"{what} cannot be read as TOML: {error}") from error
    for key in content:
        if key not in _KEYS:
            raise ConfigError(f"{what}: unknown key {key!r}; {nearest(key, _KEYS)}")
    if content.get("format", PIPELINE_FORMAT) != PIPELINE_FORMAT:
        raise ConfigError(f"{what}: format must be {PIPELINE_FORMAT}, got {content['format']!r}; update Septum")
    steps, seeds = content.get("step", []), content.get("seeds", [])
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise ConfigError(f"{what} must hold one [[step]] or more, got {steps!r}; each names its method with do")
    if not isinstance(seeds, list) or not all(isinstance(seed, str) for seed in seeds):
        raise ConfigError(f'{what}: seeds must be a list of texts such as "12,40,33", got {seeds!r}')
    try:
        parsed = tuple(_parse_step(step, number) for number, step in enumerate(steps, start=1))
        return Pipeline(parsed, tuple(seeds), str(content.get("about", "")))
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from error


def _parse_step(content: Mapping[str, Any], number: int) -> PipelineStep:
    if not isinstance(content.get("do"), str):
        raise ConfigError(f'step {number} must name its method, got {dict(content)!r}; write do = "NAME"')
    for key in ("from", "as", "other"):
        if key in content and not isinstance(content[key], str):
            raise ConfigError(f"{key} of step {number} must be a name, got {content[key]!r}; write it in quotes")
    options = {key: value for key, value in content.items() if key not in _STEP_KEYS}
    method = find_method(content["do"])
    for key in options:
        known = [option.name for option in method.options]
        if key not in known:
            raise ConfigError(
                f"step {number}: unknown key {key!r} of {method.name}; {nearest(key, [*known, *_STEP_KEYS])}"
            )
    names = {"source": content.get("from"), "other": content.get("other"), "name": content.get("as")}
    return PipelineStep(method, method.resolve(options), **names)


def run_pipeline(
    pipeline: Pipeline,
    image: NDArray[Any],
    *,
    spacing: Sequence[float],
    channels: Sequence[str] = (),
    seeds: NDArray[Any] | None = None,
    markers: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """The label map of an image, unsigned, `spatial`.

    Args:
        pipeline: what to do.
        image: `(C, *spatial)`.
        spacing: mm per spatial axis.
        channels: their names, for `channel`.
        seeds: `(N, ndim)` voxel coordinates, or a mask of the image's spatial shape.
        markers: label map of that shape.

    Raises:
        ConfigError: seeds or markers that a step needs and nobody gave.
        GeometryError: an image with more channels or other dimensions than a method takes, seeds outside it.
        DatasetError: an image that a method cannot work on (NaN, no two peaks).
    """
    now: tuple[NDArray[Any], NDArray[Any] | None] = image, None
    kept: dict[str, NDArray[Any]] = {"image": image}
    extra = {"spacing": tuple(spacing), "names": tuple(channels), "seeds": seeds, "markers": markers}
    for step in pipeline.steps:
        given = extra if step.other is None else {**extra, "other": kept[step.other]}
        if step.source is not None:
            start = kept[step.source]
            now = (now[0], start) if step.method.stage == "clean" else (start, now[1])
        now = advance(step, now[0], labels=now[1], given=given)
        if step.name is not None:
            image_now, labels = now
            kept[step.name] = image_now if step.method.stage == "image" or labels is None else labels
    return compact_labels(now[1])


def advance(
    step: PipelineStep, image: NDArray[Any], *, labels: NDArray[Any] | None, given: Mapping[str, Any]
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Image and labels after one step on them; `given` holds what `run_pipeline` is handed, by name."""
    if step.method.stage == "clean":
        return image, _call(step, labels, given=given)
    result = _on_image(step, image, given=given)
    return (result, labels) if step.method.stage == "image" else (image, result)


def _on_image(step: PipelineStep, image: NDArray[Any], *, given: Mapping[str, Any]) -> NDArray[Any]:
    """A step of stage "image" (`(C, *spatial)` in and out) or "segment" (labels out) on an image `(C, *spatial)`."""
    method = step.method
    ndim = image.ndim - 1
    if ndim not in method.dimensions:
        raise GeometryError(
            f"{method.name} works in {' or '.join(f'{d}-D' for d in method.dimensions)}, got a {ndim}-D image; "
            "choose another method"
        )
    if method.channels == "any":
        result = _call(step, image, given=given)
        return result[None] if method.stage == "image" and result.ndim == ndim else result
    if method.stage == "image":
        return np.stack([_call(step, channel, given=given) for channel in image])
    if len(image) != 1:
        names = f" ({', '.join(given['names'])})" if given.get("names") else ""
        raise GeometryError(
            f"{method.name} takes one channel, got {len(image)}{names}; "
            "choose one with --channel NAME, or a step `channel` before it"
        )
    return _call(step, image[0], given=given)


def _call(step: PipelineStep, array: Any, *, given: Mapping[str, Any]) -> NDArray[Any]:
    method = step.method
    missing = [name for name in method.needs if given.get(name) is None]
    if missing:
        raise ConfigError(f"{method.name} needs {' and '.join(missing)}, got none; give --{missing[0]}")
    handed = {name: given[name] for name in method.given if given.get(name) is not None}
    result: NDArray[Any] = np.asarray(method.function(array, **handed, **step.options))
    return result


def compact_labels(labels: NDArray[Any] | None) -> NDArray[Any]:
    """Labels in the smallest unsigned type that holds them."""
    if labels is None:
        raise ConfigError("a pipeline must segment, got none of its steps; add a method such as otsu")
    array = labels
    if array.dtype == bool:
        return array.view(np.uint8)
    top = int(array.max()) if array.size else 0
    return array.astype(np.min_scalar_type(top), copy=False)
