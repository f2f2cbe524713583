"""What `septum evaluate` can be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from septum.errors import ConfigError
from septum.workflows.scores.measures import asked_for

SETTINGS = "settings.toml"  # in the report folder


@dataclass(frozen=True)
class EvaluateSettings:
    """What `septum evaluate` can be told.

    Args:
        metrics: families ("overlap", "surface", …) or single metrics, see `septum.workflows.scores.measures.MEASURES`.
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

    @property
    def asked(self) -> tuple[str, ...]:
        """The scores that are printed and shown large beside Dice: those that somebody asked for."""
        usual = ("overlap", "surface")
        more = [name for name in self.metrics if name not in usual] if set(usual) <= set(self.metrics) else self.metrics
        return asked_for(more)

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
