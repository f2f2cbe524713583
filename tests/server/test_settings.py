"""What a server may be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from septum.errors import ConfigError
from septum.server.settings import ServerSettings


def test_a_token_that_can_be_guessed_and_limits_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="16 characters"):
        ServerSettings(Path("p"), "short")
    for name in ("largest_body", "idle_s", "lease_s", "open_cases"):
        with pytest.raises(ConfigError, match=name):
            ServerSettings(Path("p"), "x" * 16, **{name: 0})


def test_the_token_is_not_printed_with_the_settings() -> None:
    assert "x" * 16 not in repr(ServerSettings(Path("p"), "x" * 16))
