"""The model folder: where training puts things and where prediction finds them.

MODEL/plan.json            what was decided; read_plan refuses newer versions
MODEL/settings.toml        what was asked for
MODEL/data.json            digests of the cases and their division, as the run began
MODEL/splits.json          which cases trained and which were held out
MODEL/provenance.json      versions, seed, digests of the data, times
MODEL/quality.json         how good masks turned out on held-out cases, to grade later masks by (workflows/quality)
MODEL/card.md              the same for a person
MODEL/fold_0/weights.pt    the network; run.json (how it ended), state.pt (to resume), curves.csv, curves.png, events
MODEL/fold_1/ ...          further networks, which predict with it, or which judged it (plan.judged)
MODEL/fold_0/validation/   masks of the held-out cases
MODEL/report/index.html    the measurement on the held-out cases
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from septum.errors import CheckpointError, ConfigError
from septum.net.architecture.network import Network
from septum.net.learning.checkpoint import load_model
from septum.workflows.model.plan import Plan, read_plan
from septum.workflows.runs.files import recorded


@dataclass(frozen=True)
class ModelFolder:
    """Names inside a model folder."""

    path: Path

    @property
    def plan(self) -> Path:
        """What was decided before the training."""
        return self.path / "plan.json"

    @property
    def quality(self) -> Path:
        """What later masks are graded by."""
        return self.path / "quality.json"

    @property
    def data(self) -> Path:
        return self.path / "data.json"

    def fold(self, index: int) -> Path:
        """Folder of one fold."""
        return self.path / f"fold_{index}"

    def weights(self, index: int) -> Path:
        """Weights of one fold."""
        return self.fold(index) / "weights.pt"

    def trained_folds(self) -> tuple[int, ...]:
        """Folds whose weights exist, ascending."""
        found = (p.parent.name.removeprefix("fold_") for p in self.path.glob("fold_*/weights.pt"))
        return tuple(sorted(int(name) for name in found if name.isdigit()))

    def ended(self, index: int) -> dict[str, Any]:
        """How the training of a fold ended; empty where it has not."""
        return recorded(self.fold(index) / "run.json")

    def finished(self, index: int) -> bool:
        """Whether a fold ended by itself (a stopped one is to be resumed)."""
        return bool(self.ended(index).get("reason", "stopped") != "stopped")

    def _predicting(self, trained: tuple[int, ...]) -> tuple[int, ...]:
        """Without the networks that only judged, once the one that they judged for is trained."""
        return trained[:1] if trained[0] == 0 and self.read_plan().judged else trained

    def unfinished(self) -> bool:
        """Whether networks that judge predict because the one that they judge is not there yet."""
        return self.read_plan().judged and 0 not in self.trained_folds()

    def describe_stop(self, folds: tuple[int, ...]) -> str:
        """A sentence where a training that was stopped left these networks to predict; else empty."""
        if self.unfinished():
            state = "was stopped before the network of all images was there: those that judge it predict in its place"
        elif any(self.ended(index).get("reason") == "stopped" for index in folds):
            state = "was stopped before its end"
        else:
            return ""
        return f"the training of {self.path.name} {state}; `septum train DATASET -o MODEL --resume` finishes it"

    def read_plan(self) -> Plan:
        """The plan alone; no weights are read, nor need there be any.

        Raises:
            CheckpointError: when this is not a model folder, or it is too new.
            ConfigError: a plan that is damaged.
        """
        if not self.plan.is_file():
            raise CheckpointError(f"{self.path} must be a model folder with a plan.json; give the folder `train` wrote")
        return read_plan(self.plan)

    def load(self, folds: str = "all") -> tuple[Plan, tuple[Network, ...]]:
        """The plan and the networks of the folds asked for.

        Raises:
            CheckpointError: when this is not a model folder, or it is damaged or too new.
            ConfigError: when a fold is asked for that was not trained.
        """
        plan = self.read_plan()
        return plan, tuple(load_model(self.weights(index)) for index in self.wanted_folds(folds))

    def wanted_folds(self, folds: str = "all") -> tuple[int, ...]:
        """Numbers of the folds asked for, in the order of the networks that `load` gives.

        Raises:
            CheckpointError: no weights yet.
            ConfigError: when a fold is asked for that was not trained.
        """
        trained = self.trained_folds()
        if not trained:
            raise CheckpointError(f"{self.path} holds no trained weights yet; finish `septum train` (--resume)")
        wanted = self._predicting(trained) if folds == "all" else parse_folds(folds)
        missing = sorted(set(wanted) - set(trained))
        if missing:
            raise ConfigError(f"folds must be among {list(trained)}, got {missing}; train them or leave them out")
        return wanted


def parse_folds(text: str) -> tuple[int, ...]:
    """Fold numbers of "0,2".

    Raises:
        ConfigError: when the text is not a list of numbers.
    """
    try:
        numbers = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 0:
        raise ConfigError(f"folds must be a word (auto, one, thirds, all, none) or numbers such as 0,2, got {text!r}")
    return numbers
