"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from septum.errors import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ServerSettings:
    """What `create_app` is told.

    Args:
        project: folder of the project.
        token: the secret that the address carries.
        hosts: values of the Host header that are answered, with their port.
        secure: served by TLS, so that the cookie travels nowhere else.
        largest_body: bytes of a request that are read.
        idle_s: a case that nobody touched for so long is closed; everything is on the disk.
        lease_s: a lease without a sign of life ends after so long.
        open_cases: at most so many in memory.
    """

    project: Path
    token: str = field(repr=False)
    hosts: tuple[str, ...] = ()
    secure: bool = False
    largest_body: int = 16 << 20
    idle_s: float = 900.0
    lease_s: float = 60.0
    open_cases: int = 16

    def __post_init__(self) -> None:
        if len(self.token) < 16:
            raise ConfigError(f"token must have at least 16 characters, got {len(self.token)}; let one be made")
        for name in ("largest_body", "idle_s", "lease_s", "open_cases"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
