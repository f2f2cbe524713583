"""The page on which a reader rates: a small server that only this machine can reach.

The insight: a server on loopback is still open to every other page in the reader's browser and to every other user of
the machine. So the address holds a random token, the Host and Origin headers must be the server's own, a change needs a
JSON body of bounded size, and a picture is served only when the study lists its name: no path from outside is ever
opened. The page itself loads nothing from elsewhere (its content policy forbids it).
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from septum.errors import ConfigError, SeptumError
from septum.io.documents import parse_json
from septum.workflows.review import study as review
from septum.workflows.review.study import Study

HOST = "127.0.0.1"
LARGEST_BODY = 16 << 10  # bytes: a comment of 2000 characters takes at most 12000 in JSON
_IDLE_S = 30.0
_DRAINED = 1 << 20  # bytes of a refused body that are read, so that the browser reads the answer
_PAGE = Path(__file__).with_name("review_page.html")
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RefusedError(Exception):
    """A request that is answered with a status and one sentence."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class ReviewServer(ThreadingHTTPServer):
    """Serves one study to one reader until `shutdown`.

    Args:
        study: an open study; it stays open as long as the server runs.
        reader: who rates.
        port: 0 takes a free one.
        token: the secret in the address; random by default.
    """

    daemon_threads = True

    def __init__(self, study: Study, reader: str, *, port: int = 0, token: str | None = None) -> None:
        self.study, self.reader = study, reader
        self.token = token or secrets.token_urlsafe(24)
        self.turn = threading.Lock()  # one change at a time: the page shows what the store holds
        super().__init__((HOST, port), _Handler)

    @property
    def address(self) -> str:
        """What the reader opens."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    @property
    def hosts(self) -> tuple[str, str]:
        """The only values of a Host header that are answered: others come from a page that renamed this address."""
        return f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that closes a connection early is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    server_version, sys_version = "Septum", ""
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    _body_read = False

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._body_read = False
        self._answer(self._post)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silent: the address in a log line would give the token away."""

    def _answer(self, work: Any) -> None:
        try:
            self._check_host()
            work(self._path())
        except RefusedError as refusal:
            self._refuse(refusal.status, str(refusal))
        except SeptumError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer and close: an unread body must not be taken for the next request, nor cut the answer off."""
        if not self._body_read:
            self.rfile.read(min(self._length() or 0, _DRAINED))
        self.close_connection = True
        self._send_json({"error": message}, status)

    def _length(self) -> int | None:
        """The length of the body that the request states."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    def _check_host(self) -> None:
        if self.headers.get("Host") not in self.server.hosts:
            raise RefusedError(HTTPStatus.FORBIDDEN, "the request must come from this server's own page")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in [f"http://{host}" for host in self.server.hosts]:
            raise RefusedError(HTTPStatus.FORBIDDEN, "the request must come from this server's own page")

    def _path(self) -> str:
        """The path behind the token."""
        token, _, rest = urlsplit(self.path).path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "the address must hold the token that `septum review rate` printed"
            )
        return rest

    def _get(self, path: str) -> None:
        study = self.server.study
        if path == "":
            self._send_page()
        elif path == "state":
            self._send_json(review.page_state(study, self.server.reader))
        elif path.startswith("pictures/"):
            name = path.removeprefix("pictures/")
            try:
                content = review.read_picture(study, name)
            except ConfigError as error:
                raise RefusedError(HTTPStatus.NOT_FOUND, "there is no such picture in the study") from error
            self._send(content, "image/png")
        else:
            raise RefusedError(HTTPStatus.NOT_FOUND, "there is no such page")

    def _post(self, path: str) -> None:
        body = self._body()
        study, reader = self.server.study, self.server.reader
        if path not in ("rate", "undo"):
            raise RefusedError(HTTPStatus.NOT_FOUND, "there is no such page")
        with self.server.turn:
            if path == "undo":
                review.undo(study, reader, origin="page")
            else:
                code, value, comment = (body.get(name, "") for name in ("code", "value", "comment"))
                if not all(isinstance(text, str) for text in (code, value, comment)):
                    raise RefusedError(HTTPStatus.BAD_REQUEST, "code, value and comment must be text")
                review.rate(study, reader, code=code, value=value, comment=comment, origin="page")
            self._send_json(review.page_state(study, reader))

    def _body(self) -> dict[str, Any]:
        """The JSON object of a request; refused before it is read when it is too large."""
        if self.headers.get_content_type() != "application/json":
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the request must hold JSON")
        length = self._length()
        if length is None:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "the request must state its length")
        if length > LARGEST_BODY:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the request must have at most {LARGEST_BODY} bytes"
            )
        data, self._body_read = self.rfile.read(length), True
        try:
            body = parse_json(data)
        except ValueError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the request must hold JSON") from error
        if not isinstance(body, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the request must hold a JSON object")
        return body

    def _send_page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'nonce-{nonce}'; "
            f"script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        text = _PAGE.read_text(encoding="utf-8").replace("__NONCE__", nonce)
        self._send(text.encode("utf-8"), "text/html; charset=utf-8", policy=policy)

    def _send_json(self, content: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(content).encode("utf-8"), "application/json", status=status)

    def _send(
        self, data: bytes, media: str, *, status: HTTPStatus = HTTPStatus.OK, policy: str = "default-src 'none'"
    ) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Security-Policy": policy}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
