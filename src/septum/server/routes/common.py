"""What all routes share: the desk, who asks, and how rules and arrays are handed over."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Header, Request, Response
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.server import wire
from septum.server.desk import Desk
from septum.server.opened import OpenCase, Sender

_CLIENT = re.compile(r"[A-Za-z0-9-]{8,64}")
_AUTHOR = re.compile(r"[^\W_][\w .\-]{0,63}")


def desk_of(request: Request) -> Desk:
    """The desk of the server."""
    found: Desk = request.app.state.desk
    return found


def sender_of(
    client: Annotated[str, Header(alias="X-Septum-Client", max_length=64)] = "unnamed-client",
    author: Annotated[str, Header(alias="X-Septum-Author", max_length=400)] = "person",
) -> Sender:
    """Who asks; `ConfigError` for names that are none."""
    name = unquote(author).strip()
    if not _CLIENT.fullmatch(client):
        raise ConfigError(f"X-Septum-Client must be 8 to 64 letters, digits and hyphens, got {client[:70]!r}")
    if not _AUTHOR.fullmatch(name):
        raise ConfigError(
            f"X-Septum-Author must begin with a letter or digit and hold at most 64 letters, digits, spaces, dots and "
            f"hyphens, got {name[:70]!r}; use a short pseudonym"
        )
    return Sender(client, name)


DeskHere = Annotated[Desk, Depends(desk_of)]
SenderHere = Annotated[Sender, Depends(sender_of)]


def numbered(sender: Sender, client: str | None, *, sequence: int = 0) -> Sender:
    """The sender with the page's id and the number of the request, as the body says them."""
    return replace(sender, client=client or sender.client, sequence=sequence)


def raw(array: NDArray[Any], case: OpenCase, *, labels: bool = False, cache: str = "no-store") -> Response:
    """An array as the body of a response, its shape and type in headers."""
    body, kind = wire.labels_as_sent(array) if labels else wire.as_sent(array)
    headers = {
        "X-Septum-Shape": ",".join(str(n) for n in array.shape),
        "X-Septum-Dtype": kind,
        "X-Septum-Revision": str(case.session.revision),
        "X-Septum-Epoch": case.epoch,
        "Cache-Control": cache,
    }
    return Response(body, media_type="application/octet-stream", headers=headers)
