"""Sets of masks against one set of references: methods and readers, each paired by itself.

The insight: a second method, a person and a network are the same thing to a comparison, a folder of masks with a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from septum.errors import ConfigError
from septum.workflows.data.cases import Dataset
from septum.workflows.data.masks import mask_cases
from septum.workflows.evaluation.pairs import Pair, pair_up
from septum.workflows.evaluation.settings import EvaluateSettings


@dataclass(frozen=True)
class MaskSet:
    """One set of masks against the references: its name, its pairs, the cases without a partner, and (case, reason) of
    those that could not be scored."""

    name: str
    pairs: tuple[Pair, ...]
    missing: tuple[str, ...] = ()
    surplus: tuple[str, ...] = ()
    reader: bool = False
    failed: tuple[tuple[str, str], ...] = ()


def pair_sets(
    dataset: Dataset, predictions: Path | Mapping[str, Path], *, readers: Mapping[str, Path], settings: EvaluateSettings
) -> tuple[list[MaskSet], list[str]]:
    """Every set of masks paired with the references; with notes, which name the set where there are several."""
    sets = {"": predictions} if isinstance(predictions, Path) else dict(predictions)
    if not sets:
        raise ConfigError("predictions must hold at least one set of masks, got none; name a folder")
    repeated = sorted(set(sets) & set(readers))
    if repeated:
        raise ConfigError(f"names of methods and readers must differ, got {repeated[0]!r} twice; use NAME=FOLDER")
    several = len(sets) + len(readers) > 1
    if several and "" in sets:
        sets = {"prediction": sets.pop("")}
    methods, notes = [], []
    for name, folder in [*sets.items(), *readers.items()]:
        pairs, missing, surplus, found = pair_up(dataset, mask_cases(folder, settings.axes))
        methods.append(MaskSet(name, tuple(pairs), missing, surplus, name in readers))
        notes += [f"{name}: {note}" if several else note for note in found]
    return methods, notes
