"""The reference upstream client: HTTP/1.1 over httpx2's transport, one pool per proxy.

The transport is used without httpx2's client on top: no cookie jar, no default headers, no redirects, so
that what goes out is exactly the call (R-10, R-11).
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from copilot_api.engine.client_interfaces import ClientOptions, Relay, UpstreamCall
from copilot_api.engine.interfaces import (
    AnswerTooLarge,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    FirstByteTimeout,
    IdleTimeout,
    StreamPlan,
    StreamTranslator,
    UpstreamError,
)
from copilot_api.engine.reference import proxies
from copilot_api.engine.reference.decoding import Decoder, Undecodable
from copilot_api.engine.reference.relay import ReferenceRelay
from copilot_api.engine.reference.translation import ReferenceTranslation

if TYPE_CHECKING:
    import httpx2

logger = logging.getLogger("copilot_api.client")

IDLE_POOL_SECONDS = 20.0
"""Idle connections are dropped before upstream's own limit near 60 s (D-H12, R-39)."""


_QUOTED = re.compile(r"[:,]?\s*\(?\b(?:bytearray|b(?=['\"]))|:|['\"]")
"""Where a protocol error begins to quote."""


class ReferenceClient:
    """Sends calls; see :class:`copilot_api.engine.client_interfaces.Client`.

    `translate` makes the translators of the relays.
    """

    def __init__(
        self,
        options: ClientOptions | None = None,
        environ: Mapping[str, str] = os.environ,
        translate: Callable[[StreamPlan], StreamTranslator] | None = None,
    ) -> None:
        self._translate = translate or ReferenceTranslation().stream
        self._options = options or ClientOptions()
        self._environ = environ
        self._transports: dict[str | None, httpx2.AsyncHTTPTransport] = {}

    async def request(self, call: UpstreamCall) -> ReferenceUpstream:
        """Send one call and wait for the response's header section."""
        import httpx2

        progress = _Progress(call.timeouts.connect, call.timeouts.first_byte)
        request = httpx2.Request(
            call.method,
            call.url,
            headers=[*call.headers, *call.own, ("accept-encoding", "identity")],
            content=None if call.body is None else bytes(call.body),
            extensions={
                "timeout": {
                    "connect": call.timeouts.connect,
                    "pool": call.timeouts.connect,
                    "write": call.timeouts.idle,
                    "read": None,
                },
                "trace": progress.trace,
            },
        )
        try:
            async with asyncio.timeout(progress.patience) as progress.limit:
                response = await self._transport(call.url).handle_async_request(request)
        except TimeoutError:
            raise FirstByteTimeout(
                f"{request.url.host} sent no answer within {call.timeouts.first_byte:g} s"
            ) from None
        except (httpx2.ConnectTimeout, httpx2.PoolTimeout):
            raise ConnectTimeout(
                f"no connection to {request.url.host} within {call.timeouts.connect:g} s"
            ) from None
        except httpx2.TransportError as error:
            raise progress.classify(error, request.url.host) from None
        progress.response = response
        return ReferenceUpstream(response, call.timeouts.idle, self._translate)

    async def aclose(self) -> None:
        """Close all pools."""
        transports, self._transports = self._transports, {}
        for transport in transports.values():
            await transport.aclose()

    def _transport(self, url: str) -> httpx2.AsyncHTTPTransport:
        proxy = proxies.choose(url, self._environ) if self._options.proxy_from_env else None
        transport = self._transports.get(proxy)
        if transport is None:
            transport = self._transports[proxy] = self._open(proxy)
        return transport

    def _open(self, proxy: str | None) -> httpx2.AsyncHTTPTransport:
        import httpx2

        if proxy is not None:
            logger.debug("HTTP proxy route: via %s", proxies.without_credentials(proxy))
        limits = httpx2.Limits(
            max_connections=self._options.max_connections,
            max_keepalive_connections=self._options.max_connections,
            keepalive_expiry=IDLE_POOL_SECONDS,
        )
        try:
            return httpx2.AsyncHTTPTransport(limits=limits, proxy=proxy, trust_env=True)
        except (ValueError, ImportError) as error:
            raise ConnectFailed(f"the proxy setting cannot be used: {error}") from None


class _Progress:
    """How far one request got, so that a failure can be judged (R-38)."""

    def __init__(self, connect: float, first_byte: float) -> None:
        self.reused = True
        self.writing = False
        self.patience = connect + first_byte
        self.limit: asyncio.Timeout | None = None
        self.response: httpx2.Response | None = None
        self._first_byte = first_byte

    async def trace(self, event: str, _info: Mapping[str, Any]) -> None:
        if event.startswith(("connection.connect_", "proxy.")):
            self.reused = False
        elif event.endswith("send_request_headers.started"):
            self.writing = True
        elif event.endswith("send_request_body.complete") and self.limit is not None:
            # The request is written: from here on it is the answer that is waited for.
            self.limit.reschedule(asyncio.get_running_loop().time() + self._first_byte)
        elif event.endswith("receive_response_body.complete"):
            self._refuse_more()

    def _refuse_more(self) -> None:
        """Have the connection closed if bytes came beyond the message: nobody asked for them (R-13).

        httpcore would read them as the answer to the next request.
        """
        stream: Any = getattr(self.response, "stream", None)
        for name in ("_httpcore_stream", "_stream", "_connection", "_h11_state"):
            stream = getattr(stream, name, None)
        if stream is not None and stream.trailing_data[0]:
            stream.send_failed()

    def classify(self, error: httpx2.TransportError, host: str) -> UpstreamError:
        reason = _reason(error)
        if not self.writing:
            return ConnectFailed(f"cannot reach {host}: {reason}")
        if self.reused and _is_silent(error):
            # The pool's connection was closed by the other side while idle: nothing was processed (D-H13).
            return ConnectFailed(f"{host} had closed the connection")
        return ConnectionLost(f"{host} closed the connection before it answered: {reason}")


def _is_silent(error: httpx2.TransportError) -> bool:
    """Tell whether the connection ended without a byte: an answer that is none was an answer."""
    import httpx2

    return not isinstance(error, httpx2.RemoteProtocolError) or "without sending" in str(error)


class ReferenceUpstream:
    """A response whose body is to be read; see :class:`copilot_api.engine.client_interfaces.Upstream`."""

    def __init__(
        self,
        response: httpx2.Response,
        idle_timeout: float,
        translate: Callable[[StreamPlan], StreamTranslator],
    ) -> None:
        self._translate = translate
        self._response = response
        self._idle_timeout = idle_timeout

    @property
    def status(self) -> int:
        """HTTP status."""
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names in lower case; repeated ones joined with a comma."""
        return self._response.headers

    async def read(self, limit: int) -> bytes:
        """Return the whole body."""
        parts: list[bytes] = []
        size = 0
        chunks = self._chunks()
        try:
            while True:
                try:
                    # Not wait_for: before 3.12 it loses a cancellation that comes together with a part.
                    async with asyncio.timeout(self._idle_timeout or None):
                        part = await anext(chunks, None)
                except TimeoutError:
                    raise IdleTimeout(f"upstream was silent for {self._idle_timeout:g} s") from None
                if part is None:
                    return b"".join(parts)
                size += len(part)
                if size > limit:
                    raise AnswerTooLarge(f"the answer is larger than {limit} bytes")
                parts.append(part)
        finally:
            await self.aclose()

    def relay(self, plan: StreamPlan) -> Relay:
        """Consume the body as a stream, translated as `plan` says."""
        return ReferenceRelay(self._chunks(), self.aclose, self._translate(plan), plan)

    async def aclose(self) -> None:
        """Close the response. Idempotent."""
        await self._response.aclose()

    async def _chunks(self) -> AsyncIterator[bytes]:
        import httpx2

        try:
            decoder = Decoder(self._response.headers.get("content-encoding", ""))
            async for chunk in self._response.aiter_raw():
                for piece in decoder.feed(chunk):
                    yield piece
            decoder.finish()
        except (httpx2.TransportError, Undecodable) as error:
            raise ConnectionLost(f"the answer broke off: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """Return an error's text; of a breach of HTTP without the bytes it quotes."""
    import httpx2

    text = str(error) or type(error).__name__
    return _QUOTED.split(text)[0] if isinstance(error, httpx2.ProtocolError) else text
