"""Sending a plan upstream: token, headers, and what to do about a failure. Written once, for both engines."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Literal

from copilot_api.copilot import hosts
from copilot_api.copilot.errors import UpstreamFault, passed_headers, read_fault
from copilot_api.copilot.headers import Headers, copilot_headers, request_id
from copilot_api.copilot.resets import resets_at
from copilot_api.engine.client_interfaces import Client, Timeouts, Upstream, UpstreamCall
from copilot_api.engine.interfaces import (
    ConnectFailed,
    Initiator,
    Leg,
    RequestBody,
    TokenGrant,
    TokenManager,
    TokenUnavailable,
    UpstreamError,
)
from copilot_api.gateway.errors import CredentialTrouble, UpstreamFailed, UpstreamRefused
from copilot_api.gateway.failures import Failures, Trace, current, of_error
from copilot_api.gateway.refusals import explain, hint_for
from copilot_api.redaction import without
from copilot_api.settings import Settings

logger = logging.getLogger("copilot_api.upstream")

SEAT_CHECK_INTERVAL = 600.0
"""Seconds between two renewals because of a 403: exchanges are limited, and mostly the plan is the cause."""
FAULT_LIMIT = 1024 * 1024
"""Bytes of an error body that are read."""


class Account:
    """What all calls with one token have in common, made once a token."""

    def __init__(self, grant: TokenGrant, settings: Settings) -> None:
        self.grant = grant
        self.url = hosts.base_url(settings, grant.api_url)
        self._settings = settings
        self._editor_version = settings.editor_version
        self._headers: dict[tuple[Initiator | None, bool, Leg], Headers] = {}

    def move(self) -> bool:
        """Go to the host that GitHub named for the account; tell whether that is another one."""
        named = (self.grant.api_url or "").rstrip("/")
        if self._settings.copilot_url or not named or named == self.url:
            return False
        if not hosts.is_allowed(named, self._settings):
            return False
        self.url = named
        return True

    def headers(self, initiator: Initiator | None, vision: bool, leg: Leg) -> Headers:
        """Return the headers of one kind of call."""
        made = self._headers.get((initiator, vision, leg))
        if made is None:
            made = self._headers[initiator, vision, leg] = copilot_headers(
                self.grant.token,
                editor_version=self._editor_version,
                initiator=initiator,
                vision=vision,
                leg=leg,
            )
        return made


class Carried:
    """A call that our own server made already, by a decision that stood."""

    __slots__ = ("account", "reply")

    def __init__(self, account: Account, reply: Callable[[], Upstream]) -> None:
        self.account = account
        """What it was sent with."""
        self.reply = reply
        """Returns its answer, or raises what a client raises."""


class Sender:
    """Calls Copilot with the account's token.

    A call is repeated once after a 401 (with a new token, R-43), once after a 403 that a new token may cure,
    once after a 421 (on the account's own host), and once after a connection that failed before the request
    was written (R-38). Nothing else is repeated: it may have been billed.
    """

    def __init__(
        self, client: Client, tokens: TokenManager, settings: Settings, failures: Failures | None = None
    ) -> None:
        self._failures = failures or Failures()
        self._client = client
        self._tokens = tokens
        self._settings = settings
        self.account: Account | None = None
        """What the last call was sent with."""
        self.when_moved: Callable[[], None] | None = None
        """Called when the account goes to another host."""
        self._forbidden_at = -math.inf
        """When a token was last renewed because of a 403."""
        self.adopt(settings)

    def adopt(self, settings: Settings) -> None:
        """Use the times of these settings from the next call on (R-54)."""
        silences = (
            settings.keepalive_interval,
            settings.stream_idle_timeout,
            settings.stream_content_timeout,
        )
        self.patience = min((limit for limit in silences if limit), default=0.0)
        self.timeouts = Timeouts(
            connect=settings.connect_timeout,
            first_byte=settings.first_byte_timeout,
            idle=settings.stream_idle_timeout,
        )

    async def send(
        self,
        method: str,
        path: str,
        body: RequestBody | None = None,
        *,
        initiator: Initiator | None = None,
        vision: bool = False,
        stream: bool = False,
        leg: Leg = "chat",
        own: Headers = (),
        carried: Carried | None = None,
    ) -> Upstream:
        """Return the answer when its status is 2xx. `own` are headers of this call alone.

        With `carried` the first call was made already.

        Raises :class:`UpstreamRefused` for other statuses, :class:`UpstreamFailed` when no answer came,
        :class:`CredentialTrouble` when there is no token.
        """
        renewed = moved = False
        trace = current()
        # Upstream knows a request by the id that its client gets, repeated calls by others.
        known_as = None if trace is None else trace.id
        while True:
            if carried is None:
                account = await self._current()
            else:
                account = carried.account
            grant = account.grant
            ahead: Literal["first", "whole"] = "first" if stream else "whole"
            call = UpstreamCall(
                method,
                account.url + path,
                account.headers(initiator, vision, leg),
                body,
                self.timeouts,
                ahead,
                self.patience,
                (("x-request-id", known_as or request_id()), *own),
            )
            known_as = None
            if trace is None:
                upstream = await self._request(call, trace, carried)
            else:
                asked = time.monotonic()
                if not trace.calls:
                    trace.asked, trace.upstream_url = asked, account.url
                upstream = await self._request(call, trace, carried)
                heard = trace.heard = time.monotonic()
                trace.elsewhere += heard - asked
            carried = None
            if 200 <= upstream.status < 300:
                return upstream
            fault = await self._fault(upstream, grant)
            if fault.token_expired and not renewed:
                logger.info("Copilot token refused, getting a new one")
                self._failures.note("token_refused", "Copilot answered 401 to its token")
                self._failures.retry("token", "a new token may do")
                self._tokens.reject(grant)
                renewed = True
                continue
            if fault.seat_changed and not renewed and self._may_renew_for_403():
                logger.info("Copilot forbids it; trying once with a new token, the seat may have changed")
                self._failures.retry("seat", "Copilot answered 403; the seat may have changed")
                self._tokens.reject(grant)
                renewed = True
                continue
            if fault.status == 421 and not moved and account.move():
                logger.info("This host does not serve the account, which has another: %s", account.url)
                self._failures.retry("host", "Copilot answered 421; the account has another host")
                if self.when_moved is not None:
                    self.when_moved()
                moved = True
                continue
            raise self._refusal(fault, upstream)

    def _may_renew_for_403(self) -> bool:
        now = time.monotonic()
        if now - self._forbidden_at < SEAT_CHECK_INTERVAL:
            return False
        self._forbidden_at = now
        return True

    async def _current(self) -> Account:
        try:
            grant = await self._tokens.get()
        except TokenUnavailable as error:
            raise _no_token(error) from error
        account = self.account
        if account is None or account.grant is not grant:
            account = self.account = Account(grant, self._settings)
        return account

    async def _request(self, call: UpstreamCall, trace: Trace | None, carried: Carried | None) -> Upstream:
        for attempt in (1, 2):
            self._failures.calls += 1
            try:
                if carried is not None and attempt == 1:
                    upstream = carried.reply()
                else:
                    upstream = await self._client.request(call)
            except ConnectFailed as error:
                if attempt == 2:
                    raise UpstreamFailed(
                        error.status, str(error), "connect_failed", code="upstream_unreachable"
                    ) from error
                self._failures.retry("connect", f"{call.url}: {error}")
            except UpstreamError as error:
                # It was written, and may have been billed.
                if trace is not None:
                    trace.calls += attempt
                raise UpstreamFailed(
                    error.status, str(error), of_error(error), code="upstream_failed"
                ) from error
            else:
                if trace is not None:
                    trace.calls += attempt
                return upstream
        raise AssertionError("unreachable")

    async def _fault(self, upstream: Upstream, grant: TokenGrant) -> UpstreamFault:
        try:
            body = await upstream.read(FAULT_LIMIT)
        except UpstreamError as error:
            body = str(error).encode()
        # By its value here; what has the shape of a token is masked where errors are rendered.
        return read_fault(upstream.status, without(body, grant.token))

    def _refusal(self, fault: UpstreamFault, upstream: Upstream) -> UpstreamRefused | UpstreamFailed:
        if 300 <= fault.status < 400 or fault.status < 200:
            # A redirect of an API is never followed: it could carry the token elsewhere.
            return UpstreamFailed(
                502,
                f"Copilot answered with a redirect ({fault.status})",
                "unusable_answer",
                code="upstream_redirect",
            )
        headers = passed_headers(upstream.headers)
        if fault.status == 402:
            # Some dialects have 429 for it, which SDKs would try again.
            headers += (("x-should-retry", "false"),)
        refusal = UpstreamRefused(
            fault.status,
            fault.message,
            compat_message=fault.compat_message,
            code=fault.code,
            param=fault.param,
            headers=headers,
        )
        refusal.hint = hint_for(fault)
        if fault.status in (402, 429):
            refusal.resets_at = resets_at(upstream.headers, time.time())
        return explain(refusal, fault)


def _no_token(error: TokenUnavailable) -> CredentialTrouble:
    if error.permanent:
        return CredentialTrouble(401, str(error), code="copilot_sign_in_required")
    seconds = max(1, round(error.retry_after))
    return CredentialTrouble(
        503,
        f"{error}; try again in {seconds} seconds",
        code="copilot_token_unavailable",
        headers=(("retry-after", str(seconds)),),
    )
