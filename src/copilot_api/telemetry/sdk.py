"""The OpenTelemetry SDK, fed with requests that are over. The variables ``OTEL_…`` say where it sends."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from copilot_api.gateway.errors import StartupError
from copilot_api.records import record
from copilot_api.telemetry import attributes
from copilot_api.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from copilot_api.engine.client_interfaces import RelaySummary
    from copilot_api.gateway.failures import Trace
    from copilot_api.ledger.entry import Entry

logger = logging.getLogger("copilot_api.telemetry")

MOST_WAITING = 10_000
"""Requests that wait to be told; more are left out, and their number is logged."""
LAST_WORDS = 5.0
"""Seconds that the last spans get when the gateway stops."""
SCOPE = "copilot_api"
SCHEMA = "https://opentelemetry.io/schemas/1.40.0"

TOKEN_BOUNDS = tuple(float(4**power) for power in range(14))
SECOND_BOUNDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Both as the conventions advise."""


@record
class _Over:
    """A request that is over. Times are nanoseconds of the wall clock."""

    entry: Entry
    trace: Trace
    summary: RelaySummary | None
    began: int
    ended: int
    asked: int
    heard: int


class Telemetry:
    """Takes requests that are over; made once, in `app`. `close` is called with the seconds it may take."""

    def __init__(self, tracers: TracerProvider, meters: MeterProvider) -> None:
        self._providers: tuple[Any, ...] = (tracers, meters)
        self._tracer = tracers.get_tracer(SCOPE, VERSION, SCHEMA)
        meter = meters.get_meter(SCOPE, VERSION, SCHEMA)
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            unit="{token}",
            description="Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_BOUNDS,
        )
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            unit="s",
            description="GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECOND_BOUNDS,
        )
        self._first = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="Time to receive the first chunk in a streaming operation.",
            explicit_bucket_boundaries_advisory=SECOND_BOUNDS,
        )
        self._waiting: SimpleQueue[_Over | None] = SimpleQueue()
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def watch(self, entry: Entry, trace: Trace, summary: RelaySummary | None) -> None:
        """Take a request that is over; called on the event loop."""
        if self._waiting.qsize() >= MOST_WAITING:
            self._left_out += 1
            return
        wall, steady = time.time_ns(), time.monotonic()

        def at(moment: float) -> int:
            return wall - int((steady - moment) * 1e9)

        began = int(entry.at * 1e9)
        ended = began + int(entry.duration_ms * 1e6)
        over = _Over(entry, trace, summary, began, ended, at(trace.asked), at(trace.heard))
        self._waiting.put(over)

    async def aclose(self) -> None:
        """Send what is left, for `LAST_WORDS` seconds at most."""
        self._waiting.put(None)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def end() -> None:
            self._thread.join(LAST_WORDS)
            for provider in self._providers:
                provider.shutdown()
            loop.call_soon_threadsafe(ended.set)

        # Not of the loop's executor, which the end of the program would wait for.
        threading.Thread(target=end, name="telemetry-end", daemon=True).start()
        try:
            async with asyncio.timeout(LAST_WORDS):
                await ended.wait()
        except TimeoutError:
            logger.warning("The last spans and metrics were not taken in %g s", LAST_WORDS)

    def _run(self) -> None:
        while (over := self._waiting.get()) is not None:
            try:
                self._tell(over)
            except Exception as error:
                logger.warning("a request cannot be told to OpenTelemetry: %s", type(error).__name__)
            if self._left_out and self._waiting.empty():
                left, self._left_out = self._left_out, 0
                logger.warning("%d requests were not told to OpenTelemetry: there were too many", left)

    def _tell(self, over: _Over) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        entry, trace = over.entry, over.trace
        server = self._tracer.start_span(
            f"{trace.method} {attributes.operation_of(entry)}",
            _asked_by(trace),
            SpanKind.SERVER,
            attributes.of_server(entry, trace),
            start_time=over.began,
        )
        failed = attributes.error_of(entry)
        inside = set_span_in_context(server)
        if trace.asked:
            told = attributes.of_client(entry, trace, over.summary)
            asked = max(over.asked, over.began)
            heard = over.heard if trace.heard and not entry.streamed else over.ended
            client = self._tracer.start_span(
                f"{told['gen_ai.operation.name']} {told.get('gen_ai.request.model', '')}".rstrip(),
                inside,
                SpanKind.CLIENT,
                told,
                start_time=asked,
            )
            if failed:
                client.set_status(Status(StatusCode.ERROR, failed))
            client.end(max(heard, asked))
            self._measure(over, (max(heard, asked) - asked) / 1e9, inside)
        if failed and entry.status >= 500:
            server.set_status(Status(StatusCode.ERROR, failed))
        server.end(max(over.ended, over.began))

    def _measure(self, over: _Over, seconds: float, context: Context) -> None:
        entry = over.entry
        told = attributes.of_metrics(entry, over.trace)
        self._duration.record(seconds, told, context)
        told.pop("error.type", None)
        if entry.input_tokens is not None:
            self._tokens.record(entry.input_tokens, told | {"gen_ai.token.type": "input"}, context)
            self._tokens.record(entry.output_tokens or 0, told | {"gen_ai.token.type": "output"}, context)
        first = None if over.summary is None else over.summary.first_byte_ms
        if first is not None:
            before = (over.heard - over.asked) / 1e9
            self._first.record(max(before, first / 1000), told, context)


def _asked_by(trace: Trace) -> Context:
    """Return the span that the client says it asks from, by W3C's ``traceparent``."""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {
        name.decode(): trace.headers[name].decode("latin-1")
        for name in (b"traceparent", b"tracestate")
        if name in trace.headers
    }
    return TraceContextTextMapPropagator().extract(carrier)


def open_telemetry() -> Telemetry:
    """Return what the variables ``OTEL_…`` ask for. Raises :class:`StartupError` without the packages."""
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        raise StartupError(
            f"--otel needs packages that are not there ({missing.name}):"
            " pip install 'copilot-api-gateway[otel]'"
        ) from None
    # What is given here yields to OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
    resource = Resource({"service.name": "copilot-api", "service.version": VERSION}).merge(
        Resource.create({}) if _is_named() else Resource.create({"service.name": "copilot-api"})
    )
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    return Telemetry(tracers, MeterProvider((reader,), resource, shutdown_on_exit=False))


def _is_named() -> bool:
    import os

    given = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name=" in given
