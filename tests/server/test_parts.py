"""Parts of a mask: in order, of one request, bounded, and forgotten when another mask begins."""

from __future__ import annotations

import pytest

from septum.errors import ConfigError, SessionError
from septum.server.parts import Parts


def test_parts_make_a_whole_and_may_come_again() -> None:
    found = Parts()
    assert found.take(b"ab", of="a:1", part=1, parts=3, most=9) is None
    for _ in range(2):
        assert found.take(b"cd", of="a:1", part=2, parts=3, most=9) is None
    for _ in range(2):  # until the step is done, the last one may be sent again
        assert found.take(b"e", of="a:1", part=3, parts=3, most=9) == b"abcde"
    found.forget()
    with pytest.raises(SessionError, match="send all of them again"):
        found.take(b"e", of="a:1", part=3, parts=3, most=9)


def test_another_mask_takes_the_place_of_one_that_never_ended() -> None:
    found = Parts()
    found.take(b"ab", of="a:1", part=1, parts=2, most=9)
    assert found.take(b"x", of="b:1", part=1, parts=1, most=9) == b"x"
    with pytest.raises(SessionError, match="part 2 of 2"):
        found.take(b"cd", of="a:1", part=2, parts=2, most=9)


def test_more_than_a_mask_can_have_is_refused_and_forgotten() -> None:
    found = Parts()
    found.take(b"abc", of="a:1", part=1, parts=2, most=4)
    with pytest.raises(ConfigError, match="at most 4 bytes together, got 5"):
        found.take(b"de", of="a:1", part=2, parts=2, most=4)
    with pytest.raises(SessionError):
        found.take(b"d", of="a:1", part=2, parts=2, most=4)
    with pytest.raises(ConfigError, match="from 1 to 2, got 3"):
        found.take(b"d", of="a:1", part=3, parts=2, most=4)
