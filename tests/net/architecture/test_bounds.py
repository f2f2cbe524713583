"""How large a network in a file may be: both ends are allowed, and whatever is no number is not."""

from __future__ import annotations

import pytest

from septum.errors import ConfigError
from septum.net.architecture.bounds import check_between


@pytest.mark.parametrize("value", [1, 2.5, 12])
def test_both_ends_are_allowed(value: float) -> None:
    check_between("levels", value, low=1, high=12)


@pytest.mark.parametrize("value", [0, 0.999, 12.001, float("nan"), float("inf"), -(10**60)])
def test_what_lies_beyond_is_refused_in_a_short_line(value: float) -> None:
    with pytest.raises(ConfigError, match="levels must lie between 1 and 12, got") as told:
        check_between("levels", value, low=1, high=12)
    assert len(str(told.value)) < 120
