"""What a person can choose: frozen dataclasses, filled from one TOML file, overridden by command-line flags.

No environment variable changes a result, an unknown key is an error that names the nearest known one, and the resolved
settings are written beside every output, so that a result can always be made again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import cattrs
import tomli_w

from septum.errors import ConfigError
from septum.io.documents import read_toml
from septum.options import nearest
from septum.workflows.runs.files import write_text
from septum.workflows.runs.words import why

T = TypeVar("T")
OVERWRITE = "overwrite"
"""The one setting that is no part of how a result was made."""


_CONVERTER = cattrs.Converter(forbid_extra_keys=True, prefer_attrib_converters=True)


_CONVERTER.register_structure_hook(Path, lambda value, _: Path(value))


_CONVERTER.register_unstructure_hook(Path, str)


def _yes_or_no(value: Any, _: type[bool]) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {value!r:.60}")
    return value


def _whole(value: Any, _: type[int]) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or abs(value) >= 1 << 63:
        raise ValueError(f"must be a whole number of at most 63 bits, got {value!r:.60}")
    return int(value)


def _number(value: Any, _: type[float]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, got {value!r:.60}")
    return float(value)


def _text(value: Any, _: type[str]) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"must be a text, got {value!r:.60}")
    return str(value)


_CONVERTER.register_structure_hook(bool, _yes_or_no)


_CONVERTER.register_structure_hook(int, _whole)


_CONVERTER.register_structure_hook(float, _number)


_CONVERTER.register_structure_hook(str, _text)


def _is_texts(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind) == (str, ...)


def _texts(value: Any, _: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"must be a list of texts, got {value!r:.60}")
    return tuple(value)


_CONVERTER.register_structure_hook_func(_is_texts, _texts)


LARGEST_SEED = (1 << 63) - 1


def check_bounds(settings: Any, **bounds: tuple[float, float]) -> None:
    """Nothing, when each named number of `settings` that is not None lies within its bounds (lowest, highest).

    Raises:
        ConfigError: one does not, or is not a number.

    >>> from types import SimpleNamespace
    >>> check_bounds(SimpleNamespace(overlap=0.5), overlap=(0, 0.9))
    """
    for name, (low, high) in bounds.items():
        value = getattr(settings, name)
        if value is not None and not low <= value <= high:
            raise ConfigError(f"{name} must lie between {low:.10g} and {high:.10g}, got {value}; give another")


def converter() -> cattrs.Converter:
    """The converter between frozen dataclasses and plain data; other modules register their own types on it.

    >>> converter().structure({"rows": [], "raised": []}, dict[str, list[int]])
    {'rows': [], 'raised': []}
    """
    return _CONVERTER


def structure(data: Mapping[str, Any], kind: type[T], *, what: str) -> T:
    """Build the dataclass `kind` from plain data read from outside.

    Raises:
        ConfigError: for an unknown key (naming the nearest known one), a missing one, or a value of the wrong type.

    >>> from septum.workflows.review.sample import StudySettings
    >>> structure({"n": 12, "seed": 3}, StudySettings, what="study.toml").n
    12
    """
    try:
        return _CONVERTER.structure(data, kind)
    except (cattrs.BaseValidationError, cattrs.errors.ForbiddenExtraKeysError) as error:
        raise ConfigError(f"{what}: " + "; ".join(_explain(error))) from error
    except (TypeError, ValueError, KeyError) as error:
        raise ConfigError(f"{what} cannot be understood: {error}") from error


def unstructure(value: Any) -> Any:
    """Plain numbers, strings, lists and dictionaries of a dataclass.

    >>> from septum.workflows.review.sample import StudySettings
    >>> unstructure(StudySettings(n=12))["n"]
    12
    """
    return _CONVERTER.unstructure(value)


def _explain(error: BaseException, where: str = "") -> list[str]:
    if isinstance(error, cattrs.errors.ForbiddenExtraKeysError):
        return [_unknown_key(key, error.cl, where=where) for key in sorted(error.extra_fields)]
    if isinstance(error, BaseExceptionGroup):
        lines: list[str] = []
        for inner in error.exceptions:
            notes = getattr(inner, "__notes__", [])
            name = next((n.name for n in notes if isinstance(n, cattrs.AttributeValidationNote)), "")
            lines += _explain(inner, ".".join(part for part in (where, name) if part))
        return lines
    if isinstance(error, AttributeError):  # a list or a number stands where names and their values are asked for
        return [f"{f'{where} ' if where else ''}must hold named values, got {error.obj!r:.60}"]
    if isinstance(error, KeyError):
        return [f"{error.args[0]!r} is missing" + (f" in {where}" if where else "")]
    return [f"{where}: {error}" if where else str(error)]


def _unknown_key(key: str, kind: type, *, where: str) -> str:
    known = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    return f"unknown key {key!r}" + (f" in {where}" if where else "") + f"; {nearest(key, known)}"


def load_settings(kind: type[T], path: Path | None, *, overrides: Mapping[str, Any]) -> T:
    """Settings from a TOML file (None: the defaults) with `overrides` on top.

    Raises:
        ConfigError: when the file is missing or not TOML, or as `structure`.

    >>> from septum.workflows.review.sample import StudySettings
    >>> load_settings(StudySettings, None, overrides={"n": 12}).n
    12
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = read_toml(path, largest=1 << 20)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path} cannot be read as TOML: {why(error)}") from error
    return structure({**content, **overrides}, kind, what=str(path or "settings"))


def settings_toml(settings: Any) -> str:
    """The settings as TOML; choices left to Septum (None) are left out, as in a file that a person writes.

    Leave to overwrite is left out too: whoever gives the file back gives that leave anew.

    >>> from septum.workflows.review.sample import StudySettings
    >>> "n = 12" in settings_toml(StudySettings(n=12)).splitlines()
    True
    """
    plain = unstructure(settings)
    return tomli_w.dumps({key: value for key, value in plain.items() if value is not None and key != OVERWRITE})


def write_settings(path: Path, settings: Any) -> None:
    """Write the resolved settings as TOML, for `--settings`; paths stand there as they were typed.

    Raises:
        FormatError: when the disk is full or the folder cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> from septum.workflows.review.sample import StudySettings
    >>> with TemporaryDirectory() as folder:
    ...     write_settings(Path(folder, "study.toml"), StudySettings(n=12))
    ...     load_settings(StudySettings, Path(folder, "study.toml"), overrides={}).n
    12
    """
    write_text(path, settings_toml(settings))
