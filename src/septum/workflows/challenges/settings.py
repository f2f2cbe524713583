"""What `septum challenge` can be told."""

from __future__ import annotations

from dataclasses import dataclass

from septum.errors import ConfigError
from septum.workflows.model.settings import LONGEST, MOST_STEPS
from septum.workflows.runs.settings import LARGEST_SEED, check_bounds


@dataclass(frozen=True)
class ChallengeSettings:
    """What `septum challenge` can be told.

    Args:
        methods: which of the challenge's methods take part, in this order; empty: all of them.
        minutes: training time of each method; `steps` replaces it. Ten where both are None.
        steps: training steps of each network.
        seed: of the training.
        devices, precision: as in `septum train`.
        overwrite: begin anew what the output folder holds.
    """

    methods: tuple[str, ...] = ()
    minutes: float | None = None
    steps: int | None = None
    seed: int = 0
    devices: str = "auto"
    precision: str = "auto"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.minutes is not None and self.steps is not None:
            raise ConfigError("the budget must be minutes or steps, got both; leave one out")
        for name in ("minutes", "steps"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be positive, got {value}; give for example 10")
        check_bounds(self, minutes=(0, LONGEST), steps=(1, MOST_STEPS), seed=(0, LARGEST_SEED))
        if len(set(self.methods)) != len(self.methods):
            raise ConfigError(f"methods must differ, got {', '.join(self.methods)}; name each once")
