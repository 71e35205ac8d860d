"""The gateway inside another program: as an ASGI app to mount, or as an object to ask (docs/embedding.md).

Imported by ``from copilot_api import create_app, Gateway``. Nothing is asked at a terminal here: the GitHub
token comes from the options, the environment or the token file.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from copilot_api.app import OpenGateway, client_keys, open_gateway
from copilot_api.configuration import ConfigurationError, load
from copilot_api.engine.interfaces import EngineError
from copilot_api.gateway.catalog import Model
from copilot_api.gateway.errors import StartupError
from copilot_api.gateway.hooks import Hooks, OnPlan, OnSummary
from copilot_api.github.credentials import CredentialProblem, data_directory
from copilot_api.github.sources import find_token, store_of
from copilot_api.http.asgi import Receive, Scope, Send
from copilot_api.http.guard import is_loopback
from copilot_api.in_process import ask, events
from copilot_api.keys.ring import KeyRing
from copilot_api.keys.store import KeyFileProblem, KeyStore
from copilot_api.records import record, replace
from copilot_api.redaction import Secret
from copilot_api.server import bind
from copilot_api.serving import serve_gateway
from copilot_api.settings import Settings, option_fields

if TYPE_CHECKING:
    from copilot_api.simulator import SimulatorServer

PROBLEMS = (ConfigurationError, StartupError, CredentialProblem, KeyFileProblem, EngineError, OSError)
"""What opening a gateway raises; the text of each is one line for a person."""

SIMULATED_TOKEN = Secret("ghu_simulated000000000000000000000000")
_NOWHERE = Path(os.devnull)


@record
class Wanted:
    """What gateway the program asked for."""

    settings: Settings | None
    options: dict[str, Any]
    directory: Path | None
    hooks: tuple[Hooks, ...]
    simulator: SimulatorServer | None = None
    """One that runs already; it stays the caller's."""


@record
class Opened:
    """A gateway that is open, the settings that it runs by, and the simulator behind it if there is one."""

    gateway: OpenGateway
    settings: Settings
    simulator: SimulatorServer | None


def wanted(
    settings: Settings | None,
    options: dict[str, Any],
    directory: Path | str | None,
    on_plan: OnPlan | None,
    on_summary: OnSummary | None,
    simulator: SimulatorServer | None = None,
) -> Wanted:
    """Check what can be checked without opening anything. Raises TypeError."""
    if settings is not None and options:
        raise TypeError("give settings or single options, not both")
    unknown = set(options) - {option.name for option in option_fields()}
    if unknown:
        raise TypeError(f"there is no option {min(unknown)!r}; docs/options.md lists them")
    hooks = () if on_plan is None and on_summary is None else (Hooks(on_plan, on_summary),)
    return Wanted(settings, options, None if directory is None else Path(directory), hooks, simulator)


@asynccontextmanager
async def opened(wish: Wanted) -> AsyncIterator[Opened]:
    """Sign in, list the models, and hold the gateway open. Raises one of `PROBLEMS`."""
    async with AsyncExitStack() as stack:
        simulated = wish.simulator is not None or (
            wish.settings.simulate if wish.settings is not None else wish.options.get("simulate") is True
        )
        directory = wish.directory
        if directory is None and not simulated:
            directory = data_directory(Path.home())
        settings = wish.settings
        origins: Mapping[str, str] = {}
        if settings is None:
            # A simulated gateway is the same everywhere: nothing of this user or this machine is in it.
            environ = {} if simulated else os.environ
            found = load(_plain(wish.options), environ, directory or _NOWHERE)
            settings, origins = found.settings, found.origins
        keys = KeyRing(client_keys(settings), None if directory is None else KeyStore(directory))
        simulator = wish.simulator
        if simulated:
            if simulator is None:
                simulator = await _simulator(stack)
            url = simulator.url
            settings = replace(settings, github_url=url, github_api_url=url, copilot_url=url)
            token = settings.github_token or SIMULATED_TOKEN
        else:
            token = _token(settings, origins, directory or _NOWHERE)
        gateway = await stack.enter_async_context(
            open_gateway(settings, token, keys=keys, directory=directory, hooks=wish.hooks)
        )
        yield Opened(gateway, settings, simulator)


async def _simulator(stack: AsyncExitStack) -> SimulatorServer:
    from copilot_api.simulator import SimulatorServer

    # In a thread of its own, so that a test that waits for what it has seen stops nobody.
    simulator = SimulatorServer()
    await asyncio.to_thread(simulator.start)
    stack.push_async_callback(asyncio.to_thread, simulator.stop)
    return simulator


def _token(settings: Settings, origins: Mapping[str, str], directory: Path) -> Secret:
    token = find_token(settings, origins, store_of(settings, directory), os.environ)
    if token is None:
        raise StartupError("there is no GitHub token; run `copilot-api auth` first")
    return token


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options as the command line would have given them."""
    return {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in options.items()
        if value is not None
    }


class GatewayApp:
    """An ASGI app that signs in when its server starts and lets go when it stops.

    A framework tells a mounted app of neither: give it :meth:`lifespan` to call.
    """

    def __init__(self, wish: Wanted) -> None:
        self._wish = wish
        self._open: Opened | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if self._open is None:
            raise RuntimeError(
                "the gateway is not open: this app needs a server with lifespan support, and where it is"
                " mounted, the framework's app needs lifespan=app.lifespan"
            )
        await self._open.gateway.app(_unmounted(scope), receive, send)

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        """Hold the gateway open: ``Starlette(..., lifespan=app.lifespan)``. Raises one of `PROBLEMS`."""
        async with opened(self._wish) as found:
            self._open = found
            try:
                yield
            finally:
                self._open = None

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.lifespan())
            except PROBLEMS as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def _unmounted(scope: Scope) -> Scope:
    """Return the scope with the path as this app knows it: servers put what it is mounted at before it."""
    root, path = scope.get("root_path", ""), scope["path"]
    if root and path.startswith(root + "/"):
        return {**scope, "path": path[len(root) :]}
    return scope


def create_app(
    settings: Settings | None = None,
    *,
    directory: Path | str | None = None,
    on_plan: OnPlan | None = None,
    on_summary: OnSummary | None = None,
    **options: Any,
) -> GatewayApp:
    """Return the gateway as an ASGI app for any server or framework.

    `options` are those of docs/options.md by their names with underscores; they go before environment and
    config file. With `settings` neither of the three is read. `directory` is the data directory. With
    ``simulate=True`` the simulator answers, and no environment, no config file and no home is looked at.
    """
    return GatewayApp(wanted(settings, options, directory, on_plan, on_summary))


class Gateway:
    """A gateway to use inside a program: ``async with Gateway(simulate=True) as gateway``.

    Takes what :func:`create_app` takes. Without :meth:`serve` it listens nowhere.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        directory: Path | str | None = None,
        on_plan: OnPlan | None = None,
        on_summary: OnSummary | None = None,
        simulator: SimulatorServer | None = None,
        **options: Any,
    ) -> None:
        self._wish = wanted(settings, options, directory, on_plan, on_summary, simulator)
        self._stack = AsyncExitStack()
        self._open: Opened | None = None
        self._inside: Any = None
        self.url = ""
        """Where it is served, without a slash at the end; empty before :meth:`serve`."""

    async def __aenter__(self) -> Self:
        """Sign in and list the models. Raises one of `PROBLEMS`."""
        self._open = await self._stack.enter_async_context(opened(self._wish))
        self._inside = self._open.gateway.inside()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving, drain, and let go."""
        self.url, self._open, self._inside = "", None, None
        await self._stack.aclose()

    @property
    def models(self) -> tuple[Model, ...]:
        """The account's models as they were when it was opened."""
        return self._found.gateway.models

    @property
    def app(self) -> Any:
        """The ASGI app as servers get it: who asks is judged by address, Host and key."""
        return self._found.gateway.app

    @property
    def inside(self) -> Any:
        """The same for callers in this process, such as ``httpx.ASGITransport``: they need no key."""
        self._found  # noqa: B018 - raises when it is not open
        return self._inside

    @property
    def simulator(self) -> SimulatorServer:
        """What answers with ``simulate=True``. Raises RuntimeError without it."""
        if self._found.simulator is None:
            raise RuntimeError("this gateway asks GitHub: it was opened without simulate=True")
        return self._found.simulator

    async def serve(self, port: int = 0, host: str | None = None) -> str:
        """Listen, and return the URL once connections are taken. `port` 0 is any free one.

        Raises :class:`copilot_api.server.PortTaken`, and :class:`StartupError` for an address that others
        can reach as long as there is no key.
        """
        found = self._found
        if self.url:
            raise RuntimeError(f"the gateway is served already, at {self.url}")
        settings = replace(found.settings, host=host, port=port)
        if host is not None and not is_loopback(host):
            raise StartupError("a gateway inside a program listens on this machine only; mount create_app()")
        sockets = bind(host, port)
        stop, ready = asyncio.Event(), asyncio.Event()
        serving = asyncio.ensure_future(
            serve_gateway(found.gateway, settings, sockets, on_ready=ready.set, stop=stop)
        )

        async def end() -> None:
            stop.set()
            await serving
            for listener in sockets:
                listener.close()

        self._stack.push_async_callback(end)
        waiting = asyncio.ensure_future(ready.wait())
        await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if serving.done():
            await serving
        self.url = f"http://{host or '127.0.0.1'}:{sockets[0].getsockname()[1]}"
        return self.url

    async def post(self, path: str, body: object) -> Any:
        """Send JSON to one of the gateway's paths and return the JSON that comes back.

        Raises :class:`copilot_api.in_process.RequestFailed` for an error, with its status and body.
        """
        return await ask(self.inside, path, body)

    def stream(self, path: str, body: object) -> AsyncIterator[Any]:
        """Send JSON with ``"stream": true`` and yield each event's JSON as it comes; ``[DONE]`` ends it.

        To leave it early use ``contextlib.aclosing``. Raises as :meth:`post`.
        """
        return events(self.inside, path, body)

    @property
    def _found(self) -> Opened:
        if self._open is None:
            raise RuntimeError("the gateway is not open: use it in `async with Gateway(...) as gateway:`")
        return self._open
