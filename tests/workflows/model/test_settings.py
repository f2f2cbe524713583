"""What a training can be told, and what contradicts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from septum.errors import ConfigError
from septum.workflows.model.settings import NETWORKS, TrainSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"network": "unet"}, "network must be one of auto, encoder"),
        ({"minutes": 1.0, "steps": 1}, "minutes or steps, got both"),
        ({"minutes": 0.0}, "minutes must be positive, got 0.0"),
        ({"minutes": float("nan")}, "minutes must be positive, got nan"),
        ({"steps": -1}, "steps must be positive, got -1"),
        ({"members": 0}, "members must be at least 1"),
        ({"members": 2, "folds": "all"}, "folds one or none for more, got 2"),
        ({"until_dice": 0.0}, "until_dice must lie between 0 and 1"),
        ({"until_dice": 1.1}, "until_dice must lie between 0 and 1"),
        ({"ndim": 4}, "ndim must be 2 or 3, got 4"),
        ({"network": "window", "prompts": True}, "network window must be trained"),
        ({"network": "window", "ndim": 3}, "network window must be trained"),
        ({"instances": True, "prompts": True}, "instances must be learnt"),
        ({"instances": True, "network": "lecture"}, "instances must be learnt"),
        ({"instances": True, "network": "window"}, "instances must be learnt"),
        ({"unlabelled": Path("more"), "prompts": True}, "without labels must be given to a network of classes"),
        ({"unlabelled": Path("more"), "instances": True}, "without labels must be given to a network of classes"),
        ({"seed": -1}, "seed must lie between 0"),
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainSettings(**wrong)


@pytest.mark.parametrize(
    "right",
    [
        *({"network": name} for name in NETWORKS),
        {"minutes": 0.1},
        {"steps": 1},
        {"members": 1, "folds": "all"},
        *({"members": 3, "folds": folds} for folds in ("auto", "one", "none")),
        {"until_dice": 1.0},
        {"network": "window", "ndim": 2},
        {"instances": False, "prompts": True},
        {"instances": True, "network": "paper"},
        {"unlabelled": Path("more"), "instances": False},
        {"seed": 0},
    ],
)
def test_a_setting_at_the_edge_of_what_is_allowed_is_kept(right: dict[str, Any]) -> None:
    kept = TrainSettings(**right)
    assert {name: getattr(kept, name) for name in right} == right
