"""``copilot-api start``: sign in, list the models, serve (compat.md 1.5, 2.1)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_api.cli.console import Console, install_logging
from copilot_api.cli.loop import run as run_loop
from copilot_api.cli.main import Invocation
from copilot_api.cli.progress import waiting
from copilot_api.cli.reload import Reloader, at_hang_up
from copilot_api.configuration import Configuration, ConfigurationError, load
from copilot_api.github.credentials import TokenFile, data_directory, token_store
from copilot_api.keys.ring import KeyRing
from copilot_api.keys.store import KeyFileProblem, KeyStore
from copilot_api.records import record, replace
from copilot_api.redaction import Secret, one_line
from copilot_api.server import PortTaken, activated, bind, bind_unix
from copilot_api.serving import serve_gateway
from copilot_api.settings import Settings

if TYPE_CHECKING:
    from copilot_api.app import OpenGateway
    from copilot_api.engine.client_interfaces import Client
    from copilot_api.engine.interfaces import TokenGrant

VIEWER = "https://ericc-ch.github.io/copilot-api?endpoint="
HUMAN_PACE = 0.02
"""Seconds between the frames of the simulator."""

ACCEPTABLE_USE = (
    "This is an unofficial program. GitHub's Acceptable Use Policies and the Copilot terms hold for what you"
    " send;\nexcessive automated use can get your access to Copilot suspended. Use your own account only."
    "\nhttps://docs.github.com/site-policy/acceptable-use-policies/github-acceptable-use-policies"
)
_USUAL_KINDS = ("gho_", "ghu_")
"""Beginnings of tokens about which nothing has to be said."""


@record
class _Session:
    settings: Settings
    console: Console
    file: TokenFile
    """In the data directory; in a temporary one with the simulator, so that no real token is touched."""
    keys: KeyRing
    reloader: Reloader
    origins: Mapping[str, str]
    """Where each option's value comes from."""


def run(invocation: Invocation) -> int:
    """Run the server until it is told to stop."""
    home = data_directory(invocation.home)
    opened = activated()

    def read() -> Configuration:
        found = load(invocation.parsed.values, os.environ, home)
        return replace(found, settings=_where(found.settings, opened)) if opened else found

    configuration = read()
    settings, console = configuration.settings, invocation.console
    if settings.verbose:
        console.show_everything(True)
        install_logging(console)
    _open_log(settings, console)
    if settings.shared is not None:
        from copilot_api.shared.keys import fetch

        fetch(settings.shared, home)
    keys = _check(configuration, home)
    reloader = Reloader(configuration, read, lambda changed: _check(changed, home), console)
    for warning in (*configuration.warnings, *_warnings(settings, keys, home)):
        console.warn(warning)
    try:
        sockets = opened or _listen(settings)
    except PortTaken as error:
        console.error(error.strerror or str(error))
        return 1
    try:
        with contextlib.ExitStack() as stack:
            directory = home
            if settings.simulate:
                import tempfile

                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="copilot-api-")))
            in_keyring = settings.keyring and not settings.simulate
            store = token_store(directory, in_keyring=in_keyring, host=settings.github_host)
            if settings.capture is not None:
                settings = replace(settings, capture=str(_capture_place(settings, home)))
            session = _Session(settings, console, store, keys, reloader, configuration.origins)
            return run_loop(_run(session, sockets))
    finally:
        for listener in sockets:
            listener.close()


def _open_log(settings: Settings, console: Console) -> None:
    """Have the console write as the options say. Raises :class:`ConfigurationError`."""
    if settings.log_format == "json":
        console.use_json()
    if settings.log_file is not None:
        from copilot_api.cli.log_file import LogFile

        path = Path(settings.log_file).expanduser()

        def complain(error: OSError) -> None:
            console.warn(f"the log file {path} cannot be written: {error.strerror}")

        try:
            console.also_to(LogFile(path, settings.log_file_size, complain))
        except OSError as error:
            raise ConfigurationError(f"--log-file {path} cannot be written: {error.strerror}") from None


def _listen(settings: Settings) -> list[socket.socket]:
    return bind_unix(settings.unix_socket) if settings.unix_socket else bind(settings.host, settings.port)


def _where(settings: Settings, opened: list[socket.socket]) -> Settings:
    """Return the settings with the address that systemd listens on, of several the most open."""
    from copilot_api.http.guard import is_loopback

    addresses = [listener.getsockname() for listener in opened]
    hosts = [address[0] for address in addresses if isinstance(address, tuple)]
    return replace(settings, host=next((host for host in hosts if not is_loopback(host)), None))


def _check(configuration: Configuration, home: Path) -> KeyRing:
    """Return the client keys. Raises :class:`ConfigurationError`."""
    from copilot_api.app import client_keys
    from copilot_api.cli.reach import weak_keys
    from copilot_api.engine.flags import server_name
    from copilot_api.http.guard import is_loopback

    settings = configuration.settings
    try:
        keys = KeyRing(client_keys(settings), KeyStore(home))
    except KeyFileProblem as problem:
        raise ConfigurationError(str(problem)) from None
    if settings.host and not is_loopback(settings.host):
        if not keys.count and not settings.no_auth:
            raise ConfigurationError(
                f"listening on {settings.host} lets others on the network in, so clients need a key:"
                " make one with `copilot-api keys add NAME`, give one with --api-key or --api-key-file,"
                " or say --no-auth"
            )
        for weak in weak_keys(settings):
            raise ConfigurationError(
                f"listening on {settings.host} lets others on the network in, and {weak}"
            )
    if settings.tls_certificate and server_name(settings) == "uvicorn":
        raise ConfigurationError("--tls-certificate needs the native server; put a TLS front before uvicorn")
    if settings.manual and not sys.stdin.isatty():
        raise ConfigurationError("--manual asks at the terminal before each request, and there is none")
    if settings.claude_code and not sys.stdin.isatty():
        raise ConfigurationError("--claude-code asks for two models at the terminal, and there is none")
    return keys


def _capture_place(settings: Settings, home: Path) -> Path:
    from copilot_api.capture.store import place

    return place(settings.capture, home)


def _warnings(settings: Settings, keys: KeyRing, home: Path) -> list[str]:
    from copilot_api.cli.reach import weak_keys

    found = [f"{weak}; on this machine alone it will do" for weak in weak_keys(settings)]
    if settings.no_auth and keys.on:
        found.append("--no-auth changes nothing: there are keys, so every request needs one")
    if settings.capture is not None:
        found.append(
            "--capture is on: prompts and answers are written to"
            f" {_capture_place(settings, home)} and removed after {settings.capture_age / 3600:g} hours"
        )
    return found


async def _run(session: _Session, sockets: list[socket.socket]) -> int:
    from copilot_api.app import client_keys, open_gateway

    console = session.console
    if session.settings.verbose:
        console.info("Verbose logging enabled")
    if session.settings.profile:
        console.info(f"Using profile {session.settings.profile}")
    if session.settings.account_type != "individual":
        console.info(f"Using {session.settings.account_type} plan GitHub account")
    async with AsyncExitStack() as stack:
        stack.enter_context(at_hang_up(asyncio.get_running_loop(), session.reloader.reload))
        settings = session.settings
        if settings.simulate:
            settings = await stack.enter_async_context(_simulator(settings))
        console.info(f"Using VSCode version: {settings.editor_version}")
        console.hide(*(given.key for given in client_keys(settings)))
        with waiting(console, "Asking GitHub who this is …"):
            token = await _github_token(replace(session, settings=settings))
        console.hide(token)

        def on_token(grant: TokenGrant, renewed: bool) -> None:
            console.hide_token(grant.token)
            if settings.show_token:
                words = "Refreshed Copilot token" if renewed else "Copilot token"
                console.secret(f"{words}: {grant.token.reveal()}")

        approver = None
        if settings.manual:
            from copilot_api.cli.approval import TerminalApprover

            approver = TerminalApprover()
        with waiting(console, "Asking Copilot for its models …"):
            gateway = await stack.enter_async_context(
                open_gateway(
                    settings,
                    token,
                    approver=approver,
                    request_log=console,
                    on_token=on_token,
                    keys=session.keys,
                    directory=session.file.path.parent,
                    origins=session.origins,
                    observers=(console.finished,) if console.is_json else (),
                )
            )
        session.reloader.attach(settings, gateway.adopt)
        _tell_collector_what_stays()
        return await _serve(session, settings, gateway, sockets)


def _tell_collector_what_stays() -> None:
    """Keep the garbage collector from walking over modules and settings again and again.

    A request leaves hardly a cycle behind: with the default threshold one in twenty pays for a collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


async def _serve(
    session: _Session, settings: Settings, gateway: OpenGateway, sockets: list[socket.socket]
) -> int:
    from copilot_api.cli import banner, reach

    console = session.console
    listing = "\n".join(f"- {one_line(model.id)}" for model in gateway.models)
    console.info(f"Available models: \n{listing}")
    address = sockets[0].getsockname()
    port = address[1] if isinstance(address, tuple) else settings.port
    if settings.claude_code:
        from copilot_api.cli.claude_code import offer_command

        code = await offer_command(console, port, [model.id for model in gateway.models])
        if code:
            return code
    if not settings.simulate:
        _warn_once(session)
    console.box(f"🌐 Usage Viewer: {VIEWER}http://localhost:{settings.port}/usage")

    def ready() -> None:
        if not os.environ.get("TEST"):
            who = reach.sentence(
                settings,
                session.keys,
                on_unix_socket=not isinstance(address, tuple),
                same_user=gateway.guard.guard.same_user,
            )
            lines = [who, *banner.guide(settings, address, len(gateway.models))]
            console.plain("\n  ".join([banner.listening(settings, address), *lines]))
        if settings.simulate:
            console.info(
                "The simulator answers; point a client at it, for example:\n"
                f"  ANTHROPIC_BASE_URL=http://localhost:{port} ANTHROPIC_AUTH_TOKEN=dummy "
                "ANTHROPIC_MODEL=claude-sonnet-4.6 claude\n"
                f"  OPENAI_BASE_URL=http://localhost:{port}/v1 OPENAI_API_KEY=dummy your-program"
            )

    with console.in_background():
        await serve_gateway(gateway, settings, sockets, on_ready=ready)
    return 0


@asynccontextmanager
async def _simulator(settings: Settings) -> AsyncIterator[Settings]:
    from copilot_api.simulator import SimulatorServer

    server = SimulatorServer(chunk_delay=HUMAN_PACE)
    await server.astart()
    try:
        yield replace(settings, github_url=server.url, github_api_url=server.url, copilot_url=server.url)
    finally:
        await server.astop()


async def _github_token(session: _Session) -> Secret:
    """Find the GitHub token, in the order of `copilot_api.github.sources`, or sign in."""
    from copilot_api.cli.signin import device_flow, stored_token
    from copilot_api.engine.client_interfaces import ClientOptions
    from copilot_api.engine.flags import build_engine
    from copilot_api.github.sources import given_token

    settings, console = session.settings, session.console
    file = session.file
    file.prepare()
    given = given_token(settings, session.origins)
    if given is not None:
        console.info("Using provided GitHub token")
        _describe(given.token, console)
        return given.token
    client: Client = build_engine(settings).make_client(ClientOptions(settings.proxy_env))
    try:
        token = await stored_token(client, settings, console, file)
        if token is None and not settings.simulate:
            token = _from_elsewhere(settings, console)
        if token is None:
            margin = 0.0 if settings.simulate else 1.0
            token = await device_flow(client, settings, console, file, margin=margin)
        return token
    finally:
        await client.aclose()


def _from_elsewhere(settings: Settings, console: Console) -> Secret | None:
    """Return what other programs use, where it can be used here; each use and each refusal is said."""
    from copilot_api.github.sources import token_from_gh, token_from_variable

    for source, words in (
        (token_from_variable(os.environ), "Using provided GitHub token"),
        (token_from_gh(settings, os.environ), "Using the GitHub token of gh (--use-gh)"),
    ):
        if source.problem:
            console.warn(f"{source.name}: {source.problem}")
        elif source.token is not None:
            console.info(words)
            _describe(source.token, console)
            return source.token
    return None


def _describe(token: Secret, console: Console) -> None:
    """Say what is special about a token's kind, before GitHub refuses it in other words."""
    if token.reveal().startswith(_USUAL_KINDS):
        return
    from copilot_api.github.kinds import kind_of

    kind = kind_of(token)
    say = console.info if kind.works != "no" else console.warn
    say(f"The token is a {kind.title}. {kind.says}")


def _warn_once(session: _Session) -> None:
    marker = session.file.path.with_name("acceptable-use-shown")
    try:
        if marker.exists():
            return
        marker.touch(mode=0o600)
    except OSError as error:
        session.file.complain(error)
    session.console.warn(ACCEPTABLE_USE)
