"""``consigne serve``: the service, in this process, until it is told to stop."""

import asyncio
import gc
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from consigne.domain.errors import OperatorError
from consigne.settings import ServerSettings, Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from consigne.api.door import Door
    from consigne.api.services import Engines, Services

GC_ALLOCATIONS = 100_000
"""New objects after which the youngest are searched for cycles: more than hundreds of requests that
run at once hold together, or each search would walk through all of them and find nothing."""
SWITCH_S = 0.0005
"""After how long the thread that imports lets the page be answered."""
MOST_FILES = 65_536
"""Open files and connections that the server asks the system for."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ServerFile(msgspec.Struct, frozen=True):
    """``server.json`` in the data folder while a server runs: how the terminal finds it."""

    url: str
    pid: int
    key: str


@click.command()
@click.option("--host", help="Address to listen on (127.0.0.1: this machine only).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (8000).")
@click.option("--no-link", is_flag=True, help="Do not print a sign-in link.")
@click.pass_context
def serve(ctx: click.Context, host: str | None, port: int | None, no_link: bool) -> None:
    """Start the service: the web chat and the API."""
    gc.disable()  # until all is imported: what comes in now stays
    from consigne.cli.context import settings_of
    from consigne.telemetry import logs

    settings = settings_of(ctx, {"server": {"host": host, "port": port}})
    logs.configure(settings.log_level)
    allow_connections()
    _prepare_data_dir(settings.data_dir)
    listener = _listen(settings.server)
    try:
        _install_starter(settings)
        _run(settings, listener, link=not no_link)
    finally:
        listener.close()


def allow_connections() -> None:
    """Take as many open files as the system grants: each client, and each provider, needs one.

    Shells and service managers start programs with 1,024, and leave it to them to ask for more.
    """
    try:
        import resource
    except ImportError:  # not on Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _prepare_data_dir(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".write-test-{os.getpid()}"
        probe.write_bytes(b"consigne")
        probe.unlink()
    except OSError as error:
        raise OperatorError(
            f"Can't write to the data folder {path}: {error.strerror}. "
            "Choose another with --data-dir, or mend its rights."
        ) from None


def _listen(server: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((server.host, server.port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise OperatorError(
            f"Can't listen on {server.host}:{server.port}: {reason}. "
            "Choose another address with --host and --port."
        ) from None
    listener.setblocking(False)
    return listener


def _install_starter(settings: Settings) -> None:
    from consigne.engines.library import ModelLibrary

    library = ModelLibrary(settings.models_dir)
    if settings.has_text_provider or any(m.modality == "text" for m in library.list()):
        return
    from consigne.cli.models import pull_with_progress
    from consigne.domain.errors import ConsigneError

    click.echo("First start: installing the starter model (98 MB).", err=True)
    try:
        for source in ("starter", "minilm"):
            pull_with_progress(source, library)
    except ConsigneError as error:
        click.echo(f"consigne: {error.message}", err=True)
        click.echo(
            "The service starts without it. Try again with: consigne models pull starter", err=True
        )


def _run(settings: Settings, listener: socket.socket, *, link: bool) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, listener, link=link))


async def _serve(settings: Settings, listener: socket.socket, *, link: bool) -> None:
    from consigne.api.services import open_engines

    async with open_engines(settings) as engines:
        # The model's process is at work; now the page, then all that takes long to import.
        from consigne.api.door import Door
        from consigne.api.server import http_server

        door = Door()
        server = http_server(door)
        serving = None
        usual = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        try:
            if settings.server.host in LOOPBACK:
                serving = asyncio.create_task(server.serve(sockets=[listener]))
            async with _opened(settings, engines, door) as services:
                if serving is None:
                    await _require_owner(services)
                    serving = asyncio.create_task(server.serve(sockets=[listener]))
                sys.setswitchinterval(usual)
                if not server.should_exit:  # it may have been told to meanwhile
                    await _announce(services, settings.server.public_url or _url_of(listener), link)
                await serving
        finally:
            _remove_server_file(settings.data_dir)
            if serving is not None and not serving.done():
                server.should_exit = server.force_exit = True
                await serving


@asynccontextmanager
async def _opened(
    settings: Settings, engines: "Engines", door: "Door"
) -> AsyncIterator["Services"]:
    from consigne.api.services import open_services
    from consigne.api.upkeep import upkeep

    async with open_services(settings, engines) as services:
        app = await asyncio.to_thread(_application, services)
        _settle_memory()
        door.open(app, services.runs, services.pulls, services.records)
        async with upkeep(services):
            yield services


def _application(services: "Services") -> "ASGIApp":
    from consigne.api.app import create_app

    return create_app(services)


def _settle_memory() -> None:
    """Spare the garbage collector what stays until the end: each full pass took 0.1 s and more.

    Of 220,000 objects after a start 1,000 are garbage: not worth the first pass either.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)


async def _require_owner(services: "Services") -> None:
    if not await services.identity.has_owner():
        raise OperatorError(
            f"{services.settings.server.host} can be reached by others, and this service has no "
            "owner yet. Create one first: consigne users create EMAIL --owner"
        )


async def _announce(services: "Services", url: str, link: bool) -> None:
    settings = services.settings
    key = f"sk-csn-local-{secrets.token_urlsafe(32)}"
    await services.keys.add_local(key)
    _write_server_file(settings.data_dir, ServerFile(_url_local(url), os.getpid(), key))
    click.echo(f"Consigne is at {url}")
    if link and settings.server.host in LOOPBACK:
        token = await services.identity.create_login_link()
        click.echo(f"Sign in (once, within 15 minutes): {url}/#token={token}")
    sys.stdout.flush()


def _url_of(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _url_local(url: str) -> str:
    return url.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")  # noqa: S104


def _write_server_file(data_dir: Path, content: ServerFile) -> None:
    path = data_dir / "server.json"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(content))


def _remove_server_file(data_dir: Path) -> None:
    path = data_dir / "server.json"
    with suppress(OSError, msgspec.MsgspecError):
        if msgspec.json.decode(path.read_bytes(), type=ServerFile).pid == os.getpid():
            path.unlink()
