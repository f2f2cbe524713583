"""Who may ask: every request is looked at before anything of it is read.

The insight: a server on loopback is open to every page in the same browser and to every user of the machine. So a
request must carry the token (or the cookie it was exchanged for), the Host must be one of this server (a page that
renamed its address to 127.0.0.1 has another), and a change must come from this origin and hold JSON. A body is counted
while it comes in, whatever length it claims.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from septum.server.settings import ServerSettings

COOKIE = "septum"
SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class _TooLargeError(Exception):
    """A body that grew beyond its limit."""


class Gate:
    """Lets a request through, or answers it with a refusal.

    Args:
        app: what is behind the gate.
        settings: token, hosts and the limit of a body.
        secret: of the project; a cookie made with it outlives the server, so a page reconnects after a restart.
    """

    def __init__(self, app: App, settings: ServerSettings, secret: bytes) -> None:
        self._app, self._settings = app, settings
        self._cookie = hmac.new(secret, b"cookie", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            status, code, message = refusal
            await _answer(send, status, code=code, message=message)
        elif scope["path"] == "/" and "token" in parse_qs(scope["query_string"].decode("latin-1")):
            await self._welcome(scope, send)
        else:
            await self._pass_on(scope, receive, send=send, headers=headers)

    def _refusal(self, scope: Scope, headers: MutableMapping[str, str]) -> tuple[int, str, str] | None:
        if self._settings.hosts and headers.get("host", "") not in self._settings.hosts:
            return 403, "forbidden", "the request must come to an address that this server has; check the Host"
        origin = headers.get("origin")
        if origin is not None and origin.split("://", 1)[-1] != headers.get("host"):
            return 403, "forbidden", "the request must come from this server's own page"
        path: str = scope["path"]
        if not path.startswith("/api"):
            return None
        if not self._known(headers):
            return 401, "unknown", "the request must carry the token; open the address that `septum serve` printed"
        if scope["method"] not in SAFE:
            kind = headers.get("content-type", "").split(";")[0].strip().lower()
            if kind != "application/json" and (
                scope["method"] != "DELETE" or headers.get("content-length", "0") != "0"
            ):
                return 415, "not-json", "the request must hold JSON; send Content-Type: application/json"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:18]) > self._settings.largest_body:
            return (
                413,
                "too-large",
                f"a request must have at most {self._settings.largest_body} bytes; send less at once",
            )
        return None

    def _known(self, headers: MutableMapping[str, str]) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(given.strip()):
            return True
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        return COOKIE in cookies and hmac.compare_digest(cookies[COOKIE].value.encode(), self._cookie.encode())

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._settings.token.encode())

    async def _welcome(self, scope: Scope, send: Send) -> None:
        """Exchange the token in the address for a cookie, so that it stays neither in the history nor in a log."""
        given = parse_qs(scope["query_string"].decode("latin-1"))["token"][0]
        if not self._is_token(given):
            await _answer(
                send, 403, code="forbidden", message="the address must hold the token that `septum serve` printed last"
            )
            return
        flags = "; Secure" if self._settings.secure else ""
        cookie = f"{COOKIE}={self._cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000{flags}"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 303, "headers": [*headers, (b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _pass_on(self, scope: Scope, receive: Receive, *, send: Send, headers: MutableMapping[str, str]) -> None:
        started, taken = False, 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._settings.largest_body:
                raise _TooLargeError
            return message

        async def guarded(message: Message) -> None:
            nonlocal started
            if taken > self._settings.largest_body:
                raise _TooLargeError  # whatever the application made of a body that was cut off
            if message["type"] == "http.response.start":
                started = True
                own = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                present = {key.lower() for key, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in own if pair[0] not in present)]
            await send(message)

        try:
            await self._app(scope, counted, guarded)
        except _TooLargeError:
            limit = self._settings.largest_body
            if not started:
                await _answer(send, 413, code="too-large", message=f"a request must have at most {limit} bytes")


async def _answer(send: Send, status: int, *, code: str, message: str) -> None:
    body = json.dumps({"error": message, "code": code}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
