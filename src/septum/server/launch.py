"""Starting the server: which address it may listen on, and how it stops.

The insight: the socket is bound before anything else is printed, so the address that a person reads is one that works.
"""

from __future__ import annotations

import errno
import socket
import threading
import webbrowser
from pathlib import Path

from septum.errors import ConfigError
from septum.server.settings import LOOPBACK, ServerSettings


def demand(host: str, *, token: str | None, tls: bool, insecure: bool) -> None:
    """What listening to other machines asks for: an own token, and TLS or the word that it is insecure.

    Raises:
        ConfigError: something is missing.
    """
    if host in LOOPBACK:
        return
    if token is None:
        raise ConfigError(
            f"host {host} must come with --token, got none; other machines will be able to ask this server"
        )
    if not tls and not insecure:
        raise ConfigError(
            f"host {host} must come with --tls-cert and --tls-key, got none; or say --insecure: then the token and "
            "every image travel readable for everybody on the network"
        )


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; `ConfigError` where the address is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        taken = error.errno == errno.EADDRINUSE
        advice = "it is in use: choose another --port, or --port 0" if taken else "choose another --host"
        raise ConfigError(f"cannot listen on {host}:{port} ({error.strerror}); {advice}") from error
    found.listen(128)
    return found


def run_server(
    settings: ServerSettings, listener: socket.socket, *, tls: tuple[Path, Path] | None = None, open_page: bool = False
) -> None:
    """Serve until Ctrl-C or SIGTERM; then save, close and return.

    Raises:
        ConfigError: no project there, or a certificate that cannot be used.
    """
    import uvicorn

    from septum.server.app import create_app

    certificate, key = tls or (None, None)
    app = create_app(settings)
    threading.Thread(target=app.state.desk.warm, name="septum-warm", daemon=True).start()
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="on",
        timeout_graceful_shutdown=10, ssl_certfile=certificate, ssl_keyfile=key, ws="none", timeout_keep_alive=30,
    )  # fmt: skip
    if open_page:
        scheme = "https" if tls else "http"
        address = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/?token={settings.token}"
        threading.Timer(1.0, webbrowser.open, [address]).start()
    uvicorn.Server(config).run(sockets=[listener])
