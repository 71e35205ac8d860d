"""``copilot-api run``: a client program with a gateway, for once; its own files stay as they are."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from copilot_api.cli import foreground
from copilot_api.cli.asking import RunningGateway, link_to, reach
from copilot_api.cli.child import child_gateway, words
from copilot_api.cli.commands import KEY_VARIABLE
from copilot_api.cli.console import Console
from copilot_api.cli.gateway_client import GatewayLink, GatewayProblem, WantsKey
from copilot_api.cli.main import Invocation
from copilot_api.cli.progress import waiting
from copilot_api.clients import PROGRAMS, checks
from copilot_api.clients.base import Choice, Launch, Order, Program, SetupProblem, Target, here
from copilot_api.clients.choosing import choose
from copilot_api.configuration import load
from copilot_api.gateway.catalog import Model
from copilot_api.github.credentials import PROFILE, data_directory
from copilot_api.redaction import MASK, Secret
from copilot_api.settings import Settings

_OWN = ("model", "small_model", "dry_run", "key", "key_env")
_AT_TERMINAL = ("manual", "claude_code")


def run(invocation: Invocation) -> int:
    """Start the client, with a gateway if none runs, and return its exit code."""
    # The client's standard output is nobody else's.
    console = Console(verbose=invocation.flag("verbose"), out=sys.stderr, err=sys.stderr)
    client, arguments = _client(invocation)
    given = {name: value for name, value in invocation.parsed.values.items() if name not in _OWN}
    for name in _AT_TERMINAL:
        if given.get(name):
            raise SetupProblem(f"--{name.replace('_', '-')} asks at the terminal, which is the client's here")
    directory = data_directory(invocation.home)
    settings = load(given, os.environ, directory).settings
    if settings.unix_socket:
        raise SetupProblem(f"{client.title} needs a port, and the configuration sets unix_socket")
    key = given_key(invocation)
    if invocation.flag("dry_run"):
        return _dry_run(invocation, client, arguments, settings, _running(given, settings, key, console))
    program = shutil.which(client.programs[0])
    if program is None:
        console.error(f"{client.programs[0]} is not on PATH; install it: {client.install}")
        return foreground.NOT_FOUND
    with contextlib.ExitStack() as stack:
        gateway = _running(given, settings, key, console)
        child = None
        if gateway is None:
            port = settings.port if "port" in given else 0
            child = stack.enter_context(child_gateway(given, settings, directory, port=port))
            with waiting(console, f"Starting a gateway (log: {child.log}) …"):
                child.wait_until_ready(console.info, may_sign_in=sys.stdin.isatty() and sys.stderr.isatty())
                certificate = settings.tls_certificate
                gateway = reach(GatewayLink(child.url, child.key, certificate=certificate), child.key)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="copilot-api-run-")))
        launch = _launch(invocation, client, arguments, gateway, scratch)
        _make_files(launch)
        environment = _environment(launch, gateway.url)
        try:
            code = foreground.run_in_foreground(program, launch.command[1:], environment)
        except OSError as error:
            console.error(f"{program} cannot be started: {error.strerror or error}")
            return foreground.NOT_RUNNABLE
        ended = child.has_ended() if child is not None else None
        if child is not None and ended is not None:
            console.warn(f"The gateway ended before {client.title}, with exit code {ended}; see {child.log}")
    return code


def _client(invocation: Invocation) -> tuple[Program, tuple[str, ...]]:
    """Return the client, and its own arguments."""
    names = "|".join(program.name for program in PROGRAMS)
    positionals = invocation.parsed.positionals
    if not positionals:
        raise SetupProblem(f"write `copilot-api run {names}`, and the program's own arguments behind --")
    name, arguments = positionals[0], tuple(positionals[1:])
    client = next((program for program in PROGRAMS if program.name == name), None)
    if client is None:
        raise SetupProblem(f"`run` knows {names}, and not {name}; for editors there is `copilot-api setup`")
    if invocation.parsed.unknown:
        raise SetupProblem(
            f"{invocation.parsed.unknown[0]} is no option of `run`; options of {name} stand behind --:"
            f" copilot-api run {name} -- {invocation.parsed.unknown[0]}"
        )
    return client, arguments


def given_key(invocation: Invocation) -> Secret | None:
    """Return the key for a gateway that runs: ``--key``, the variable of ``--key-env``, the usual one.

    Raises :class:`SetupProblem`.
    """
    given = invocation.parsed.values
    if isinstance(given.get("key"), str):
        return Secret(str(given["key"]))
    variable = given.get("key_env")
    if isinstance(variable, str):
        if not os.environ.get(variable):
            raise SetupProblem(f"--key-env names ${variable}, which is not set")
        return Secret(os.environ[variable])
    return Secret(os.environ[KEY_VARIABLE]) if os.environ.get(KEY_VARIABLE) else None


def _running(
    given: Mapping[str, Any], settings: Settings, key: Secret | None, console: Console
) -> RunningGateway | None:
    """Return the gateway that runs at the port, if it will do.

    One that was started with other options than those given here will not.
    """
    others = [name for name in given if name not in ("port", "verbose")]
    if others or not settings.port:
        return None
    if os.environ.get(PROFILE) and "port" not in given:
        # What runs at the usual port may be another profile's, and spend another account's money.
        return None
    try:
        return reach(*link_to(settings, key))
    except WantsKey as problem:
        console.warn(f"{problem}. Another gateway is started")
    except GatewayProblem as problem:
        console.debug(str(problem))
    return None


def _launch(
    invocation: Invocation,
    client: Program,
    arguments: tuple[str, ...],
    gateway: RunningGateway,
    scratch: Path,
) -> Launch:
    model, small = _named(invocation)
    choice = choose(gateway.models, gateway.find, client.prefers, large=model, small=small)
    target = Target(gateway.url, gateway.key)
    return client.launch(Order(here(invocation.home), target, choice, arguments, scratch))


def _named(invocation: Invocation) -> tuple[str | None, str | None]:
    model, small = (invocation.parsed.values.get(name) for name in ("model", "small_model"))
    return (str(model) if model else None), (str(small) if small else None)


def _make_files(launch: Launch) -> None:
    for path, text in launch.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    for path, target in launch.links.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.symlink_to(target, target_is_directory=target.is_dir())
        except OSError:
            # Windows without the right to make links: the files will do, folders would be too much.
            if target.is_file():
                shutil.copyfile(target, path)


def _environment(launch: Launch, url: str) -> dict[str, str]:
    environment = dict(os.environ)
    for name, value in launch.environment.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    host = url.partition("://")[2].partition(":")[0]
    if checks.has_proxy(environment) and not checks.bypasses(environment, host):
        spared = checks.no_proxy(environment, host)
        environment |= {"NO_PROXY": spared, "no_proxy": spared}
    return environment


def _dry_run(
    invocation: Invocation,
    client: Program,
    arguments: tuple[str, ...],
    settings: Settings,
    gateway: RunningGateway | None,
) -> int:
    scratch = Path(tempfile.gettempdir()) / "copilot-api-run-…"
    if gateway is not None:
        shown, launch = gateway.key, _launch(invocation, client, arguments, gateway, scratch)
        lines = [f"# The gateway at {gateway.url} would be used."]
    else:
        shown = Secret("KEY-OF-THIS-RUN")
        target = Target("http://localhost:PORT", shown)
        order = Order(here(invocation.home), target, _families(invocation, client), arguments, scratch)
        launch = client.launch(order)
        lines = [
            "# A gateway would be started on a free port; and families would become models:",
            f"# {shlex.join(['copilot-api', 'start', *words(_start_options(invocation), settings)])}",
        ]
    lines += _lines(launch)
    text = "\n".join(lines)
    if gateway is not None and shown is not None:
        text = text.replace(shown.reveal(), MASK)
    invocation.console.plain(text)
    return 0


def _start_options(invocation: Invocation) -> dict[str, Any]:
    given = {name: value for name, value in invocation.parsed.values.items() if name not in _OWN}
    return {"port": "0", **given}


def _families(invocation: Invocation, client: Program) -> Choice:
    """Return names in place of models, where no list is at hand."""
    model, small = _named(invocation)
    main = Model(model or client.prefers[0])
    side = Model(small or ("haiku" if client.prefers[0] == "sonnet" else main.id))
    return Choice(main, side, (main, side), {})


def _lines(launch: Launch) -> Iterator[str]:
    for path in launch.files:
        yield f"# {path} would be written, and removed afterwards"
    for path, target in launch.links.items():
        yield f"# {path} would lead to {target}"
    for name, value in launch.environment.items():
        if value is not None:
            yield f"export {name}={shlex.quote(value)}"
        elif name in os.environ:
            yield f"unset {name}"
    yield shlex.join(launch.command)
