"""What a person can choose: frozen dataclasses, filled from one TOML file, overridden by command-line flags.

No environment variable changes a result, an unknown key is an error that names the nearest known one, and the resolved
settings are written beside every output, so that a result can always be made again.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import cattrs
import tomli_w

from septum.errors import ConfigError

T = TypeVar("T")

ENGINES = ("torch", "onnx", "openvino")
NETWORKS = ("auto", "lecture", "paper")


@dataclass(frozen=True)
class TrainSettings:
    """What `septum train` can be told.

    Args:
        network: "auto" (configured from the data), "lecture" or "paper".
        minutes: training time, shared by all folds; `steps` per fold replaces it. Ten minutes when both are None.
        folds: "one" holds one fold out, "all" trains every fold, "none" trains on every labelled case, "0,2" trains
            those folds.
        members: networks trained on the same cases from different seeds, averaged in prediction (with folds "one" or
            "none"); they share the minutes.
        seed: seed of the division, the weights, the patches and the augmentation.
        background: label value of the background.
        foreground: True makes every other value one class; None decides (instance ids become one class).
        axes: meaning of the files' axes where they do not say, such as "TYX".
        plan: an edited plan.json to follow instead of deriving one.
        until_dice: stop as soon as the validation Dice reaches this value.
        patience: stop after so many validations without improvement; 0 never stops early.
        devices, nodes, precision: as in Lightning Fabric; "auto" lets the machine decide.
        ndim: 2 or 3 forces a network on slices or on volumes.
        baselines: compare the network with classical methods on the same held-out cases.
        prompts: train a network that also takes clicks, scribbles and boxes; `until_dice` then means the mean Dice
            alone, after a click and with a box.
    """

    network: Literal["auto", "lecture", "paper"] = "auto"
    minutes: float | None = None
    steps: int | None = None
    folds: str = "one"
    members: int = 1
    seed: int = 0
    background: int = 0
    foreground: bool | None = None
    axes: str | None = None
    plan: Path | None = None
    until_dice: float | None = None
    patience: int = 12
    devices: str = "auto"
    nodes: int = 1
    precision: str = "auto"
    ndim: int | None = None
    baselines: bool = False
    prompts: bool = False

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ConfigError(f"network must be one of {', '.join(NETWORKS)}, got {self.network!r}")
        if self.minutes is not None and self.steps is not None:
            raise ConfigError("the budget must be minutes or steps, got both; leave one out")
        if self.members < 1 or (self.members > 1 and self.folds not in ("one", "none")):
            raise ConfigError(f"members must be at least 1, and folds one or none for more, got {self.members}")
        for name in ("minutes", "steps"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be positive, got {value}")
        if self.until_dice is not None and not 0 < self.until_dice <= 1:
            raise ConfigError(f"until_dice must lie between 0 and 1, got {self.until_dice}")
        if self.ndim not in (None, 2, 3):
            raise ConfigError(f"ndim must be 2 or 3, got {self.ndim}")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative, got {self.seed}")


@dataclass(frozen=True)
class PredictSettings:
    """What `septum predict` can be told.

    Args:
        folds: "all" averages every trained fold, "0,2" those.
        tta: average over mirrored copies too, along the axes that the plan allows.
        probabilities: also write the probability of every class.
        engine: "torch", "onnx" or "openvino".
        axes: meaning of the files' axes where they do not say.
        overlap: share of a tile that its neighbour covers too; None takes the plan's.
        memory_mb: bound of the working memory; None takes `septum.net.predict.MEMORY_MB`.
        devices: "auto", "cpu", "cuda", "mps".
        precision: of PyTorch, as in Lightning Fabric; "auto" takes the one that is faster in a short trial, so that two
            runs on a busy machine may differ in rounding.
        quality_threshold: Dice from which a mask counts as good in the list of estimates.
        overwrite: replace masks that exist.
        clicks, boxes: prompts as text, see `septum.project.prompting`; for a model trained with prompts, and one image.
        scribbles: a label file with 0 where nothing is marked, or a folder with one of the name of each image.
        scribble_background: value that marks the background in the scribbles.
    """

    folds: str = "all"
    tta: bool = False
    probabilities: bool = False
    engine: Literal["torch", "onnx", "openvino"] = "torch"
    axes: str | None = None
    overlap: float | None = None
    memory_mb: int | None = None
    devices: str = "auto"
    precision: str = "auto"
    quality_threshold: float = 0.7
    overwrite: bool = False
    clicks: tuple[str, ...] = ()
    boxes: tuple[str, ...] = ()
    scribbles: Path | None = None
    scribble_background: int | None = None

    @property
    def prompted(self) -> bool:
        """Whether any prompt is given."""
        return bool(self.clicks or self.boxes or self.scribbles)

    def __post_init__(self) -> None:
        if not 0 < self.quality_threshold < 1:
            raise ConfigError(f"quality_threshold must lie between 0 and 1, got {self.quality_threshold}")
        if self.engine not in ENGINES:
            raise ConfigError(f"engine must be one of {', '.join(ENGINES)}, got {self.engine!r}")
        if self.overlap is not None and not 0 <= self.overlap < 0.95:
            raise ConfigError(f"overlap must lie between 0 and 0.95, got {self.overlap}")
        if self.memory_mb is not None and self.memory_mb < 16:
            raise ConfigError(f"memory must be at least 16 MB, got {self.memory_mb}")
        if self.scribble_background is not None and self.scribbles is None:
            raise ConfigError(
                f"scribble_background must come with scribbles, got {self.scribble_background} alone; give --scribbles"
            )


@dataclass(frozen=True)
class EvaluateSettings:
    """What `septum evaluate` can be told.

    Args:
        metrics: families ("overlap", "surface", …) or single metrics, see `septum.project.measures.MEASURES`.
        weights: label value or name to its weight in the weighted Dice; others weigh 0. Empty: it is not measured.
        policy: how empty masks count, see `septum.metrics.summary`.
        tolerance_mm: of the surface Dice (pixels where files hold no spacing).
        background: label value that is not scored (255 where 0 marks the structure).
        foreground: score all other values as one class; None decides as training does (instance ids become one class).
        axes: meaning of the axes of multi-page files, such as "TYX".
        table: a CSV or TSV file with one row per case, for `groups` and `stratify`.
        groups: column of `table` that names the patient (specimen, movie) of a case; intervals and tests follow it.
        stratify: columns of `table` by which the scores are shown; "size" divides by the size of the reference.
        resample: put predictions on the grid of their references instead of refusing another grid.
        probabilities: method to its folder of probability maps ("": the first method), for calibration and, with
            "em", for the scores over thresholds.
        consensus: folder for consensus masks of the readers; None: none are written.
        workers: "auto", a number of processes, or the address of a Dask scheduler.
        gallery: how many of the worst cases are shown as pictures.
        overwrite: replace a report that exists.
    """

    metrics: tuple[str, ...] = ("overlap", "surface")
    weights: Mapping[str, float] = field(default_factory=dict)
    policy: str = "undefined"
    tolerance_mm: float = 1.0
    background: int = 0
    foreground: bool | None = None
    axes: str | None = None
    table: Path | None = None
    groups: str | None = None
    stratify: tuple[str, ...] = ()
    resample: bool = False
    probabilities: Mapping[str, Path] = field(default_factory=dict)
    consensus: Path | None = None
    workers: str = "auto"
    gallery: int = 12
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not self.metrics:
            raise ConfigError("metrics must name at least one family or metric, got none; overlap is the usual one")
        if any(not 0 <= w < float("inf") for w in self.weights.values()) or (
            self.weights and not any(self.weights.values())
        ):
            raise ConfigError(f"weights must be numbers of at least 0, not all 0, got {list(self.weights.values())}")
        if not 0 < self.tolerance_mm < float("inf"):
            raise ConfigError(f"tolerance must be positive, got {self.tolerance_mm}")
        if self.gallery < 0:
            raise ConfigError(f"gallery must not be negative, got {self.gallery}")
        if self.groups and self.table is None:
            raise ConfigError(f"groups must name a column of a table, got {self.groups!r} without one; give --table")
        missing = [column for column in self.stratify if column != "size"]
        if missing and self.table is None:
            raise ConfigError(f"stratify must name a column of a table, got {missing[0]!r} without one; give --table")


@dataclass(frozen=True)
class TrainStatus:
    """One line of progress; `steps` is an estimate when the budget is time, `fold` counts from 1."""

    fold: int
    folds: int
    step: int
    steps: int
    images_per_second: float
    loss: float
    val_dice: float | None
    seconds_left: float
    message: str = ""


_CONVERTER = cattrs.Converter(forbid_extra_keys=True, prefer_attrib_converters=True)
_CONVERTER.register_structure_hook(Path, lambda value, _: Path(value))
_CONVERTER.register_unstructure_hook(Path, str)


def converter() -> cattrs.Converter:
    """The converter between frozen dataclasses and plain data; other modules register their own types on it."""
    return _CONVERTER


def structure(data: Mapping[str, Any], kind: type[T], *, what: str) -> T:
    """Build the dataclass `kind` from plain data read from outside.

    Raises:
        ConfigError: for an unknown key (naming the nearest known one), a missing one, or a value of the wrong type.
    """
    try:
        return _CONVERTER.structure(data, kind)
    except (cattrs.BaseValidationError, cattrs.errors.ForbiddenExtraKeysError) as error:
        raise ConfigError(f"{what}: " + "; ".join(_explain(error))) from error
    except (TypeError, ValueError, KeyError) as error:
        raise ConfigError(f"{what} cannot be understood: {error}") from error


def unstructure(value: Any) -> Any:
    """Plain numbers, strings, lists and dictionaries of a dataclass."""
    return _CONVERTER.unstructure(value)


def _explain(error: BaseException, where: str = "") -> list[str]:
    if isinstance(error, cattrs.errors.ForbiddenExtraKeysError):
        return [_unknown_key(key, error.cl, where) for key in sorted(error.extra_fields)]
    if isinstance(error, BaseExceptionGroup):
        lines: list[str] = []
        for inner in error.exceptions:
            notes = getattr(inner, "__notes__", [])
            name = next((n.name for n in notes if isinstance(n, cattrs.AttributeValidationNote)), "")
            lines += _explain(inner, ".".join(part for part in (where, name) if part))
        return lines
    if isinstance(error, KeyError):
        return [f"{error.args[0]!r} is missing" + (f" in {where}" if where else "")]
    return [f"{where}: {error}" if where else str(error)]


def _unknown_key(key: str, kind: type, where: str) -> str:
    known = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys are {', '.join(known)}"
    return f"unknown key {key!r}" + (f" in {where}" if where else "") + f"; {hint}"


def load_settings(kind: type[T], path: Path | None, overrides: Mapping[str, Any]) -> T:
    """Settings from a TOML file (None: the defaults) with `overrides` on top.

    Raises:
        ConfigError: when the file is missing or not TOML, or as `structure`.
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path} cannot be read as TOML: {error}") from error
    return structure({**content, **overrides}, kind, what=str(path or "settings"))


def settings_toml(settings: Any) -> str:
    """The settings as TOML; choices left to Septum (None) are left out, as in a file that a person writes."""
    return tomli_w.dumps({key: value for key, value in unstructure(settings).items() if value is not None})
