"""The stateful components that a request passes, native against reference, in one run.

    python bench/cache.py

Medians of rounds that alternate between the two. A place is what every request takes; a key, a hit and a miss
cost only those that ``--cache`` may answer.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable

from copilot_api.engine import flags
from copilot_api.engine.cache_interfaces import CachedAnswer, CacheOptions
from copilot_api.engine.interfaces import RequestFacts
from copilot_api.engine.native.cache import NativeResponseCache
from copilot_api.engine.native.concurrency import NativeConcurrency
from copilot_api.engine.reference.cache import ReferenceResponseCache
from copilot_api.engine.reference.concurrency import ReferenceConcurrency
from copilot_api.gateway.admit import Gate
from copilot_api.gateway.answer import Whole
from copilot_api.gateway.caching import Asker, Caching
from copilot_api.gateway.plan import make_plan
from copilot_api.gateway.resolver import Resolution
from copilot_api.records import replace
from copilot_api.settings import Settings

ROUNDS = 9
SMALL = json.dumps(
    {"model": "gpt-4.1", "temperature": 0, "messages": [{"role": "user", "content": "hello"}]}
).encode()
PROSE = 'The quick brown fox reads `src/main.rs`, finds "nothing" wrong,\n\tand goes on to the next file. '
MESSAGES = [{"role": ("user", "assistant")[number % 2], "content": PROSE * 35} for number in range(60)]
LARGE = json.dumps({"model": "gpt-4.1", "temperature": 0, "messages": MESSAGES}).encode()
SCOPE = ("key", "gpt-4.1", "/chat/completions", "https://api.githubcopilot.com")


def side_by_side(
    name: str, native: Callable[[int], object], reference: Callable[[int], object], repeats: int
) -> None:
    """Measure two callables, which do their work as often as they are told."""
    figures: dict[Callable[[int], object], list[float]] = {native: [], reference: []}
    for call in figures:
        call(repeats // 10 + 1)
    for _ in range(ROUNDS):
        for call, seconds in figures.items():
            began = time.perf_counter()
            call(repeats)
            seconds.append((time.perf_counter() - began) / repeats)
    fast, slow = (statistics.median(seconds) * 1e6 for seconds in figures.values())
    print(f"{name:44} native {fast:9.2f} us   reference {slow:9.2f} us   {slow / fast:6.1f} x")


def entering(gate: Gate) -> Callable[[int], None]:
    async def enter(times: int) -> None:
        for _ in range(times):
            if not gate.try_enter():
                await gate.wait()
            gate.leave()

    return lambda times: asyncio.run(enter(times))


def keying(cache: NativeResponseCache | ReferenceResponseCache, body: bytes) -> Callable[[int], None]:
    def key(times: int) -> None:
        for _ in range(times):
            cache.key(body, "chat", SCOPE)

    return key


def storing(cache: NativeResponseCache | ReferenceResponseCache) -> Callable[[int], None]:
    answer = CachedAnswer(b"x" * 1000)
    number = 0

    def store(times: int) -> None:
        nonlocal number
        for _ in range(times):
            number += 1
            key = number.to_bytes(32, "little")
            cache.begin(key, number)
            cache.settle(number, answer)

    return store


def hitting(engine_name: str, body: bytes) -> Callable[[int], None]:
    settings = replace(Settings(), cache=1 << 26)
    engine = flags.build_engine(replace(settings, native=(f"cache={engine_name}",)))
    caching = Caching(engine.make_cache, settings)
    plan = make_plan(
        RequestFacts("chat", len(body), model="gpt-4.1"), Resolution("gpt-4.1", None, ""), settings
    )
    answer = Whole(200, (("content-type", "application/json"),), b"x" * 1000)

    async def upstream() -> Whole:
        return answer

    async def hit(times: int) -> None:
        for _ in range(times):
            await caching.answer(Asker(), body, plan, upstream)

    return lambda times: asyncio.run(hit(times))


def main() -> None:
    """Print one line a comparison."""
    print(f"bodies of {len(SMALL):,} and {len(LARGE):,} bytes; medians of {ROUNDS} alternating rounds")
    gates = [Gate(made(64, 512, 0.0), 64) for made in (NativeConcurrency, ReferenceConcurrency)]
    side_by_side("a place taken and given back", *map(entering, gates), 20_000)
    options = CacheOptions(1 << 20, 3600.0)
    for name, body, repeats in (("small", SMALL, 5000), ("large", LARGE, 20)):
        caches = (NativeResponseCache(options), ReferenceResponseCache(options))
        side_by_side(f"key of a {name} request", *(keying(cache, body) for cache in caches), repeats)
    caches = (NativeResponseCache(options), ReferenceResponseCache(options))
    side_by_side("a miss kept, another entry evicted", *map(storing, caches), 20_000)
    side_by_side("a hit, small request, gateway's part", *(hitting(n, SMALL) for n in ("on", "off")), 5000)


if __name__ == "__main__":
    main()
