"""`septum serve`: the workbench in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from septum.cli import options
from septum.errors import ConfigError

if TYPE_CHECKING:
    from septum.server.settings import ServerSettings

RISK = (
    "RISK: whoever can read this network's traffic can read the token and every image; "
    "use --tls-cert and --tls-key, or a tunnel such as ssh -L"
)


def serve(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="PROJECT|DATASET",
            help="A project, or a data set for which one is made beside it.",
            show_default=False,
        ),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Show it on real images that come with nilearn; no data needed.")
    ] = False,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one.")] = 8765,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; others than this machine need more.")
    ] = "127.0.0.1",
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", help="With --host: names that people type; may be repeated."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="The secret in the address, at least 16 characters; random by default."),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate for TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key.")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="With --host: serve without TLS, knowing the risk.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    axes: options.Axes = None,
) -> None:
    """Open the workbench: annotate, train, correct, review, in the browser, on this machine.

    Research software, not a medical device.
    """
    import secrets

    from septum.server.launch import bind, demand, run_server
    from septum.server.settings import ServerSettings

    if (folder is None) == (not sample):
        raise ConfigError("serve must be given a project, a data set, or --sample; give one of them")
    demand(host, token=token, tls=tls_cert is not None and tls_key is not None, insecure=insecure)
    project = _project(folder, axes)
    listener = bind(host, port)
    number = listener.getsockname()[1]
    names = (*(name or ()), host) if host not in ("0.0.0.0", "::") else tuple(name or ())
    hosts = tuple(f"{one}:{number}" for one in ("127.0.0.1", "localhost", *names))
    secret = token or secrets.token_urlsafe(24)
    settings = ServerSettings(project, secret, hosts=hosts, secure=tls_cert is not None)
    _announce(settings, host, number, names)
    run_server(settings, listener, tls=(tls_cert, tls_key) if tls_cert and tls_key else None, open_page=browser)


def _project(folder: Path | None, axes: str | None) -> Path:
    """The project to serve, made where there is none."""
    from septum.workflows.projects.create import create_project
    from septum.workflows.projects.project import is_project
    from septum.workflows.sample import sample_project

    if folder is None:
        return sample_project(Path("septum-sample"))
    if is_project(folder):
        return folder
    beside = folder.resolve().with_name(f"{folder.resolve().name}-septum")
    if not is_project(beside):
        create_project(beside, folder, axes=axes).close()
    return beside


def _announce(settings: ServerSettings, host: str, port: int, names: tuple[str, ...]) -> None:
    scheme = "https" if settings.secure else "http"
    shown = "127.0.0.1" if host in ("127.0.0.1", "localhost") else (*names, host)[0]
    typer.echo(f"project  {settings.project}")
    typer.echo(f"open     {scheme}://{shown}:{port}/?token={settings.token}")
    if host not in ("127.0.0.1", "localhost", "::1") and not settings.secure:
        typer.echo(RISK, err=True)
    typer.echo("stop with Ctrl-C; research software, not a medical device")
