"""Apps that differ in what they do with the lifespan scope."""

from __future__ import annotations

import asyncio

from tests.server.apps import Receive, Scope, Send, answer, show, tell


class LifespanApp:
    """Puts things into the state at startup; `fails` names the moment that goes wrong."""

    def __init__(self, fails: str = "") -> None:
        self._fails = fails

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["path"] == "/hold":
            tell("", "request began")
            await asyncio.Event().wait()
        elif scope["path"] == "/write":
            scope["state"]["written"] = True
            scope["state"]["shared"].append("one more")
            await answer(send, {})
        else:
            await answer(send, show(dict(scope)))

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        tell("", "lifespan", scope=show(dict(scope)))
        if self._fails == "scope":
            raise RuntimeError("no lifespan here")
        message = await receive()
        tell("", "got", type=message["type"])
        if self._fails == "startup":
            await send({"type": "lifespan.startup.failed", "message": "the flux is empty"})
            return
        if self._fails == "startup raises":
            raise RuntimeError("startup broke")
        scope["state"] |= {"number": 7, "shared": ["from startup"]}
        await send({"type": "lifespan.startup.complete"})
        tell("", "startup complete was sent")
        message = await receive()
        tell("", "got", type=message["type"])
        if self._fails == "shutdown":
            await send({"type": "lifespan.shutdown.failed", "message": "the flux is stuck"})
            return
        if self._fails == "shutdown raises":
            raise RuntimeError("shutdown broke")
        await send({"type": "lifespan.shutdown.complete"})


good = LifespanApp()
unsupported = LifespanApp("scope")
startup_fails = LifespanApp("startup")
startup_raises = LifespanApp("startup raises")
shutdown_fails = LifespanApp("shutdown")
shutdown_raises = LifespanApp("shutdown raises")
