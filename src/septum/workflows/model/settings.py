"""What `septum train` can be told, and what it tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from septum.errors import ConfigError
from septum.workflows.runs.settings import LARGEST_SEED, check_bounds

LONGEST, MOST_STEPS = 1e7, 10**9
"""Minutes (nineteen years) and steps of the longest training that can be asked for."""


NETWORKS = ("auto", "encoder", "lecture", "paper", "window")


@dataclass(frozen=True)
class TrainSettings:
    """What `septum train` can be told.

    Args:
        network: "auto" (configured from the data), "encoder" (an encoder that has seen images), "lecture",
            "paper" or "window" (the sliding window that the U-Net superseded; planes and slices).
        minutes: training time, shared by all folds; `steps` per fold replaces it. Ten minutes when both are None.
        folds: "one" holds one fold out, "thirds" lets three short trainings, each without a third of the cases, judge
            and then trains one network on all of them, "all" trains every fold, "none" trains on every labelled case,
            "0,2" trains those folds. "auto" is "thirds" where the budget is minutes and there are fewer than 30 cases,
            so that enough of them are held out to judge masks by, else "one".
        members: networks trained on the same cases from different seeds, averaged in prediction (with folds "one" or
            "none"); they share the minutes.
        seed: seed of the division, the weights, the patches and the augmentation.
        background: label value of the background.
        foreground: True makes every other value one class; None decides (instance ids become one class).
        axes: meaning of the files' axes where they do not say, such as "TYX".
        plan: an edited plan.json to follow instead of deriving one.
        until_dice: stop as soon as the validation Dice reaches this value.
        patience: stop after so many validations without improvement in the last third; 0 never stops early.
        devices, nodes, precision: as in Lightning Fabric; "auto" lets the machine decide.
        ndim: 2 or 3 forces a network on slices or on volumes.
        baselines: compare the network with classical methods on the same held-out cases.
        prompts: train a network that also takes clicks, scribbles and boxes; `until_dice` then means the mean Dice
            alone, after a click and with a box.
        instances: learn single objects: True takes label values for ids of objects, or, where the data set names its
            values, connected pieces of each class for objects; False learns classes only; None decides by the labels.
        unlabelled: a folder, data set or table of images to learn from without labels, beside the labelled ones; what
            is held out or tested is left out of them.
    """

    network: Literal["auto", "encoder", "lecture", "paper", "window"] = "auto"
    minutes: float | None = None
    steps: int | None = None
    folds: str = "auto"
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
    instances: bool | None = None
    unlabelled: Path | None = None

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            raise ConfigError(f"network must be one of {', '.join(NETWORKS)}, got {self.network!r}")
        if self.minutes is not None and self.steps is not None:
            raise ConfigError("the budget must be minutes or steps, got both; leave one out")
        if self.members < 1 or (self.members > 1 and self.folds not in ("auto", "one", "none")):
            raise ConfigError(f"members must be at least 1, and folds one or none for more, got {self.members}")
        for name in ("minutes", "steps"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be positive, got {value}")
        if self.until_dice is not None and not 0 < self.until_dice <= 1:
            raise ConfigError(f"until_dice must lie between 0 and 1, got {self.until_dice}")
        if self.ndim not in (None, 2, 3):
            raise ConfigError(f"ndim must be 2 or 3, got {self.ndim}")
        if self.network == "window" and (self.prompts or self.ndim == 3):
            raise ConfigError(
                "network window must be trained on planes or slices and without prompts, "
                f"got dim {self.ndim}, prompts {self.prompts}; leave them out"
            )
        if self.instances and (self.prompts or self.network in ("lecture", "window")):
            raise ConfigError(
                "instances must be learnt by the network auto, encoder or paper, and without prompts, "
                f"got network {self.network}, prompts {self.prompts}; leave one out"
            )
        if self.unlabelled is not None and (self.prompts or self.instances):
            raise ConfigError(
                "images without labels must be given to a network of classes without prompts, "
                f"got prompts {self.prompts}, single objects {self.instances}; leave --unlabelled out, or learn "
                "classes only (--semantic)"
            )
        check_bounds(
            self, minutes=(0, LONGEST), steps=(1, MOST_STEPS), seed=(0, LARGEST_SEED), members=(1, 1000),
            patience=(0, MOST_STEPS), nodes=(1, 100_000),
        )  # fmt: skip


@dataclass(frozen=True)
class TrainStatus:
    """One line of progress; `steps` is an estimate when the budget is time, `fold` counts from 1, and `name` is what a
    person calls the network."""

    fold: int
    folds: int
    step: int
    steps: int
    images_per_second: float
    loss: float
    val_dice: float | None
    seconds_left: float
    message: str = ""
    name: str = ""
