"""What `septum challenge` can be told: one budget, positive, and each method once."""

from __future__ import annotations

from typing import Any

import pytest

from septum.errors import ConfigError
from septum.workflows.challenges.settings import ChallengeSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"minutes": 1.0, "steps": 1}, "minutes or steps, got both"),
        ({"minutes": 0.0}, "minutes must be positive, got 0.0"),
        ({"minutes": float("nan")}, "minutes must be positive, got nan"),
        ({"steps": 0}, "steps must be positive, got 0"),
        ({"methods": ("auto", "auto")}, "methods must differ, got auto, auto"),
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ChallengeSettings(**wrong)


@pytest.mark.parametrize("right", [{}, {"minutes": 0.5}, {"steps": 1}, {"methods": ("auto", "paper")}])
def test_a_right_setting_is_kept(right: dict[str, Any]) -> None:
    kept = ChallengeSettings(**right)
    assert {name: getattr(kept, name) for name in right} == right
