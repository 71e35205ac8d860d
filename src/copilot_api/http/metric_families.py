"""Every metric of ``/metrics`` once: its name, what it means, and where its numbers come from.

Imported by the first scrape. Names follow Prometheus' rules: base units, ``_total`` for what only grows.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

from copilot_api.engine.cache_interfaces import CacheStatistics
from copilot_api.engine.components import ComponentReport
from copilot_api.gateway.failures import ORIGINS, Failures
from copilot_api.gateway.metrics import TOKEN_KINDS, Metrics
from copilot_api.http import process_metrics
from copilot_api.http.exposition import Family, Kind, Sample, labels, of_histogram
from copilot_api.version import VERSION

if TYPE_CHECKING:
    from copilot_api.http.routes.health import SharedStore, Sources
    from copilot_api.ledger.budgets import Standing

PREFIX = "copilot_api_"


def families(sources: Sources, tasks: int) -> Iterator[Family]:
    """Give all of them. `tasks` are those of the event loop."""
    reports = sources.reports()
    server = next((each.state.implementation for each in reports if each.state.name == "server"), "")
    build = labels(version=VERSION, python=platform.python_version(), server=server)
    yield Family(f"{PREFIX}build", "info", "What runs.", (Sample(1, build),))
    yield from _requests(sources.metrics)
    yield from _spending(sources.metrics)
    yield from _load(sources, tasks)
    yield from _failures(sources.failures)
    yield from _token(sources.metrics)
    yield from _ledger(*sources.written())
    yield from _budgets(sources.standings())
    if sources.cache is not None:
        yield from _cache(sources.cache())
    if sources.standing is not None:
        yield from _standing(*sources.standing())
    if sources.store is not None:
        yield from _store(sources.store)
    yield from _components(reports)
    yield from process_metrics.families()


def _one(name: str, kind: Kind, help_text: str, value: float) -> Family:
    return Family(PREFIX + name, kind, help_text, (Sample(value),))


def _requests(metrics: Metrics) -> Iterator[Family]:
    yield Family(
        f"{PREFIX}requests",
        "counter",
        "Requests for models that are over, by dialect, Copilot's endpoint, model and status.",
        tuple(
            Sample(count, labels(dialect=dialect, leg=leg, model=model, status=_status(status)))
            for (dialect, leg, model, status), count in _without_streaming(metrics)
        ),
    )
    yield Family(
        f"{PREFIX}http_responses",
        "counter",
        "HTTP responses of every kind by status; none: the client left before.",
        tuple(Sample(count, labels(status=_status(at))) for at, count in enumerate(metrics.responses)),
    )
    for name, help_text in (
        ("duration", "Seconds from the request to the answer's end."),
        ("first_byte", "Seconds from the request to the beginning of its answer."),
    ):
        samples: list[Sample] = []
        for (leg, model, streamed), times in metrics.times.items():
            found = times.duration if name == "duration" else times.first_byte
            given = labels(leg=leg, model=model, stream=str(streamed).lower())
            samples += of_histogram(found.bounds, found.counts, found.total, given)
        full = "request_duration_seconds" if name == "duration" else "time_to_first_byte_seconds"
        yield Family(PREFIX + full, "histogram", help_text, samples)
    samples = []
    for until, found in (("first_byte", metrics.until_first_byte), ("end", metrics.until_end)):
        samples += of_histogram(found.bounds, found.counts, found.total, labels(until=until))
    yield Family(
        f"{PREFIX}overhead_seconds",
        "histogram",
        "Seconds that the gateway added itself: without upstream's time and without waiting for a turn;"
        " until the answer's first byte, and of answers that are no streams until their end.",
        samples,
    )


def _without_streaming(metrics: Metrics) -> Iterator[tuple[tuple[str, str, str, int], int]]:
    sums: dict[tuple[str, str, str, int], int] = {}
    for (dialect, leg, model, _, status), kind in metrics.kinds.items():
        key = dialect, leg, model, status
        sums[key] = sums.get(key, 0) + kind.requests
    yield from sums.items()


def _spending(metrics: Metrics) -> Iterator[Family]:
    tokens: list[Sample] = []
    reasoning: list[Sample] = []
    billed: list[Sample] = []
    for model, spent in metrics.spent.items():
        tokens += (
            Sample(count, labels(model=model, kind=kind))
            for kind, count in zip(TOKEN_KINDS, spent.tokens, strict=True)
        )
        reasoning.append(Sample(spent.reasoning, labels(model=model)))
        billed.append(Sample(spent.nano_aiu, labels(model=model)))
    yield Family(
        f"{PREFIX}tokens", "counter", "Tokens by model and kind; each token is of one kind alone.", tokens
    )
    yield Family(
        f"{PREFIX}reasoning_tokens", "counter", "Tokens of the output that were reasoning.", reasoning
    )
    yield Family(
        f"{PREFIX}billed_nano_aiu",
        "counter",
        "Billed amount as Copilot said it; 1e9 nano-AIU are one AI credit, which is one cent.",
        billed,
    )


def _load(sources: Sources, tasks: int) -> Iterator[Family]:
    load = sources.load
    yield _one("requests_in_flight", "gauge", "Requests that hold a place now.", load.in_flight)
    yield _one("requests_waiting", "gauge", "Requests that wait for a place now.", load.waiting)
    yield _one("requests_paced", "gauge", "Requests that --rate-limit or --manual keeps waiting.", load.paced)
    yield _one("places", "gauge", "Requests that may be in flight.", load.places)
    yield _one("streams", "gauge", "Streams that run now.", load.streams)
    yield _one("tasks", "gauge", "Tasks of the event loop now.", tasks)


def _failures(failures: Failures) -> Iterator[Family]:
    by_class = [
        Sample(count, labels(**{"class": kind}, origin=ORIGINS[kind]))
        for kind, count in failures.counts.items()
    ]
    yield Family(
        f"{PREFIX}failures", "counter", "Requests that failed, by class and by whom to ask.", by_class
    )
    yield _one("upstream_calls", "counter", "Calls of Copilot, repeated ones too.", failures.calls)
    yield Family(
        f"{PREFIX}upstream_retries",
        "counter",
        "Calls of Copilot that were made again, by reason.",
        [Sample(count, labels(reason=reason)) for reason, count in failures.retries.items()],
    )


def _token(metrics: Metrics) -> Iterator[Family]:
    yield Family(
        f"{PREFIX}token_exchanges",
        "counter",
        "Exchanges of GitHub's token for Copilot's, by how they ended.",
        (
            Sample(metrics.exchanges, labels(result="ok")),
            Sample(metrics.failed_exchanges, labels(result="failed")),
        ),
    )
    expires = metrics.token_expires
    yield Family(
        f"{PREFIX}token_expiry_timestamp_seconds",
        "gauge",
        "When the Copilot token ends, in Unix seconds.",
        () if expires is None else (Sample(expires),),
    )


def _ledger(written: int, lost: int) -> Iterator[Family]:
    samples = (Sample(written, labels(result="written")), Sample(lost, labels(result="lost")))
    yield Family(
        f"{PREFIX}ledger_entries", "counter", "Entries of the ledger by what became of them.", samples
    )


def _budgets(standings: tuple[Standing, ...]) -> Iterator[Family]:
    samples = [
        Sample(
            standing.spent / standing.budget.amount if standing.budget.amount else 1.0,
            labels(budget=standing.budget.text),
        )
        for standing in standings
    ]
    yield Family(f"{PREFIX}budget_spent_ratio", "gauge", "Share of each --budget that is spent.", samples)


def _cache(found: CacheStatistics) -> Iterator[Family]:
    results = (("hit", found.hits), ("miss", found.misses), ("coalesced", found.coalesced))
    yield Family(
        f"{PREFIX}cache_requests",
        "counter",
        "Requests that the cache was asked about, by what it said.",
        [Sample(count, labels(result=result)) for result, count in results],
    )
    yield _one("cache_evictions", "counter", "Entries that made room for others.", found.evictions)
    yield _one("cache_expirations", "counter", "Entries that became too old.", found.expirations)
    yield _one("cache_entries", "gauge", "Answers that are kept.", found.entries)
    yield _one("cache_bytes", "gauge", "Memory that they take.", found.bytes)
    waiting = "Requests that wait now for the answer to an equal one."
    yield _one("cache_waiting", "gauge", waiting, found.waiting)


def _standing(decisions: int, carried: int, returned: int) -> Iterator[Family]:
    yield _one(
        "standing_decisions", "gauge", "Decisions by which our own server carries requests.", decisions
    )
    yield Family(
        f"{PREFIX}standing_requests",
        "counter",
        "Requests that were carried by a decision of before, by what came of them.",
        (Sample(carried, labels(result="carried")), Sample(returned, labels(result="returned"))),
    )


def _store(store: SharedStore) -> Iterator[Family]:
    yield _one("shared_store_up", "gauge", "Whether the store that replicas share answers.", int(store.is_up))
    yield _one("shared_store_lost", "counter", "Words to the shared store that it was away for.", store.lost)


def _components(reports: tuple[ComponentReport, ...]) -> Iterator[Family]:
    states = [
        Sample(1, labels(component=each.state.name, implementation=each.state.implementation))
        for each in reports
    ]
    yield Family(f"{PREFIX}component", "info", "Which implementation of a component runs.", states)
    backs = [
        Sample(int(each.state.reason.startswith("rolled back")), labels(component=each.state.name))
        for each in reports
    ]
    yield Family(
        f"{PREFIX}component_rollbacks", "counter", "Components that were switched to their reference.", backs
    )
    for name, text in (
        ("differences", "Calls in which the two implementations differed (shadow)."),
        ("failures", "Panics and broken contracts of the native implementation."),
    ):
        counted = [Sample(getattr(each, name), labels(component=each.state.name)) for each in reports]
        yield Family(f"{PREFIX}component_{name}", "counter", text, counted)
    seconds: list[Sample] = []
    longest: list[Sample] = []
    for each in reports:
        for implementation, (calls, total, most) in each.timings.items():
            if calls:
                given = labels(component=each.state.name, implementation=implementation)
                seconds += (Sample(total, given, "_sum"), Sample(calls, given, "_count"))
                longest.append(Sample(most, given))
    yield Family(f"{PREFIX}component_seconds", "summary", "Time spent in a component.", seconds)
    text = "The longest call of a component."
    yield Family(f"{PREFIX}component_longest_seconds", "gauge", text, longest)


def _status(digit: int) -> str:
    return f"{digit}xx" if digit else "none"
