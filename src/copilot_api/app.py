"""Wiring: settings in, a running gateway out. Readable top to bottom; nothing here decides anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from copilot_api.engine import flags
from copilot_api.engine.client_interfaces import ClientOptions
from copilot_api.engine.components import ComponentState, Engine
from copilot_api.engine.interfaces import (
    ConnectFailed,
    EngineError,
    Limiter,
    TokenGrant,
    TokenManager,
    TokenUnavailable,
)
from copilot_api.engine.standing_interfaces import Standing as Table
from copilot_api.gateway.accounting import Observer, Watcher
from copilot_api.gateway.admit import Admission, Approver
from copilot_api.gateway.caching import Caching
from copilot_api.gateway.catalog import RETRY_AFTER, TIME_TO_LIVE, Model, ModelCatalog
from copilot_api.gateway.errors import GatewayError, StartupError
from copilot_api.gateway.failures import Failures
from copilot_api.gateway.metrics import Metrics
from copilot_api.gateway.pipeline import Pipeline
from copilot_api.gateway.send import Sender
from copilot_api.gateway.standing import ROUTES
from copilot_api.gateway.standing import Standing as Decisions
from copilot_api.github.account import fetch_usage
from copilot_api.github.token_exchange import exchange_token
from copilot_api.http.application import Application, RequestLog
from copilot_api.http.guard import Access
from copilot_api.http.guard_feed import GuardFeed
from copilot_api.http.peers import Owners
from copilot_api.http.routes import account, gemini, generation, health, ollama, openapi
from copilot_api.http.routes import models as model_routes
from copilot_api.keys.ring import GivenKey, KeyRing
from copilot_api.records import record
from copilot_api.redaction import Secret
from copilot_api.settings import ServerName, Settings, option_fields
from copilot_api.spending import open_accounting

if TYPE_CHECKING:
    from copilot_api.gateway.hooks import Hooks, OnPlan
    from copilot_api.ledger.budgets import Standing as BudgetStanding
    from copilot_api.shared.wiring import Shared

logger = logging.getLogger("copilot_api.app")

MOST_CONNECTIONS = 512
"""Connections to GitHub and Copilot at the most, unless more requests may be in flight."""

MODEL_LIST_LIMIT = 16 * 1024 * 1024
"""Bytes of ``GET /models``; a real one has about 60 kB."""

TokenSeen = Callable[[TokenGrant, bool], None]
"""Called with each Copilot token; the flag says that it replaces an earlier one (``--show-token``)."""


@record
class OpenGateway:
    """A gateway that is signed in and knows its models."""

    app: Application
    inside: Callable[[], Application]
    """Makes the app for callers of this very process: they need no key, and no connection of theirs."""
    models: tuple[Model, ...]
    components: tuple[ComponentState, ...]
    server: ServerName
    cancel_streams: Callable[[], None]
    keys: KeyRing
    """The client keys; `reload` reads those of the store again."""
    adopt: Callable[[Settings], None]
    """Use other settings from the next request on; of those in `settings.RELOADABLE` only (R-54)."""
    guard: GuardFeed
    """Whom a server lets in that can judge it."""
    stop: Callable[[], None]
    """The server stops: pages that only watch are let go."""
    standing: Table | None
    """What our own server carries requests by."""


@asynccontextmanager
async def open_gateway(
    settings: Settings,
    github_token: Secret,
    *,
    approver: Approver | None = None,
    request_log: RequestLog | None = None,
    on_token: TokenSeen | None = None,
    keys: KeyRing | None = None,
    directory: Path | None = None,
    origins: Mapping[str, str] | None = None,
    observers: tuple[Observer, ...] = (),
    hooks: tuple[Hooks, ...] = (),
) -> AsyncIterator[OpenGateway]:
    """Fetch the Copilot token and the model list, and give the ASGI app until the block is left.

    Without `keys` those of the options and the key file are all there are; without a data `directory` no
    ledger is written. `origins` says where settings come from, for the dashboard. Each request that is over
    is told to `observers`. `hooks` are asked and told beside those of ``--hook``.

    Raises :class:`StartupError` with one plain line.
    """
    keys = keys or KeyRing(client_keys(settings))
    owners = _owners()
    access = Access.of(settings, keys, owners)
    if access.is_personal and access.owners is None and not settings.unix_socket:
        logger.warning(
            "This system does not tell whose a connection is: other users of this machine can use the"
            " gateway. Give it a key with `copilot-api keys add NAME`"
        )
    engine = flags.build_engine(settings)
    async with AsyncExitStack() as stack:
        if owners is not None:
            stack.callback(owners.close)
        client = engine.make_client(
            ClientOptions(
                proxy_from_env=settings.proxy_env,
                # `max_concurrency` is the limit that users know; some calls are the gateway's own.
                max_connections=max(MOST_CONNECTIONS, settings.max_concurrency + 16),
            )
        )
        stack.push_async_callback(client.aclose)

        seen = 0
        standing: Decisions | None = None

        metrics = Metrics()

        async def fetch_token() -> TokenGrant:
            nonlocal seen
            try:
                grant = await exchange_token(client, settings, github_token)
            except BaseException:
                metrics.failed_exchanges += 1
                raise
            metrics.exchanges += 1
            metrics.token_expires = grant.expires_at
            if standing is not None:
                # Nothing is sent with the one before from here on.
                standing.clear()
            if on_token is not None:
                on_token(grant, seen > 0)
            seen += 1
            return grant

        tokens = engine.make_token_manager(fetch_token)
        stack.push_async_callback(tokens.aclose)
        failures = Failures()
        recorder = None
        sending = client
        if settings.capture is not None:
            from copilot_api.capture.recorder import open_recorder

            recorder = open_recorder(settings, directory, lambda: (github_token, *settings.api_key))
            stack.callback(recorder.close)
            sending = recorder.watched(client)
        sender = Sender(sending, tokens, settings, failures)

        catalog = _catalog(engine, sender)
        stack.push_async_callback(catalog.aclose)
        await _sign_in(tokens, catalog)

        shared = _open_shared(settings, engine, stack)
        admission = Admission(_limiter(engine, settings, shared), approver if settings.manual else None)
        caching = _caching(engine, settings, shared)
        watchers: tuple[Watcher, ...] = (metrics.count,)
        if settings.otel:
            from copilot_api.telemetry.sdk import open_telemetry

            telemetry = open_telemetry()
            stack.push_async_callback(telemetry.aclose)
            watchers += (telemetry.watch,)
        if recorder is not None:
            watchers += (recorder.watch,)
        on_plan: tuple[OnPlan, ...] = ()
        if hooks or settings.hook:
            from copilot_api.gateway.hooks import collect

            on_plan, telling = collect(hooks, settings.hook)
            if telling is not None:
                stack.push_async_callback(telling.aclose)
                observers += (telling.tell,)
        make_budgets = None if shared is None else shared.make_budgets
        accounting = open_accounting(
            settings, directory, observers, watchers, make_budgets, engine.make_prefixes
        )
        if accounting.ledger is not None:
            stack.callback(accounting.ledger.close)
        if shared is not None:
            await shared.start(accounting, directory, stack)
        pipeline = Pipeline(
            settings,
            engine,
            catalog,
            sender,
            admission,
            caching,
            lambda: keys.several,
            accounting,
            limits=shared,
            on_plan=on_plan,
        )
        stack.callback(pipeline.close)
        current = settings

        def forbids(current: Settings) -> bool:
            """Tell whether each request has to be decided about by itself."""
            return bool(
                keys.on
                or current.rate_limit
                or current.manual
                or current.cache
                or current.memory_limit
                or accounting.budgets
                or recorder is not None
                or current.otel
                or current.shared
                or on_plan
            )

        standing = pipeline.standing = Decisions(
            settings,
            lambda listener: engine.make_standing(client, tokens, pipeline.places_taken, ROUTES, listener),
            sender,
            lambda: pipeline.planner.learned.due,
            catalog,
            pipeline.counting,
            accounting,
            failures,
            metrics,
            request_log,
            forbids,
        )
        stack.push_async_callback(standing.aclose)
        catalog.when_loaded = pipeline.planner.when_learnt = sender.when_moved = standing.clear
        keys.when_ended = pipeline.end_keys
        feed = GuardFeed(access.native())

        def keys_changed() -> None:
            standing.adopt(current)
            feed.give(access.native())

        keys.when_changed = keys_changed
        keys.watch()
        stack.callback(keys.close)

        ledger, budgets = accounting.ledger, accounting.budgets
        answers = caching.statistics if caching else None

        def written() -> tuple[int, int]:
            return (0, 0) if ledger is None else (ledger.written, ledger.lost)

        def standings() -> tuple[BudgetStanding, ...]:
            return () if budgets is None else budgets.standings()

        async def usage() -> bytes:
            return await fetch_usage(client, settings, github_token)

        routes = (
            *generation.routes(pipeline),
            *gemini.routes(pipeline),
            *ollama.routes(pipeline, catalog),
            *model_routes.routes(catalog, pipeline.planner, pipeline.allowed),
            *health.routes(
                health.Sources(
                    reports=engine.reports,
                    load=pipeline,
                    cache=answers,
                    failures=failures,
                    metrics=metrics,
                    written=written,
                    standings=standings,
                    store=None if shared is None else shared.link,
                    captures=recorder is not None,
                    standing=standing.counts if standing.table is not None else None,
                )
            ),
            *account.routes(usage, tokens, access, token_endpoint=settings.token_endpoint),
            *openapi.routes(),
        )
        stopping = asyncio.Event()
        if settings.dashboard:
            from copilot_api.http.routes import dashboard

            routes += dashboard.routes(
                dashboard.Sources(
                    ledger=None if ledger is None else ledger.path,
                    written=written,
                    standings=standings,
                    usage=usage,
                    catalog=catalog,
                    reports=engine.reports,
                    watched=pipeline,
                    failures=failures,
                    answers=answers,
                    settings=_differing(settings, origins or {}),
                    stopping=stopping,
                )
            )
        if recorder is None:
            app = Application(routes, access, settings, request_log, failures, accounting, metrics)
        else:
            from copilot_api.capture.recorder import CapturingApplication

            app = CapturingApplication(routes, access, settings, request_log, failures, accounting, metrics)
            app.recorder = recorder

        def adopt(changed: Settings) -> None:
            nonlocal current
            given = client_keys(changed)  # the last thing that can fail
            keys.adopt(given)
            keys.reload()
            access.adopt(Access.of(changed, keys, owners))
            feed.give(access.native())
            if _pace(changed) != _pace(current):
                admission.adopt(_limiter(engine, changed, shared))
            sender.adopt(changed)
            pipeline.adopt(changed)
            app.adopt(changed)
            standing.adopt(changed)
            current = changed

        yield OpenGateway(
            app=app,
            inside=lambda: Application(
                routes, Access.of(settings, KeyRing(())), settings, request_log, failures, accounting
            ),
            models=catalog.models,
            components=engine.states(),
            server=engine.server,
            cancel_streams=pipeline.cancel_streams,
            keys=keys,
            adopt=adopt,
            guard=feed,
            stop=stopping.set,
            standing=standing.table,
        )


async def load_models(settings: Settings, github_token: Secret) -> ModelCatalog:
    """Return the account's models, for programs that only tell of them. Raises :class:`StartupError`."""
    engine = flags.build_engine(settings)
    client = engine.make_client(ClientOptions(proxy_from_env=settings.proxy_env))
    tokens = engine.make_token_manager(lambda: exchange_token(client, settings, github_token))
    try:
        catalog = _catalog(engine, Sender(client, tokens, settings))
        await _sign_in(tokens, catalog)
    finally:
        await tokens.aclose()
        await client.aclose()
    return catalog


def _pace(settings: Settings) -> tuple[float | None, bool, int]:
    return settings.rate_limit, settings.wait, settings.rate_burst


def _limiter(engine: Engine, settings: Settings, shared: Shared | None) -> Limiter | None:
    interval, wait, burst = _pace(settings)
    if not interval:
        return None
    own = engine.make_limiter(interval, wait, burst)
    return own if shared is None else shared.for_all(interval, burst, own, wait=wait)


def _caching(engine: Engine, settings: Settings, shared: Shared | None) -> Caching | None:
    if not settings.cache:
        return None
    answers = None if shared is None else shared.answers(settings.cache_ttl)
    return Caching(engine.make_cache, settings, answers)


def _open_shared(settings: Settings, engine: Engine, stack: AsyncExitStack) -> Shared | None:
    if settings.shared is None:
        return None
    from copilot_api.shared.wiring import Shared

    shared = Shared(settings.shared, engine)
    stack.callback(shared.close)
    return shared


def _catalog(engine: Engine, sender: Sender) -> ModelCatalog:
    async def fetch_models() -> bytes:
        upstream = await sender.send("GET", "/models")
        return await upstream.read(MODEL_LIST_LIMIT)

    return ModelCatalog(fetch_models, engine.make_freshness(TIME_TO_LIVE, RETRY_AFTER))


def _differing(settings: Settings, origins: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    """Return the options that are not as they come: name, value (secrets are masked) and origin."""
    found = []
    for option in option_fields():
        value = getattr(settings, option.name)
        if value != option.default:
            shown = ", ".join(str(each) for each in value) if isinstance(value, tuple) else str(value)
            found.append((option.name.replace("_", "-"), shown, origins.get(option.name, "")))
    return tuple(found)


def _owners() -> Owners | None:
    try:
        return Owners()
    except OSError:
        return None


def client_keys(settings: Settings) -> tuple[GivenKey, ...]:
    """Return the keys of the settings and of the key file. Raises :class:`StartupError`."""
    keys = [GivenKey("option", key) for key in settings.api_key]
    if settings.api_key_file is not None:
        try:
            lines = Path(settings.api_key_file).expanduser().read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise StartupError(f"the key file {settings.api_key_file} cannot be read: {error}") from None
        listed = [Secret(line.strip()) for line in lines if line.strip() and not line.startswith("#")]
        keys += [GivenKey("file", key) for key in listed]
        if not listed:
            raise StartupError(f"the key file {settings.api_key_file} holds no key")
    return tuple(keys)


async def _sign_in(tokens: TokenManager, catalog: ModelCatalog) -> None:
    """Wait for a token as long as it takes, unless it is refused or GitHub cannot be reached (R-47)."""
    while True:
        try:
            await tokens.get()
            break
        except TokenUnavailable as error:
            if error.permanent or isinstance(error.__cause__, ConnectFailed):
                raise StartupError(f"Failed to get Copilot token: {error}") from error
            if error.__cause__ is None:
                # GitHub is only slow; the exchange goes on and the next attempt joins it.
                logger.info("Waiting for GitHub to answer the token request")
                continue
            logger.warning("%s; trying again in %.0f s", error, error.retry_after)
            await asyncio.sleep(error.retry_after)
    logger.debug("GitHub Copilot Token fetched successfully!")
    try:
        await catalog.load()
    except (EngineError, GatewayError) as error:
        raise StartupError(f"Failed to get models: {error}") from error
