"""Where the server may listen, and that the address it prints is one that works."""

from __future__ import annotations

import socket

import pytest

from septum.errors import ConfigError
from septum.server.launch import bind, demand


def test_listening_to_other_machines_asks_for_a_token_and_tls_or_the_word_insecure() -> None:
    demand("127.0.0.1", token=None, tls=False, insecure=False)
    with pytest.raises(ConfigError, match="--token"):
        demand("0.0.0.0", token=None, tls=True, insecure=False)
    with pytest.raises(ConfigError, match="--insecure"):
        demand("0.0.0.0", token="x" * 16, tls=False, insecure=False)
    demand("0.0.0.0", token="x" * 16, tls=False, insecure=True)


def test_a_port_in_use_is_said() -> None:
    taken = bind("127.0.0.1", 0)
    try:
        with pytest.raises(ConfigError, match="in use"):
            bind("127.0.0.1", taken.getsockname()[1])
    finally:
        taken.close()


def test_a_bound_address_takes_connections_at_once() -> None:
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=5) as caller:
        assert caller.getpeername() == listener.getsockname()


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(ConfigError, match="--host"):
        bind("203.0.113.7", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_alone_asks_for_nothing(host: str) -> None:
    demand(host, token=None, tls=False, insecure=False)
