"""``uvicorn copilot_api.asgi:app``: the gateway under any ASGI server.

Options come from the environment and the config file, the GitHub token from ``COPILOT_API_GITHUB_TOKEN`` or
the token file; nothing is asked. The gateway is opened at lifespan startup.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path

from copilot_api.app import OpenGateway, client_keys, open_gateway
from copilot_api.configuration import ConfigurationError, load
from copilot_api.gateway.errors import StartupError
from copilot_api.github.credentials import CredentialProblem, data_directory
from copilot_api.github.sources import find_token, store_of
from copilot_api.http.asgi import Receive, Scope, Send
from copilot_api.keys.ring import KeyRing
from copilot_api.keys.store import KeyFileProblem, KeyStore


class LifespanApp:
    """Opens a gateway when the server starts and closes it when the server stops."""

    def __init__(self) -> None:
        self._gateway: OpenGateway | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._gateway is None:
            raise RuntimeError("this app needs an ASGI server with lifespan support")
        else:
            await self._gateway.app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                self._gateway = await self._open(stack)
            except (ConfigurationError, StartupError, CredentialProblem, KeyFileProblem) as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self._gateway = None
        await send({"type": "lifespan.shutdown.complete"})

    async def _open(self, stack: AsyncExitStack) -> OpenGateway:
        directory = data_directory(Path.home())
        configuration = load({}, os.environ, directory)
        settings = configuration.settings
        keys = KeyRing(client_keys(settings), KeyStore(directory))
        store = store_of(settings, directory)
        token = find_token(settings, configuration.origins, store, os.environ)
        if token is None:
            raise StartupError("there is no GitHub token; run `copilot-api auth` first")
        return await stack.enter_async_context(open_gateway(settings, token, keys=keys, directory=directory))


app = LifespanApp()
